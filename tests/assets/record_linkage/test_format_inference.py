"""Whether full names begin with the family name is inferred from the people of one home."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from assets.record_linkage import standardisation
from assets.record_linkage.roles import Roles

FIRST = ("Aino", "Eero", "Helmi", "Oskari", "Venla", "Toivo")
ROLES = {"name": "full_name", "street": "street", "born": "birth_date"}


def families(name: str, *, count: int = 30, home: bool = True) -> list[dict[str, str]]:
    """Families of three; `name` is the format of a name."""
    return [
        {
            "name": name.format(
                first=FIRST[(family + member) % len(FIRST)],
                family=f"Suku{chr(97 + family % 26)}{chr(97 + family // 26)}la",
            ),
            "street": f"Katu {family if home else 3 * family + member}",
            "born": f"{1950 + 9 * member + family % 7}-0{1 + member * 3}-1{member}",
        }
        for family in range(count)
        for member in range(3)
    ]


def family_first(rows: list[dict[str, str]], roles: dict[str, str]) -> bool:
    with duckdb.connect() as connection:
        connection.register("rows", pa.Table.from_pylist(rows))
        connection.execute("CREATE TABLE people AS FROM rows")
        return standardisation.infer_format(connection, "people", Roles.of(roles)).family_first


@pytest.mark.parametrize(
    ("name", "first"),
    [("{family} {first}", True), ("{first} {family}", False), ("{family}, {first}", False)],
)
def test_people_of_one_home_share_the_name_of_the_family(name, first):
    assert family_first(families(name), ROLES) is first


def test_few_homes_are_no_evidence():
    assert family_first(families("{family} {first}", count=2), ROLES) is False


def test_people_of_different_homes_are_no_evidence():
    assert family_first(families("{family} {first}", home=False), ROLES) is False


def test_without_a_birth_date_there_must_be_more_first_words():
    """Otherwise a person who has married twice would count as a family."""
    without = {"name": "full_name", "street": "street"}
    assert family_first(families("{family} {first}"), without) is True
    married = [
        {
            "name": f"{FIRST[0]} Suku{chr(97 + number % 26)}{chr(97 + number // 26)}",
            "street": f"Katu {number // 3}",
        }
        for number in range(90)
    ]
    assert family_first(married, without) is False


def test_names_with_a_comma_are_reordered_once():
    rows = [
        *families("{family} {first}"),
        {"name": "Kivi, Aleksis", "street": "Polku 1", "born": "1934-10-10"},
    ]
    with duckdb.connect() as connection:
        connection.register(
            "rows",
            pa.Table.from_pylist([{**row, "uid": str(number)} for number, row in enumerate(rows)]),
        )
        connection.execute("CREATE TABLE people AS FROM rows")
        standardisation.standardise(connection, "people", Roles.of({**ROLES, "uid": "key"}))
        names = dict(
            connection.execute(
                "SELECT key, [given, family] FROM linkage_records JOIN linkage_keys USING (id)"
            ).fetchall()
        )
    assert names["0"] == ["aino", "sukuaala"]
    assert names[str(len(rows) - 1)] == ["aleksis", "kivi"]
