"""Every rule code and every check leads to a section that the operator's guide has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assets.storage import guide
from pipelines.definitions import build_definitions
from schemas.staged import CANONICAL

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (Path(__file__).parents[3] / guide.GUIDE).read_text(encoding="utf-8")
HEADINGS = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
# As GitHub and MkDocs make anchors of headings; `<a id>` are anchors of their own.
ANCHORS = {
    re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in HEADINGS
}
ANCHORS |= set(re.findall(r'<a id="([\w-]+)"></a>', TEXT))


def test_every_section_is_there() -> None:
    assert set(guide.SECTIONS.values()) - ANCHORS == set()


def test_every_code_of_the_rules_page_leads_to_one() -> None:
    codes = set(re.findall(r"^\| `([A-Z]+-[A-Z0-9-]+)`", (DOCS / "rules.md").read_text(), re.M))
    assert len(codes) > 250
    assert {code for code in codes if not guide.section(code)} == set()


def test_every_code_that_a_column_s_declaration_makes_leads_to_one() -> None:
    made = {f"{table.upper().replace('_', '-')}-ANY-MISSING" for table in CANONICAL}
    assert {code for code in made if guide.section(code) != guide.QUARANTINE} == set()


def test_every_check_has_a_place_and_the_ways_are_of_checks() -> None:
    checks = {key.name for key in build_definitions().resolve_asset_graph().asset_check_keys}
    assert checks - ANCHORS == set()
    assert set(guide.WAYS) - checks == set()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("FILE-MISSING: lake/staged/crm", "#a-file-is-damaged-or-lost"),
        ("CERT-PEPPER: secrets/pepper is missing", "#a-file-is-damaged-or-lost"),
        ("crm/2026-11-24, file 1 of 2: DEL-SIZE: too short", "#refused-deliveries"),
    ],
)
def test_a_message_with_a_code_names_the_place_once(text: str, place: str) -> None:
    explained = guide.with_place(text)
    assert explained == f"{text}; what to do is in docs/operators-guide.md{place}"
    assert guide.with_place(explained) == explained


def test_what_only_looks_like_a_code_is_none() -> None:
    assert guide.codes_in("AINO-TESTI of 010190-900A and lake/register at UTC-3") == []
    assert guide.with_place("no such file") == "no such file"
