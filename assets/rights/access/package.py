"""The two packages: everything about a registrant (GDPR 15), and what they may take elsewhere (GDPR
20).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from assets.documents import notice, pages
from assets.rights.access import (
    archive,
    consent_receipts,
    labels,
    page,
    portable,
    recipients,
    spreadsheets,
)
from assets.rights.access.gathering import Gathered, Row, gather, plain
from assets.storage import signing_key
from assets.storage.data_root import DataRoot
from schemas.policy.model import Policy
from schemas.vocabulary import Language

FORMAT = 1
RECEIPTS = "consent-receipts.json"


@dataclass(frozen=True)
class Packed:
    """What was written, by count: files in the ZIP, its bytes, rows of the register, statements,
    records as delivered, what is withheld and what of it was released; and the language.
    """

    files: int
    bytes: int
    register_rows: int
    statements: int
    records: int
    withheld_fields: int
    withheld_records: int
    released: int
    language: str


def access(
    data_root: DataRoot,
    registrant_id: str,
    request_id: str,
    out: Path,
    now: datetime,
    language: Language | None = None,
    released: Collection[str] = (),
    *,
    pdf: bool = False,
) -> Packed:
    """Write everything about the registrant to `out`: access.html, also as access.pdf if wanted,
    access.json, the receipts of their consents, and tables/ as CSV; of what is withheld the items
    `released`.

    In the registrant's language as the register knows it, unless one is given. Raises
    UnknownRegistrantError, ArchiveError or PdfError. Same register, policy and clock: same bytes.
    The caller has the writer's lock.
    """
    gathered = gather(data_root, registrant_id, released)
    chosen_language = language or labels.chosen(data_root.policy, gathered.language)
    content = {
        **_about(data_root.policy, request_id, now),
        **asdict(gathered),
        "language": chosen_language,
        "circumstances": circumstances(data_root.policy, chosen_language, now.date()),
        "recipients": recipients.receiving(data_root.policy, gathered, chosen_language, now.date()),
    }
    html = page.html(data_root.policy, gathered, chosen_language, now)
    files = {
        "access.html": html,
        "access.json": archive.as_json(content),
        **_receipts(data_root, gathered, chosen_language, now.date()),
    }
    if pdf:
        files["access.pdf"] = pages.pdf(html.decode())
    files |= {
        f"tables/{name}.csv": spreadsheets.table(rows)
        for name, rows in _tables(gathered).items()
        if rows
    }
    size = archive.write(data_root, out, files, now)
    return Packed(
        len(files),
        size,
        sum(map(len, gathered.register.values())),
        sum(map(len, gathered.statements.values())),
        len(gathered.records),
        gathered.withheld["fields"],
        gathered.withheld["records"],
        len(gathered.released),
        chosen_language,
    )


def portability(
    data_root: DataRoot, registrant_id: str, request_id: str, out: Path, now: datetime
) -> Packed:
    """Write what the registrant provided to `out`: portability.json, and tables/ as CSV. Raises as
    `access` does.
    """
    gathered = gather(data_root, registrant_id)
    taken = portable.portable(data_root.policy, gathered)
    files = {
        "portability.json": archive.as_json(
            {**_about(data_root.policy, request_id, now), "provided": taken}
        )
    }
    files |= {f"tables/{name}.csv": spreadsheets.table(rows) for name, rows in taken.items()}
    size = archive.write(data_root, out, files, now)
    return Packed(
        len(files),
        size,
        0,
        sum(map(len, taken.values())),
        0,
        0,
        0,
        0,
        labels.chosen(data_root.policy, gathered.language),
    )


def consents(
    data_root: DataRoot,
    registrant_id: str,
    out: Path,
    now: datetime,
    language: Language | None = None,
) -> int:
    """Write the receipts of the registrant's consents to `out`, and return how many there are.
    Raises as `access` does.
    """
    gathered = gather(data_root, registrant_id)
    chosen_language = language or labels.chosen(data_root.policy, gathered.language)
    receipts = consent_receipts.signed(data_root, gathered, chosen_language, now.date())
    archive.write(data_root, out, {RECEIPTS: archive.as_json(receipts), **_key(data_root)}, now)
    return len(receipts["receipts"])


def _receipts(
    data_root: DataRoot, gathered: Gathered, language: Language, today: date
) -> dict[str, bytes]:
    """Return the receipts of consents with the key that checks them; none without a consent."""
    receipts = consent_receipts.signed(data_root, gathered, language, today)
    if not receipts["receipts"]:
        return {}
    return {RECEIPTS: archive.as_json(receipts), **_key(data_root)}


def _key(data_root: DataRoot) -> dict[str, bytes]:
    return {"public-key.pem": signing_key.public_key(data_root)}


def circumstances(policy: Policy, language: Language, today: date) -> dict[str, Any]:
    """Purposes with bases, sources, recipients with country and mechanism, periods, rights: as the
    notice lists them on the day (GDPR 15(1)).
    """
    facts = notice.facts(policy, language, today)
    kept = (
        "purposes",
        "own_sources",
        "third_parties",
        "recipients",
        "retention",
        "kept",
        "answered_within",
        "extended_by",
        "channels",
        "authority",
        "role",
    )
    listed = {name: _as_plain(facts[name]) for name in kept}
    return {
        **listed,
        "controller": policy.controller.model_dump(),
        "contact": {"address": policy.contact.address, "email": policy.contact.email},
    }


def _as_plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_as_plain(part) for part in value]
    return plain(vars(value)) if hasattr(value, "__dataclass_fields__") else plain(value)


def _about(policy: Policy, request_id: str, now: datetime) -> dict[str, Any]:
    about = {
        "format": FORMAT,
        "request_id": request_id,
        "made_at": now.isoformat(timespec="seconds"),
    }
    return {**about, "policy": {"version": policy.version, "hash": policy.fingerprint}}


def _tables(gathered: Gathered) -> dict[str, list[Row]]:
    """Every table of the package, by the name of its file."""
    marts: list[Row] = [
        {
            "mart": mart["mart"],
            "channel": channel["channel"],
            "admitted": channel["admitted"],
            **rule,
        }
        for mart in gathered.marts
        for channel in mart["channels"]
        for rule in channel["rules"]
    ]
    return {
        **{f"register-{name}": rows for name, rows in gathered.register.items()},
        **{f"statements-{name}": rows for name, rows in gathered.statements.items()},
        **{f"held-{name}": rows for name, rows in gathered.retained.items()},
        "records": _leaves(gathered.records, "outcome"),
        "released": _leaves(gathered.released),
        "marts": marts,
        "profile": gathered.profile or [],
    }


def _leaves(delivered: list[Row], *more: str) -> list[Row]:
    """A row for each value of records as delivered, or of single fields of them."""
    return [
        {
            **{
                name: record[name]
                for name in ("source", "dataset", "delivered_on", "record_no", *more)
            },
            "field": f"{record.get('field', '')}.{path}".strip("."),
            "value": value,
        }
        for record in delivered
        for path, value in spreadsheets.leaves(record["content"])
    ]
