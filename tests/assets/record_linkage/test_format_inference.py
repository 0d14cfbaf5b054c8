"""Whether full names begin with the family's is told by the people of one home."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from assets.record_linkage import standardisation
from assets.record_linkage.roles import Roles

FIRST = ("Aino", "Eero", "Helmi", "Oskari", "Venla", "Toivo")
ROLES = {"name": "full_name", "street": "street", "born": "birth_date"}


def families(name: str, *, count: int = 30, home: bool = True) -> list[dict[str, str]]:
    """Families of three; `name` says how a name is written."""
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


def written(rows: list[dict[str, str]], roles: dict[str, str]) -> bool:
    with duckdb.connect() as connection:
        connection.register("said", pa.Table.from_pylist(rows))
        connection.execute("CREATE TABLE people AS FROM said")
        return standardisation.habits_of(connection, "people", Roles.of(roles)).family_first


@pytest.mark.parametrize(
    ("name", "first"),
    [("{family} {first}", True), ("{first} {family}", False), ("{family}, {first}", False)],
)
def test_people_of_one_home_share_the_name_of_the_family(name, first):
    assert written(families(name), ROLES) is first


def test_few_homes_tell_nothing():
    assert written(families("{family} {first}", count=2), ROLES) is False


def test_people_who_share_no_home_tell_nothing():
    assert written(families("{family} {first}", home=False), ROLES) is False


def test_without_a_birth_date_there_must_be_more_first_words():
    """Else somebody who has married twice would tell that family names come first."""
    without = {"name": "full_name", "street": "street"}
    assert written(families("{family} {first}"), without) is True
    married = [
        {
            "name": f"{FIRST[0]} Suku{chr(97 + number % 26)}{chr(97 + number // 26)}",
            "street": f"Katu {number // 3}",
        }
        for number in range(90)
    ]
    assert written(married, without) is False


def test_names_with_a_comma_are_not_turned_twice():
    rows = [
        *families("{family} {first}"),
        {"name": "Kivi, Aleksis", "street": "Polku 1", "born": "1934-10-10"},
    ]
    with duckdb.connect() as connection:
        connection.register(
            "said",
            pa.Table.from_pylist([{**row, "uid": str(number)} for number, row in enumerate(rows)]),
        )
        connection.execute("CREATE TABLE people AS FROM said")
        standardisation.normalise(connection, "people", Roles.of({**ROLES, "uid": "key"}))
        found = dict(
            connection.execute(
                "SELECT key, [given, family] FROM linkage_records JOIN linkage_keys USING (id)"
            ).fetchall()
        )
    assert found["0"] == ["aino", "sukuaala"]
    assert found[str(len(rows) - 1)] == ["aleksis", "kivi"]
