"""`register why`, `export`, `profile` and `withdraw` as they are typed: what they answer, what they
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

from assets.marts.building import mart_path
from assets.storage.data_root import Home
from pipelines.cli.marts import export, why
from pipelines.cli.profile import profile
from pipelines.cli.withdrawal import withdraw
from tests.support.marketing import contact, deliver_all, event, of
from tests.support.registers import refresh, rows, typed

PERSONAL = ("Nimi1", "Aaltonen", "Bergström", "n1@example.fi", "n2@example.fi")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two contacts, both of whom have granted e-mail marketing; one also targeted advertising."""
    made = Home(tmp_path_factory.mktemp("commands") / "data")
    made.create()
    deliver_all(
        made,
        [contact("1"), contact("2")],
        [event("1"), event("2"), event("2", purpose="targeted_advertising")],
    )
    refresh(made)
    return made


def asked(home: Home, command: Command, *words: str) -> Result:
    answer = typed(home, command, *words)
    assert not [value for value in PERSONAL if value in answer.output]
    return answer


def output(home: Home, command: Command, *words: str) -> Any:
    answer = asked(home, command, *words, "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.output)


def mailed(home: Home) -> set[str]:
    with duckdb.connect(str(mart_path(home, "direct_marketing")), read_only=True) as connection:
        return {row[0] for row in connection.execute("SELECT given_names FROM by_email").fetchall()}


def test_why_tells_every_channel_with_its_rules(home: Home) -> None:
    found = output(home, why, of(home, "Nimi1"), "direct_marketing")
    channels = {channel["channel"]: channel for channel in found["channels"]}
    assert {name: channel["admitted"] for name, channel in channels.items()} == {
        "email": True,
        "sms": False,
        "phone": False,
        "post": False,
    }
    assert {rule["code"] for rule in channels["email"]["rules"]} >= {"ADM-CONSENT"}
    assert "ADM-CONSENT" in asked(home, why, of(home, "Nimi1"), "direct_marketing").output


def test_why_refuses_an_id_that_is_none(home: Home) -> None:
    answer = asked(home, why, "R0000000000000000", "direct_marketing")
    assert answer.exit_code != 0
    assert "R0000000000000000" in answer.output or "registrant" in answer.output


def test_why_refuses_a_mart_that_is_none(home: Home) -> None:
    assert "direct_marketing" in asked(home, why, of(home, "Nimi1"), "marketing").output


def test_export_is_refused_to_who_relies_on_privacy_shield_and_writes_nothing(
    home: Home, tmp_path: Path
) -> None:
    answer = asked(
        home,
        export,
        "targeted_advertising",
        "marketing_automation",
        "--out",
        str(tmp_path / "audience.csv"),
    )
    assert answer.exit_code != 0
    assert "privacy_shield is void since 2020-07-16" in answer.output
    assert not (tmp_path / "audience.csv").exists()


def test_profile_tells_what_is_in_use_or_that_nothing_is(home: Home) -> None:
    found = output(home, profile, of(home, "Nimi1"))
    assert set(found) <= {"admitted", "values"}
    assert asked(home, profile, of(home, "Nimi1")).output.strip()


def test_withdraw_takes_the_registrant_out_of_the_mart_now(home: Home) -> None:
    before = mailed(home)
    assert {"Nimi1", "Nimi2"} <= before
    found = output(
        home, withdraw, "--contact-id", "1", "--purpose", "direct_marketing", "--channel", "email"
    )
    assert found == {"purpose": "direct_marketing", "channel": "email", "registrants": 1}
    assert mailed(home) == before - {"Nimi1"}
    assert (
        len(rows(home, "FROM choice_log WHERE origin = 'consents:self-service'", "choice_log")) == 1
    )


def test_withdraw_asks_for_one_identifier(home: Home) -> None:
    answer = asked(home, withdraw, "--purpose", "direct_marketing")
    assert answer.exit_code != 0
    assert "--customer-number" in answer.output
