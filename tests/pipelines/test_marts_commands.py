"""`register why`, `export`, `profile` and `withdraw` as they are typed: what they print, what they
refuse, and no value of anyone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click import Command
from click.testing import Result

from assets.erasure.proof import mart_files
from assets.marts.building import mart_path
from assets.storage.data_root import DataRoot
from pipelines.cli.marts import export, why
from pipelines.cli.profile import profile
from pipelines.cli.withdrawal import withdraw
from schemas.columns import table_name
from schemas.marts import MARTS, About
from schemas.meanings import meanings_of
from tests.support.marketing import contact, deliver_all, event, of
from tests.support.registers import refresh, rows, typed

PERSONAL = ("Nimi1", "Aaltonen", "Bergström", "n1@example.fi", "n2@example.fi")


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    """Two contacts, both with consent to e-mail marketing; one also targeted advertising."""
    made = DataRoot(tmp_path_factory.mktemp("commands") / "data")
    made.create()
    deliver_all(
        made,
        [contact("1"), contact("2")],
        [event("1"), event("2"), event("2", purpose="targeted_advertising")],
    )
    refresh(made, marts=["direct_marketing", "targeted_advertising", "analytics"])
    return made


def asked(data_root: DataRoot, command: Command, *words: str) -> Result:
    answer = typed(data_root, command, *words)
    assert not [value for value in PERSONAL if value in answer.output]
    return answer


def output(data_root: DataRoot, command: Command, *words: str) -> Any:
    answer = asked(data_root, command, *words, "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.output)


def mailed(data_root: DataRoot) -> set[str]:
    with duckdb.connect(
        str(mart_path(data_root, "direct_marketing")), read_only=True
    ) as connection:
        return {row[0] for row in connection.execute("SELECT given_names FROM by_email").fetchall()}


@pytest.mark.parametrize("purpose", ["direct_marketing", "analytics"])
def test_a_published_mart_says_what_its_tables_and_columns_mean(
    data_root: DataRoot, purpose: str
) -> None:
    path = mart_path(data_root, purpose)
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = dict(
            connection.execute("SELECT table_name, comment FROM duckdb_tables()").fetchall()
        )
        columns = connection.execute(
            "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
    models = {table_name(model): model for model in (*MARTS[purpose], About)}
    assert tables.keys() == models.keys()
    assert all(tables.values())
    assert {(table, column): text for table, column, text in columns} == {
        (table, column): meaning
        for table, model in models.items()
        for column, meaning in meanings_of(model).items()
    }
    assert mart_files.check(data_root, path, f"marts.{purpose}") == []


def test_why_lists_every_channel_with_its_rules(data_root: DataRoot) -> None:
    explained = output(data_root, why, of(data_root, "Nimi1"), "direct_marketing")
    channels = {channel["channel"]: channel for channel in explained["channels"]}
    assert {name: channel["admitted"] for name, channel in channels.items()} == {
        "email": True,
        "sms": False,
        "phone": False,
        "post": False,
    }
    assert {rule["code"] for rule in channels["email"]["rules"]} >= {"ADM-CONSENT"}
    assert "ADM-CONSENT" in asked(data_root, why, of(data_root, "Nimi1"), "direct_marketing").output


def test_why_refuses_an_unknown_id(data_root: DataRoot) -> None:
    answer = asked(data_root, why, "R0000000000000000", "direct_marketing")
    assert answer.exit_code != 0
    assert "R0000000000000000" in answer.output or "registrant" in answer.output


def test_why_refuses_an_unknown_mart(data_root: DataRoot) -> None:
    assert "direct_marketing" in asked(data_root, why, of(data_root, "Nimi1"), "marketing").output


def test_an_export_that_relies_on_privacy_shield_is_refused_and_writes_nothing(
    data_root: DataRoot, tmp_path: Path
) -> None:
    answer = asked(
        data_root,
        export,
        "targeted_advertising",
        "marketing_automation",
        "--out",
        str(tmp_path / "audience.csv"),
    )
    assert answer.exit_code != 0
    assert "privacy_shield is void since 2020-07-16" in answer.output
    assert not (tmp_path / "audience.csv").exists()


def test_profile_lists_what_is_in_use_or_that_nothing_is(data_root: DataRoot) -> None:
    answered = output(data_root, profile, of(data_root, "Nimi1"))
    assert set(answered) <= {"admitted", "values"}
    assert asked(data_root, profile, of(data_root, "Nimi1")).output.strip()


def test_withdraw_takes_the_registrant_out_of_the_mart_now(data_root: DataRoot) -> None:
    before = mailed(data_root)
    assert {"Nimi1", "Nimi2"} <= before
    answered = output(
        data_root,
        withdraw,
        "--contact-id",
        "1",
        "--purpose",
        "direct_marketing",
        "--channel",
        "email",
    )
    assert answered == {"purpose": "direct_marketing", "channel": "email", "registrants": 1}
    assert mailed(data_root) == before - {"Nimi1"}
    assert (
        len(rows(data_root, "FROM choice_log WHERE origin = 'consents:self-service'", "choice_log"))
        == 1
    )


def test_withdraw_asks_for_one_identifier(data_root: DataRoot) -> None:
    answer = asked(data_root, withdraw, "--purpose", "direct_marketing")
    assert answer.exit_code != 0
    assert "--customer-number" in answer.output
