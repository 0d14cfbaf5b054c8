"""What the published analytics mart holds of a registrant, and what an objection leaves of it."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from assets.marts import assets as graph
from assets.marts import building as marts
from assets.marts import profile_explanation
from assets.marts.profiles import subjects
from assets.register import building
from assets.storage.data_root import DataRoot
from assets.storage.secrets import pepper
from pipelines.cli.profile import profile
from pipelines.synthetic.assembly import write_sample
from schemas.policy.loader import load_policy
from schemas.profiles import CODES
from tests.assets.marts.profile_world import VALUE_TABLES
from tests.support.deliveries import csv, put
from tests.support.registers import TODAY, rows, take_in

pytestmark = pytest.mark.clause("P4.4")


# With the policy's own floor a sample this small would have few values.
FLOOR = 2
POLICY_FILE = load_policy()
POLICY = POLICY_FILE.model_copy(
    update={"profiles": POLICY_FILE.profiles.model_copy(update={"segment_floor": FLOOR})}
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    """A sample register, and its analytics mart."""
    data_root = DataRoot(tmp_path_factory.mktemp("profiles") / "data", POLICY)
    data_root.create()
    write_sample(
        data_root.inbox,
        data_root.root / "truth",
        registrants=500,
        seed=7,
        days=1,
        last_day=TODAY - timedelta(days=1),
    )
    take_in(data_root)
    publish(data_root)
    return data_root


def publish(data_root: DataRoot) -> None:
    building.build(data_root, TODAY)
    marts.build(data_root, "analytics", TODAY)
    marts.publish(data_root, "analytics")


def mart(data_root: DataRoot, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(marts.mart_path(data_root, "analytics")), read_only=True) as connection:
        return connection.execute(query).fetchall()


def pseudonyms(data_root: DataRoot, registrant_id: str) -> set[str]:
    """The registrant's pseudonyms, one for each attribute and topic of interest."""
    return {
        hmac.new(
            pepper(data_root),
            f"pseudonym|analytics|{TODAY}|{subject}|{registrant_id}".encode(),
            hashlib.sha256,
        ).hexdigest()[:32]
        for subject in subjects(data_root.policy)
    }


def someone(data_root: DataRoot) -> dict[str, Any]:
    """A customer with several derived characteristics."""
    known = [
        {who for (who,) in mart(data_root, f"SELECT pseudonym FROM {table}")}
        for table in ("consumption", "engagement", "age_bands")
    ]
    customers = rows(
        data_root,
        "SELECT * FROM registrants WHERE customer_number IS NOT NULL AND birth_date_precision = "
        "'day' ORDER BY registrant_id",
    )
    return next(
        customer
        for customer in customers
        if all(pseudonyms(data_root, customer["registrant_id"]) & of_table for of_table in known)
    )


def test_the_mart_discloses_no_group_under_the_floor(built: DataRoot) -> None:
    every = " UNION ALL ".join(
        f"SELECT pseudonym, attribute, value FROM {table}" for table in VALUE_TABLES
    )
    counted = mart(
        built,
        f"SELECT attribute, value, count(DISTINCT pseudonym) FROM ({every}) GROUP BY ALL ORDER BY "
        f"ALL",
    )
    assert {attribute for attribute, _, _ in counted} >= {"age_band", "engagement", "frequency"}
    assert min(registrants for _, _, registrants in counted) >= FLOOR
    assert counted == mart(built, "SELECT attribute, value, registrants FROM segments ORDER BY ALL")


def test_a_mart_that_does_is_not_published(built: DataRoot, tmp_path: Path) -> None:
    data_root = DataRoot(tmp_path / "data", POLICY)
    shutil.copytree(built.root, data_root.root)
    marts.build(data_root, "analytics", TODAY)
    with duckdb.connect(str(marts.candidate_path(data_root, "analytics"))) as connection:
        connection.execute(
            "DELETE FROM age_bands WHERE pseudonym NOT IN (SELECT pseudonym FROM age_bands ORDER "
            "BY pseudonym LIMIT 1)"
        )
    with pytest.raises(marts.MartCheckError, match=r"PROFILE-SEGMENT-FLOOR \(1\)"):
        marts.publish(data_root, "analytics")


def test_a_registrant_sees_what_the_mart_holds_with_rule_inputs_and_day(built: DataRoot) -> None:
    who = someone(built)["registrant_id"]
    explained = profile_explanation.profile(built, who)
    assert explained
    every = " UNION ALL ".join(
        f"SELECT pseudonym, attribute, value, rule, inputs, as_of FROM {table}"
        for table in VALUE_TABLES
    )
    published = mart(
        built,
        f"SELECT attribute, value, rule, inputs, as_of FROM ({every}) WHERE pseudonym IN "
        f"{(*pseudonyms(built, who),)} ORDER BY ALL",
    )
    assert [
        (entry.attribute, entry.value, entry.rule, entry.inputs, entry.as_of) for entry in explained
    ] == published
    assert all(entry.meaning == CODES[entry.rule] and entry.as_of == TODAY for entry in explained)
    assert {"age_band", "engagement"} < {entry.attribute for entry in explained}


