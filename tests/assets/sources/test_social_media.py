"""Social media: an account, what it did and when; never what was written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.sources.social_media import SOURCE
from tests.support.activity_records import social_use
from tests.support.examples import examples
from tests.support.source_batches import codes, keep, stage

(USES,) = SOURCE.datasets
TIME = "2026-11-01T08:00:00Z"


@pytest.mark.clause("P5.9")
def test_a_use_is_of_an_account_and_of_the_customer_who_has_linked_it() -> None:
    staged = stage(USES, [social_use(1, "c501", TIME)])
    use = staged.only("social_media")
    assert (use["network"], use["handle"], use["action"]) == ("x", "liisa.t", "mention")
    assert [(row["type"], row["value"]) for row in staged.tables["identifiers"]] == [
        ("contact_id", "x:liisa.t"),
        ("customer_number", "C501"),
    ]


@pytest.mark.clause("P5.9")
def test_what_was_written_never_reaches_the_disk() -> None:
    kept = keep(USES, [social_use(1, "C501", TIME)])
    assert "tallenneta" not in kept.payloads[0]
    assert kept.identifiers == [["contact_id:x:liisa.t", "customer_number:C501"]]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"use_id": ""}, "SOCIAL-ID"),
        ({"handle": "two words"}, "SOCIAL-ACCOUNT"),
        ({"network": ""}, "SOCIAL-ACCOUNT"),
        ({"action": "stared"}, "SOCIAL-ACTION"),
        ({"used_at": "2026-11-01"}, "SOCIAL-TIME"),
    ],
)
def test_what_cannot_be_used_says_why(wrong: dict[str, str], code: str) -> None:
    assert codes(USES, social_use(1, "C501", **{"used_at": TIME, **wrong})) == {code}


@settings(max_examples=examples(10), deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([*social_use(1, "", "")]),
            st.one_of(st.text(), st.none(), st.integers(), st.lists(st.text())),
        ),
        min_size=1,
    )
)
def test_every_use_is_staged_or_has_a_code(rows: list[dict[str, Any]]) -> None:
    done = stage(USES, rows)
    assert {row["record_no"] for row in done.tables["social_media"]} | {
        number for number, failed in done.codes.items() if failed
    } == set(range(len(rows)))
