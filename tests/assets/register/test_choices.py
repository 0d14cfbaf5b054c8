"""What holds of a history of consents and refusals, against a slow fold over each registrant's own
words.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from assets.register import choices, lasting_refusals
from assets.register import holds as holds_in_force
from assets.register.current_statements import STATEMENT
from assets.sources.source import STATEMENT_MACROS
from schemas.identifiers import install
from schemas.policy.loader import load_policy
from tests.support.examples import examples

TODAY = date(2026, 11, 20)
ZONE = ZoneInfo("Europe/Helsinki")
POLICY = load_policy()
Row = dict[str, Any]
ORIGINS = (
    "consents:web-form",
    "consents:customer-service",
    "consents:prohibition-list",
    "population_register:SUORAMARKKINOINTIKIELTO",
)
SUBJECTS = (
    "email:shared@example.fi",
    "email:a@example.fi",
    "email:b@example.fi",
    "email:old@example.fi",
    "customer_number:C1",
)
PERSONS = {"customer_number:C1": "A"}
# Registrant -> addresses that reach them now, and those that ever did.
NOW = {
    "A": {"email:shared@example.fi", "email:a@example.fi"},
    "B": {"email:shared@example.fi", "email:b@example.fi"},
}
EVER = {"A": NOW["A"] | {"email:old@example.fi"}, "B": NOW["B"]}


def a_word(rng: random.Random, nth: int) -> Row:
    day = TODAY + timedelta(days=rng.choice((-1500, -1097, -1096, -1095, -30, -1, 0, 0, 1)))
    choice = rng.choice(
        (
            "granted",
            "granted",
            "granted",
            "withdrawn",
            "prohibited",
            "objected",
            "restricted",
            "review_requested",
            "lifted",
            "lifted",
        )
    )
    return {
        "choice": choice,
        "subject": rng.choice(SUBJECTS),
        "channel": rng.choice(("email", "phone", "all")),
        "origin": rng.choice(ORIGINS),
        "at": datetime(day.year, day.month, day.day, rng.choice((0, 12, 23)), tzinfo=UTC),
        "nth": nth,
    }


def gathered(words: list[Row]) -> set[tuple[str, int, bool]]:
    """(registrant, which word, holds) as the register has it."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"""CREATE TEMP TABLE statements_marketing_choices (person_key VARCHAR,
                subject VARCHAR, purpose VARCHAR, channel VARCHAR, choice VARCHAR,
            origin VARCHAR, text_version VARCHAR, language VARCHAR, evidence VARCHAR,
                source VARCHAR, record_key VARCHAR, position BIGINT,
            stated_at TIMESTAMPTZ, statement {STATEMENT})"""
        )
        for word in words:
            connection.execute(
                f"""INSERT INTO statements_marketing_choices VALUES (?, ?, 'direct_marketing', ?,
                    ?, ?, NULL, NULL, NULL, ?, ?, 0, ?,
                {{'moment': ?, 'sequence': 0, 'day': DATE '{TODAY}',
                    'period_last': DATE '{TODAY}', 'delivery_id': 'd', 'record_no': ?}})""",
                [
                    word["subject"],
                    word["subject"],
                    word["channel"],
                    word["choice"],
                    word["origin"],
                    word["origin"].split(":")[0],
                    str(word["nth"]),
                    word["at"],
                    word["at"],
                    word["nth"],
                ],
            )
        connection.execute(
            "CREATE TEMP TABLE membership (person_key VARCHAR, registrant_id VARCHAR)"
        )
        connection.execute(choices.CONSENTS_OF_ERASED.create_empty())
        connection.execute(lasting_refusals.LASTING_REFUSALS.create_empty())
        connection.execute(holds_in_force.REGISTRANTS_ON_HOLD.create_empty())
        connection.execute(
            "CREATE TEMP TABLE renamed_persons (person_key VARCHAR, current_key VARCHAR)"
        )
        connection.executemany(
            "INSERT INTO membership VALUES (?, ?)",
            [("contact-A", "A"), ("contact-B", "B"), *PERSONS.items()],
        )
        connection.execute(
            "CREATE TEMP TABLE contact_point_history (registrant_id VARCHAR, kind VARCHAR, "
            "match_key VARCHAR, is_current BOOLEAN)"
        )
        connection.execute(
            "CREATE TEMP TABLE staged_contact_points (person_key VARCHAR, kind VARCHAR, "
            "match_key VARCHAR)"
        )
        for registrant_id, reached in NOW.items():
            connection.executemany(
                "INSERT INTO contact_point_history VALUES (?, 'email', ?, true)",
                [(registrant_id, subject.split(":")[1]) for subject in sorted(reached)],
            )
        for registrant_id, reached in EVER.items():
            connection.executemany(
                "INSERT INTO staged_contact_points VALUES (?, 'email', ?)",
                [
                    (f"contact-{registrant_id}", subject.split(":")[1])
                    for subject in sorted(reached)
                ],
            )
        _at_home(connection)
        choices.gather(connection, POLICY, TODAY)
        return {
            (registrant_id, int(key), holds)
            for registrant_id, key, holds in connection.execute(
                "SELECT registrant_id, record_key, holds FROM registrant_choice_log"
            ).fetchall()
        }


def _at_home(connection: duckdb.DuckDBPyConnection) -> None:
    """Give A a name and an address, and the connection the macros of a build."""
    install(connection)
    connection.execute(STATEMENT_MACROS)
    connection.execute(
        """CREATE TEMP TABLE name_history AS
        SELECT 'A' AS registrant_id, 'Maija Liisa' AS given_names, 'Esimerkki' AS family_name"""
    )
    connection.execute(
        """CREATE TEMP TABLE address_history AS SELECT 'A' AS registrant_id,
            'Testikatu 1 A 2' AS street, '00100' AS postcode, NULL::VARCHAR AS country"""
    )


def word(nth: int, days: int, choice: str, subject: str, **more: str) -> Row:
    day = TODAY + timedelta(days=days)
    return {
        "choice": choice,
        "subject": subject,
        "channel": "phone",
        "origin": "prohibitions:phone-list",
        "at": datetime(day.year, day.month, day.day, tzinfo=UTC),
        "nth": nth,
        **more,
    }


def test_the_end_of_one_listed_number_is_not_that_of_another() -> None:
    assert gathered(
        [
            word(0, -30, "prohibited", "email:a@example.fi"),
            word(1, -60, "prohibited", "email:old@example.fi"),
            word(2, -1, "lifted", "email:old@example.fi"),
        ]
    ) == {("A", 0, True), ("A", 1, False), ("A", 2, False)}


def test_a_listed_prohibition_goes_on_until_its_last_day() -> None:
    assert gathered(
        [
            word(0, -30, "prohibited", "email:a@example.fi"),
            word(1, 1, "lifted", "email:a@example.fi"),
        ]
    ) == {("A", 0, True), ("A", 1, False)}


def test_a_telephone_ban_of_a_list_ends_after_three_years_and_no_consent_ends_it() -> None:
    consent = {"origin": "consents:web-form"}
    assert gathered(
        [
            word(0, -1500, "prohibited", "email:a@example.fi"),
            word(1, -30, "prohibited", "email:a@example.fi"),
            word(2, -1, "granted", "email:a@example.fi", **consent),
        ]
    ) == {("A", 0, False), ("A", 1, True), ("A", 2, True)}


def test_the_postal_list_refuses_post_to_that_name_at_that_address() -> None:
    with duckdb.connect() as connection:
        install(connection)
        connection.execute(STATEMENT_MACROS)
        keys = connection.execute(
            """SELECT postal_key('MAIJA', 'Esimerkki', 'Testikatu 1A2', '00100'),
                postal_key('Matti', 'Esimerkki', 'Testikatu 1A2', '00100')"""
        ).fetchall()[0]
    listed = {"channel": "post", "origin": "prohibitions:post-list"}
    words = [word(nth, -1, "prohibited", f"postal:{key}", **listed) for nth, key in enumerate(keys)]
    assert gathered(words) == {("A", 0, True)}


def day_of(word: Row) -> date:
    return word["at"].astimezone(ZONE).date()  # type: ignore[no-any-return]


def concerns(word: Row, registrant_id: str) -> bool:
    if PERSONS.get(word["subject"]) == registrant_id:
        return True
    return word["subject"] in (
        EVER[registrant_id]
        if word["choice"] != "granted"
        else {
            subject
            for subject in NOW[registrant_id]
            if sum(subject in reached for reached in NOW.values()) == 1
        }
    )


def alone(word: Row, registrant_id: str) -> bool:
    return PERSONS.get(word["subject"]) == registrant_id or (
        word["subject"] in NOW[registrant_id]
        and sum(word["subject"] in reached for reached in NOW.values()) == 1
    )


def holds(word: Row, mine: list[Row], registrant_id: str) -> bool:
    """Whether one of the registrant's words holds on TODAY."""
    same = [choice for choice in mine if choice["channel"] == word["channel"]]
    counted = [choice for choice in same if day_of(choice) <= TODAY]
    if word["choice"] == "granted":
        later = [
            choice
            for choice in counted
            if choice["choice"] == "granted" and choice["at"] > word["at"]
        ]
        return (
            word in counted
            and not later
            and not [
                choice
                for choice in same
                if choice["choice"] == "withdrawn" and choice["at"] >= word["at"]
            ]
        )
    if word["choice"] == "withdrawn":
        later = [
            choice
            for choice in same
            if choice["choice"] == "withdrawn" and choice["at"] > word["at"]
        ]
        return not later and not [
            choice
            for choice in counted
            if choice["choice"] == "granted" and choice["at"] > word["at"]
        ]
    if word["choice"] == "lifted":
        return False
    lifts = [choice for choice in counted if choice["choice"] == "lifted"]
    if word["choice"] == "prohibited":
        if (
            word["origin"] == "consents:prohibition-list"
            and word["channel"] == "phone"
            and day_of(word) < date(TODAY.year - 3, TODAY.month, TODAY.day)
        ):
            return False
        lifts = [choice for choice in lifts if choice["origin"] == word["origin"]]
        if word["origin"].startswith("population_register:"):
            return not [
                choice
                for choice in lifts
                if (choice["at"], choice["nth"]) > (word["at"], word["nth"])
            ]
    else:
        lifts = [choice for choice in lifts if choice["origin"].startswith("consents:")]
    return not [
        choice
        for choice in lifts
        if choice["at"] > word["at"]
        and (alone(choice, registrant_id) or choice["subject"] == word["subject"])
    ]


@settings(max_examples=examples(15), deadline=None, phases=[Phase.generate])
@given(seed=st.integers(0, 2**32), count=st.integers(1, 14))
def test_what_holds_is_what_a_slow_fold_finds(seed: int, count: int) -> None:
    rng = random.Random(seed)
    words = [a_word(rng, nth) for nth in range(count)]
    expected = set()
    for registrant_id in NOW:
        mine = [word for word in words if concerns(word, registrant_id)]
        expected |= {
            (registrant_id, word["nth"], holds(word, mine, registrant_id)) for word in mine
        }
    assert gathered(words) == expected