@pytest.mark.parametrize(
    "which",
    [
        "deceased",
        "protected",
        f"birth_date_precision = 'day' AND birth_date > DATE "
        f"'{date(TODAY.year - 18, TODAY.month, TODAY.day)}'",
    ],
)
def test_the_deceased_the_protected_and_minors_are_not_profiled(
    built: DataRoot, which: str
) -> None:
    them = [
        registrant["registrant_id"]
        for registrant in rows(built, f"SELECT registrant_id FROM registrants WHERE {which}")
    ]
    assert them
    assert profile_explanation.profile(built, them[0]) is None
    everybody = {
        who for table in VALUE_TABLES for (who,) in mart(built, f"SELECT pseudonym FROM {table}")
    }
    for registrant_id in them:
        assert not everybody & pseudonyms(built, registrant_id)


def test_an_unknown_id_is_refused_without_repeating_it(built: DataRoot) -> None:
    with pytest.raises(profile_explanation.UnknownRegistrantError) as refusal:
        profile_explanation.profile(built, "R00SECRET")
    assert "R00SECRET" not in str(refusal.value)


def test_before_the_first_refresh_it_says_what_to_do(data_root: DataRoot) -> None:
    with pytest.raises(profile_explanation.NotPublishedError, match="register refresh"):
        profile_explanation.profile(data_root, "R1")


@pytest.mark.parametrize(
    ("purpose", "status"),
    [("profiling", "prohibited"), ("analytics", "prohibited"), ("profiling", "review_requested")],
)
def test_an_objection_or_request_for_review_removes_all_of_its_registrant_and_nothing_of_others(
    built: DataRoot, tmp_path: Path, purpose: str, status: str
) -> None:
    data_root = DataRoot(tmp_path / "data", POLICY)
    shutil.copytree(built.root, data_root.root)
    who = someone(data_root)
    before = {
        table: set(mart(data_root, f"SELECT pseudonym FROM {table}")) for table in VALUE_TABLES
    }
    objection = {
        "event_ts": "2026-11-20T08:00:00Z", "subject_key_type": "customer_number",
        "subject_key": who["customer_number"], "purpose": purpose,
        "channel": "all", "status": status, "source": "letter", "evidence": "", "text_version": "",
        "language": "",
    }  # fmt: skip
    put(data_root, "consents", "2026-11-20", "consent_log", csv([objection]), 1)
    take_in(data_root)
    publish(data_root)
    removed = {(name,) for name in pseudonyms(data_root, who["registrant_id"])}
    after = {
        table: set(mart(data_root, f"SELECT pseudonym FROM {table}")) for table in VALUE_TABLES
    }
    assert any(removed & published for published in before.values())
    assert not any(removed & published for published in after.values())
    assert all(published <= before[table] for table, published in after.items())
    assert profile_explanation.profile(data_root, who["registrant_id"]) is None


def test_nobody_is_followed_from_one_day_to_the_next(built: DataRoot, tmp_path: Path) -> None:
    """A change of age band gives a birthday away: marts with names have the date."""
    data_root = DataRoot(tmp_path / "data", POLICY)
    shutil.copytree(built.root, data_root.root)
    every = " UNION ".join(f"SELECT pseudonym FROM {table}" for table in VALUE_TABLES)
    before = set(mart(data_root, every))
    marts.build(data_root, "analytics", TODAY + timedelta(days=1))
    marts.publish(data_root, "analytics")
    after = set(mart(data_root, every))
    assert before
    assert after
    assert not before & after


class TestCommand:
    def run(self, data_root: DataRoot, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
        monkeypatch.setenv("REGISTER_HOME", str(data_root.root))
        done = CliRunner().invoke(profile, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    def test_it_prints_values_with_rules_and_what_they_mean(
        self, built: DataRoot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        who = someone(built)["registrant_id"]
        answer = json.loads(self.run(built, monkeypatch, who, "--json"))
        assert answer["admitted"] is True
        assert set(answer["values"][0]) == {
            "attribute",
            "value",
            "rule",
            "meaning",
            "inputs",
            "as_of",
        }
        printed = self.run(built, monkeypatch, who)
        assert all(
            entry[field] in printed
            for entry in answer["values"]
            for field in ("attribute", "value", "rule", "meaning", "inputs", "as_of")
        )

    def test_of_an_ineligible_registrant_it_says_only_that(
        self, built: DataRoot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (dead, *_) = rows(built, "SELECT registrant_id FROM registrants WHERE deceased")
        assert (
            self.run(built, monkeypatch, dead["registrant_id"])
            == "Not profiled: the registrant is not eligible for analytics.\n"
        )
        assert json.loads(self.run(built, monkeypatch, dead["registrant_id"], "--json")) == {
            "admitted": False
        }


def test_the_ui_shows_sizes_of_published_segments_and_how_many_are_withheld(
    built: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marts, "candidate_path", marts.mart_path)
    shown = graph._profiles(built)
    sizes = mart(built, "SELECT attribute, sum(registrants) FROM segments GROUP BY attribute")
    assert {name: value for name, value in shown.items() if name.startswith("values_")} == {
        f"values_{attribute}": size for attribute, size in sizes
    }
    assert isinstance(shown["segments_withheld"], int)
    assert "| engagement | " in shown["segments"].value
