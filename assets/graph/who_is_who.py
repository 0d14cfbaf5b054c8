"""What the UI shows of linkage: how good it is and how it has changed. Counts, levels and weights; no value of anybody."""

import base64
from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.graph.showing import counts_table, numbers
from assets.register.waterfall import svg


def metadata(links: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of what `building` counted of linkage: numbers to plot over time, tables, and pictures of a few typical pairs."""
    pairs = links["candidate_pairs"]
    succession, drift = links.get("succession", {}), links.get("drift", {})
    ids = succession.get("ids_kept", 0) + succession.get("ids_ceased", 0)
    told: dict[str, Any] = {
        name: value for name, value in links.items() if isinstance(value, (int, float))
    }
    told |= numbers({"grey_share": round(links["grey_pairs"] / pairs, 4) if pairs else 0.0})
    told |= numbers(succession, "since_last_run_")
    told |= numbers(
        {
            "since_last_run_ids_kept_share": round(succession.get("ids_kept", 0) / ids, 5)
            if ids
            else 1.0
        }
    )
    told |= numbers(drift, "drift_of_full_rerun_")
    told["links_per_pass"] = counts_table(["rule", "links"], sorted(links["links"].items()))
    told["links_per_1000_pairs"] = counts_table(
        [
            "pass of likeness",
            "pairs",
            "new pairs",
            "new links",
            "per 1,000 new pairs",
            "split keys",
            "dropped keys",
        ],
        (
            [
                one["name"],
                one["pairs"],
                one["new_pairs"],
                one["new_links"],
                one["per_thousand"],
                one["split"],
                one["dropped"],
            ]
            for one in links["passes"]
        ),
    )
    told["calibration"] = counts_table(
        ["bits from", "pairs with two codes", "of them one person", "expected by weight"],
        (
            [one["bits"], int(one["pairs"]), int(one["one_person"]), round(one["expected"], 1)]
            for one in links["calibration"]
        ),
    )
    told["cluster_sizes"] = counts_table(["source persons", "registrants"], links["sizes"].items())
    told["typical_pairs"] = dg.MetadataValue.md(
        "\n\n".join(_picture(one) for one in links["typical"]) or "no pair was compared"
    )
    return told


def _picture(pair: Mapping[str, Any]) -> str:
    """The pair's waterfall as a picture inside the text, and as a table for whoever sees no pictures."""
    drawn = base64.b64encode(
        svg(pair["what"], pair["start"], pair["steps"], pair["weight"]).encode()
    ).decode()
    rows = [["any pair", "", pair["start"]], *pair["steps"], ["weight", "", pair["weight"]]]
    return f"![{pair['what']}](data:image/svg+xml;base64,{drawn})\n\n{pair['what']}\n\n{counts_table(['field', 'level', 'bits'], rows).value}"
