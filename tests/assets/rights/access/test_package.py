"""A registrant's package holds everything of theirs and nothing of anybody else; the same input
gives the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
import stat
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from assets.marts import profile_explanation
from assets.rights.access import gathering, package
from assets.rights.access.archive import ArchiveError
from assets.storage.data_root import DataRoot
from schemas.marts import MARTS
from schemas.policy.loader import load_policy
from tests.support.access_world import (
    MARK,
    NEXT,
    OTHERS,
    OWN,
    SELF_CODE,
    SPOUSE_CODE,
    register_of_them,
)
from tests.support.packages import content, unzipped
from tests.support.registers import TODAY, registrant

NOW = datetime(2026, 11, 20, 9, 0, 1, tzinfo=UTC)
REQUEST = "Q0000000000000001"


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    return register_of_them(tmp_path_factory)


@pytest.fixture(scope="module")
def registrant_id(data_root: DataRoot) -> str:
    return str(registrant(data_root, SELF_CODE)["registrant_id"])


@pytest.fixture(scope="module")
def written(
    data_root: DataRoot, registrant_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("out") / "package.zip"
    package.access(data_root, registrant_id, REQUEST, out, NOW)
    return out


@pytest.mark.clause("P9.1")
def test_nothing_of_anybody_else_is_in_any_file(written: Path) -> None:
    for name, data in unzipped(written).items():
        text = data.decode().lower()
        assert [identifier for identifier in OTHERS if identifier.lower() in text] == [], name


def test_the_data_root_contains_what_must_not_be_disclosed(data_root: DataRoot) -> None:
    """The markers are in the lake: were they not, their absence would say nothing."""
    other = gathering.gather(data_root, str(registrant(data_root, SPOUSE_CODE)["registrant_id"]))
    assert MARK in json.dumps(other.statements)


@pytest.mark.clause("P9.1")
@pytest.mark.parametrize("value", OWN)
def test_everything_of_the_registrants_own_is_there(written: Path, value: str) -> None:
    files = unzipped(written)
    for name in ("access.json", "access.html"):
        assert value in files[name].decode(), name


def test_each_attribute_names_its_source(written: Path) -> None:
    sources = {
        row["attribute"]: row["source"] for row in content(written)["register"]["provenance"]
    }
    assert sources["name"] == "population_register"
    assert sources["phone"] == "crm"


def test_records_of_every_source_are_included_as_delivered(written: Path) -> None:
    records = content(written)["records"]
    assert {(record["source"], record["dataset"]) for record in records} == {
        ("population_register", "perustiedot"),
        ("population_register", "muutokset"),
        ("crm", "contacts"),
        ("crm", "contracts"),
        ("crm", "orders"),
        ("website", "visits"),
        ("consents", "consent_log"),
        ("credit_bureau", "credit_reports"),
    }
    assert all(record["outcome"] == "staged" for record in records)


def test_what_is_withheld_is_counted(written: Path) -> None:
    assert content(written)["withheld"] == {"fields": 7, "records": 0}


def test_a_consent_for_a_shared_address_is_disclosed_without_its_evidence(written: Path) -> None:
    log = content(written)["register"]["choice_log"]
    assert {
        (row["choice"], row["evidence"]) for row in log if row["origin"] == "consents:web-form"
    } == {("granted", "own-proof"), ("prohibited", "[redacted]")}
    assert [row["record_key"] for row in log if row["origin"] == "crm:hs_email_optout"] == [None]


def test_every_mart_is_listed_with_its_reasons(written: Path) -> None:
    marts = content(written)["marts"]
    assert [mart["mart"] for mart in marts] == list(MARTS)
    assert all(channel["rules"] for mart in marts for channel in mart["channels"])


def test_profiles_are_disclosed_with_their_rules(
    data_root: DataRoot, registrant_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So few people are never profiled: no value is shared by enough of them."""
    value = profile_explanation.Value(
        "engagement", "high", "PROFILE-ENGAGEMENT", "in English", "visits 9", TODAY
    )
    monkeypatch.setattr(profile_explanation, "profile", lambda *_: [value])
    package.access(data_root, registrant_id, REQUEST, tmp_path / "one.zip", NOW, "fi")
    profile = content(tmp_path / "one.zip")["profile"]
    assert [
        (entry["value"], entry["rule"], entry["inputs"], entry["as_of"]) for entry in profile
    ] == [("high", "PROFILE-ENGAGEMENT", "visits 9", str(TODAY))]
    assert (
        "napsautukset verkkosivustolla 180 päivän ajalta"
        in unzipped(tmp_path / "one.zip")["access.html"].decode()
    )


