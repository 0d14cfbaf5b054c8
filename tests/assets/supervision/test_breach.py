"""The worksheet counts the registrants in the files that got out, and names nobody."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from assets.storage.data_root import DataRoot
from assets.supervision import breach
from assets.supervision.breach import Affected, BreachError, Worksheet
from tests.support.marketing import contact, deliver_all, event
from tests.support.registers import refresh

NOW = datetime(2026, 11, 20, 9, tzinfo=ZoneInfo("Europe/Helsinki"))


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    made = DataRoot(tmp_path_factory.mktemp("breach") / "data")
    made.create()
    deliver_all(made, [contact("1"), contact("2"), contact("3")], [event("1")])
    refresh(made, marts=["direct_marketing", "analytics"])
    return made


def assessed(data_root: DataRoot, *paths: str) -> Worksheet:
    return breach.assess(data_root, [Path(path) for path in paths], NOW)


def only(worksheet: Worksheet) -> Affected:
    (file,) = worksheet.files
    return file


def test_a_mart_has_its_registrants_and_its_categories(data_root: DataRoot) -> None:
    worksheet = assessed(data_root, "marts/direct_marketing.duckdb")
    file = only(worksheet)
    assert file.registrants == worksheet.registrants == len(worksheet.ids) > 0
    assert {"name", "contact"} <= {*file.categories}
    assert "credit" not in file.categories


def test_a_mart_of_pseudonyms_has_no_registrants(data_root: DataRoot) -> None:
    file = only(assessed(data_root, "marts/analytics.duckdb"))
    assert file.registrants is None
    assert file.remark.startswith("pseudonyms")


def test_raw_staged_and_register_count_the_same_people_once(data_root: DataRoot) -> None:
    worksheet = assessed(data_root, "lake/raw/crm", "lake/staged/crm", "lake/register")
    by_layer = {
        layer: max(file.registrants or 0 for file in worksheet.files if file.layer == layer)
        for layer in ("raw", "staged", "register")
    }
    assert by_layer == {"raw": 3, "staged": 3, "register": 3}
    assert worksheet.registrants == 3


def test_what_is_no_table_is_listed_with_a_remark(data_root: DataRoot) -> None:
    worksheet = assessed(data_root, "secrets/pepper")
    assert only(worksheet).rows is None
    assert "keyed hashes" in only(worksheet).remark
    assert worksheet.registrants == 0


def test_what_is_not_of_the_data_root_is_refused(data_root: DataRoot) -> None:
    for path in ("/etc/hostname", "..", "lake/none"):
        with pytest.raises(BreachError, match="name files or folders of the data root"):
            assessed(data_root, path)


def test_the_page_has_the_deadline_and_no_id(data_root: DataRoot) -> None:
    worksheet = assessed(data_root, "marts/direct_marketing.duckdb")
    page = breach.markdown(data_root.policy, worksheet, NOW)
    assert "2026-11-23 09:00 EET" in page
    assert page.count("OPEN") == 5
    assert not [each for each in worksheet.ids if each in page]
