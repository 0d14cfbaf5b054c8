"""The dashboard: counts from the floor of few on, a table beside each chart, and nothing from
outside.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from assets.dagster_support.runs import Today
from assets.documents import dashboard
from assets.documents.assets import dashboard_preview
from assets.documents.dashboard import Part
from assets.ingest.deliveries import Entry
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from tests.support.known_registrants import LEAVES

TODAY = date(2026, 11, 20)
FLOOR = 20


def entry(day: str, delivered: int, codes: dict[str, int]) -> Entry:
    quarantined = sum(codes.values())
    return Entry(
        delivery_id=f"{day}{delivered}",
        source="crm",
        dataset="contacts",
        day=day,
        sha256="",
        bytes=1,
        delivered=delivered,
        period_last=day,
        sequence=None,
        staged=delivered - quarantined,
        quarantined=quarantined,
        codes=codes,
    )


def test_a_rule_of_few_failures_is_not_shown() -> None:
    entries = [
        entry("2026-11-19", 500, {"CRM-DATE": 15, "CONTACT-EMAIL-INVALID": 4}),
        entry("2026-11-18", 500, {"CRM-DATE": 9}),
        entry("2026-10-01", 500, {"CRM-DATE": 40}),
    ]
    part = dashboard._quarantine(entries, TODAY, FLOOR)
    assert part.rows == (("CRM-DATE", 24, 40),)
    assert "CONTACT-EMAIL-INVALID" not in part.chart


def test_intake_discloses_no_small_number_by_subtraction() -> None:
    part = dashboard._intake([entry("2026-11-19", 500, {"CRM-DATE": 3})], TODAY, FLOOR)
    assert part.rows == (("crm", "2026-11-19", 500, "all but under 20"),)
    assert "<svg" in part.chart
    many = dashboard._intake([entry("2026-11-19", 500, {"CRM-DATE": 30})], TODAY, FLOOR)
    assert many.rows == (("crm", "2026-11-19", 500, 470),)
    few = dashboard._intake([entry("2026-11-19", 5, {})], TODAY, FLOOR)
    assert few.rows == (("crm", "2026-11-19", "under 20", "under 20"),)
    assert few.chart == ""


def test_the_linkage_counts_no_few_registrants() -> None:
    links = {
        "to_review": 3,
        "sizes": {"1": 100, "2": 5},
        "links": {"LINK-SCORE": 44, "LINK-EMAIL-ONLY": 2},
    }
    part = dashboard._linkage({"counts": {"links": links}}, FLOOR)
    assert part.rows == (
        ("registrants", 100),
        ("links by LINK-SCORE", 44),
        ("registrants of 1 source persons", 100),
    )


def test_requests_are_counted_by_right_and_deadline(data_root: DataRoot) -> None:
    now = datetime(2026, 11, 20, 9, tzinfo=UTC)
    for days in (1, 60):
        ledger.receive(
            data_root,
            "access",
            "written",
            [f"identity_code:{LEAVES.identity_code}"],
            now,
            received=now.date() - timedelta(days=days),
        )
    requests, erasures = dashboard._requests(data_root, TODAY)
    assert requests.header == ("right", "received", "open", "due soon", "overdue")
    assert requests.rows == (("access", 2, 1, 0, 1),)
    assert erasures.rows == ()


def test_the_page_loads_nothing_and_has_the_numbers_of_every_chart(data_root: DataRoot) -> None:
    page = dashboard.html(data_root, TODAY)
    assert "default-src 'none'" in page
    part = dashboard._intake([entry("2026-11-19", 500, {})], TODAY, FLOOR)
    section = dashboard._section(part)
    assert '<figure role="img" aria-label="Intake' in section
    assert '<td class="number">500</td>' in section
    assert not re.search(r"<script|<image|url\(|href=", page + section)
    assert "Nothing to show" in dashboard._section(Part("a", "b", "", ("c",), ()))


def test_the_asset_shows_every_part(data_root: DataRoot) -> None:
    result = dg.materialize(
        [dashboard_preview],
        resources={"data_root": data_root, "today": Today(as_of=str(TODAY))},
    )
    [event] = result.get_asset_materialization_events()
    assert list(event.materialization.metadata) == [
        part.title.lower().replace(" ", "_") for part in dashboard.parts(data_root, TODAY)
    ]