def test_the_circumstances_are_those_of_the_notice(written: Path) -> None:
    circumstances = content(written)["circumstances"]
    assert len(circumstances["purposes"]) == len(load_policy().purposes)
    assert {recipient["country"] for recipient in circumstances["recipients"]} == {"Finland", "USA"}
    assert circumstances["retention"]
    assert "Dataombudsmannens" in circumstances["authority"]


def test_the_page_is_in_the_registrants_language_unless_another_is_asked_for(
    written: Path, data_root: DataRoot, registrant_id: str, tmp_path: Path
) -> None:
    assert '<html lang="sv">' in unzipped(written)["access.html"].decode()
    for language, heading in (
        ("fi", "Mistä kukin tieto on peräisin"),
        ("en", "Where each detail comes from"),
    ):
        package.access(data_root, registrant_id, REQUEST, tmp_path / "one.zip", NOW, language)
        page = unzipped(tmp_path / "one.zip")["access.html"].decode()
        assert f'<html lang="{language}">' in page
        assert heading in page


class Tags(HTMLParser):
    """Every tag of a page, and the attributes that could make it do something."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.doing: list[str] = []
        self.links: set[str | None] = set()
        self.places: set[str | None] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links |= {value for name, value in attrs if name == "href"}
        self.places |= {f"#{value}" for name, value in attrs if name == "id"}
        self.doing += [
            name for name, _ in attrs if name.startswith("on") or name in ("src", "action")
        ]


def test_the_page_obeys_no_value(tmp_path: Path) -> None:
    gathered = gathering.Gathered("R1", "2026-11-20", "en", withheld={"fields": 0, "records": 0})
    wicked = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
    gathered.register = {"registrants": [{"given_names": wicked}], "names": [{wicked: wicked}]}
    gathered.statements = {"visits": [{"url": wicked}]}
    gathered.records = [
        {
            "source": wicked,
            "dataset": "d",
            "delivered_on": "x",
            "record_no": 0,
            "outcome": wicked,
            "rules": [],
            "content": {wicked: [wicked]},
        },
    ]
    from assets.rights.access import page

    tags = Tags()
    tags.feed(page.html(load_policy(), gathered, "en", NOW).decode())
    assert not tags.names & {"script", "img", "iframe", "object", "link", "form"}
    assert tags.doing == []
    assert tags.links <= tags.places, "a link leads out of the page"


def test_the_same_input_gives_the_same_bytes(
    written: Path, data_root: DataRoot, registrant_id: str, tmp_path: Path
) -> None:
    package.access(data_root, registrant_id, REQUEST, tmp_path / "again.zip", NOW)
    assert (tmp_path / "again.zip").read_bytes() == written.read_bytes()


def test_the_file_is_its_owners_only_and_nothing_is_left_beside_it(written: Path) -> None:
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert [path.name for path in written.parent.iterdir()] == [written.name]


def test_no_file_in_the_package_is_named_after_anybody(written: Path) -> None:
    assert {name for name in unzipped(written) if not name.startswith("tables/")} == {
        "access.html",
        "access.json",
        "consent-receipts.json",
        "public-key.pem",
    }


def test_a_package_is_not_kept_in_the_data_root(data_root: DataRoot, registrant_id: str) -> None:
    with pytest.raises(ArchiveError, match="outside the data root"):
        package.access(data_root, registrant_id, REQUEST, data_root.requests / "package.zip", NOW)
    assert not (data_root.requests / "package.zip").exists()


def test_an_unknown_id_is_reported_without_repeating_it(
    data_root: DataRoot, tmp_path: Path
) -> None:
    with pytest.raises(gathering.UnknownRegistrantError) as refused:
        package.access(data_root, "RFFFFFFFFFFFFFFFF", REQUEST, tmp_path / "one.zip", NOW)
    assert "RFFF" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_tables_for_spreadsheets_have_the_content_of_the_json(written: Path) -> None:
    files = unzipped(written)
    rows = list(
        csv.DictReader(
            io.StringIO(files["tables/register-orders.csv"].decode("utf-8-sig"), newline="")
        )
    )
    assert rows[0]["amount"] == "'-20.00"
    assert content(written)["register"]["orders"][0]["amount"] == "-20.00"
    assert NEXT in files["tables/records.csv"].decode()
