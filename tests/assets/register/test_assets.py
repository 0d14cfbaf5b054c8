"""What the UI shows of linkage: counts, levels and weights."""

from __future__ import annotations

from dataclasses import asdict

import duckdb

from assets.record_linkage.waterfall import svg
from assets.register.assets import linkage_metadata
from assets.register.entity_resolution import link
from tests.assets.register.linkage_world import deliveries_about, population


def test_metadata_shows_the_quality_of_linkage_and_nobody_s_data() -> None:
    world = deliveries_about(population(300, seed=2), seed=2)
    with duckdb.connect() as connection:
        world.load(connection)
        links = asdict(link(connection)) | {
            "succession": {"merged": 1, "split": 0, "renamed": 0, "ids_kept": 99, "ids_ceased": 1},
            "drift": {},
        }
    shown = linkage_metadata(links)
    assert shown["two_code_clusters"] == 0
    assert shown["since_last_run_merged"] == 1
    assert shown["since_last_run_ids_kept_share"] == 0.99
    assert 0 <= shown["grey_share"] <= 1
    for name in ("links_per_pass", "links_per_1000_pairs", "calibration", "cluster_sizes"):
        assert shown[name].value.count("\n") >= 2, name
    pictures = shown["typical_pairs"].value
    assert "a usual link" in pictures
    assert "data:image/svg+xml;base64," in pictures
    values = {
        str(value).lower()
        for row in world.people
        for value in row.values()
        if isinstance(value, str) and len(value) > 4
    }
    shown_text = " ".join(
        str(entry.value if hasattr(entry, "value") else entry) for entry in shown.values()
    ).lower()
    assert [value for value in values if value in shown_text] == []


def test_waterfall_leads_from_start_to_weight() -> None:
    drawn = svg("a <link>", -14.0, [["given", "exact", 8.0], ["born", "differs", -3.5]], -9.5)
    assert drawn.startswith("<svg")
    assert "a &lt;link&gt;" in drawn
    assert "+8.0" in drawn
    assert "-9.5" in drawn
    assert drawn.count("<rect") == 4
