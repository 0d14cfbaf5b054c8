"""An event of the consent log, and what the register takes from it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.sources.consents import SOURCE
from pipelines.synthetic.consents import tcf_string
from schemas.sources.consents import TCF_PURPOSES
from schemas.staged import CHOICES
from schemas.vocabulary import REGISTRANT_PURPOSES
from tests.support.examples import examples
from tests.support.source_batches import codes, keep, stage

LOG = SOURCE.datasets[0]
# Made in December 2020; consents to purposes 1 and 7 to 10.
WHOLE_TCF = tcf_string(sum(1 << (24 - purpose) for purpose in (1, 7, 8, 9, 10)), 16_080_000_000)
# The specification's own example, which consents to purpose 1 only.
STORAGE_ONLY = "CO5VTlWO5VTlWH1AAAENAiCAAIAAAAAAAAAAAAAAAAAA"


def event(**fields: str) -> dict[str, str]:
    return {
        "event_ts": "2026-10-03T08:00:00Z",
        "subject_key_type": "email",
        "subject_key": "maija@example.fi",
        "purpose": "direct_marketing",
        "channel": "email",
        "status": "granted",
        "source": "web-form",
        "evidence": "",
        "text_version": "2025-03",
        "language": "fi",
        **fields,
    }


@pytest.mark.clause("P5.4", "P6.1")
def test_it_is_one_choice_of_its_subject_at_its_time() -> None:
    row = stage(LOG, [event(event_ts="2026-10-03T08:00:00+02:00")]).only("marketing_choices")
    expected = {
        "purpose": "direct_marketing",
        "channel": "email",
        "choice": "granted",
        "origin": "consents:web-form",
        "subject": "email:maija@example.fi",
        "text_version": "2025-03",
        "language": "fi",
        "evidence": None,
        "stated_at": datetime(2026, 10, 3, 6, tzinfo=UTC),
    }
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("kind", "written", "identifier"),
    [
        ("email", " Maija@Example.FI ", "email:maija@example.fi"),
        ("phone", "040 123 4567", "phone:+358401234567"),
        ("cookie", "0a1b2c3d4e5f6071", "visitor_id:0a1b2c3d4e5f6071"),
        ("customer_number", "C0000042", "customer_number:C0000042"),
        ("contact_id", "101", "contact_id:101"),
        ("henkilotunnus", "020180-999y", "identity_code:020180-999Y"),
        ("Email", "maija@example.fi", "email:maija@example.fi"),
    ],
)
def test_its_subject_is_who_other_sources_know_by_the_same_key(
    kind: str, written: str, identifier: str
) -> None:
    payload = event(subject_key_type=kind, subject_key=written)
    done = stage(LOG, [payload])
    row, stated = done.only("marketing_choices"), done.only("identifiers")
    assert row["subject"] == identifier == f"{stated['type']}:{stated['value']}"
    person_key = hashlib.md5(identifier.encode()).hexdigest()  # noqa: S324
    assert row["person_key"] == stated["person_key"] == person_key
    assert keep(LOG, [payload]).identifiers == [[identifier]]


@pytest.mark.clause("P5.4")
def test_no_event_replaces_another() -> None:
    assert keep(LOG, [event(), event(status="withdrawn")]).native_keys == [None, None]
    assert not LOG.snapshot


def test_text_version_and_language_may_be_missing() -> None:
    payload = {
        name: value for name, value in event().items() if name not in ("text_version", "language")
    }
    row = stage(LOG, [payload]).only("marketing_choices")
    assert (row["text_version"], row["language"]) == (None, None)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"event_ts": ""}, "CONSENT-TIME"),
        ({"event_ts": "2026-10-03 08:00:00"}, "CONSENT-TIME"),
        ({"event_ts": "2026-10-32T08:00:00Z"}, "CONSENT-TIME"),
        ({"event_ts": "infinity"}, "CONSENT-TIME"),
        ({"subject_key": ""}, "CONSENT-SUBJECT"),
        ({"subject_key_type": ""}, "CONSENT-SUBJECT"),
        ({"subject_key_type": "passport"}, "CONSENT-SUBJECT"),
        ({"subject_key": "maija@"}, "CONSENT-SUBJECT"),
        ({"subject_key_type": "phone", "subject_key": "12"}, "CONSENT-SUBJECT"),
        ({"subject_key_type": "henkilotunnus", "subject_key": "020180-999X"}, "CONSENT-SUBJECT"),
        ({"purpose": "credit"}, "CONSENT-PURPOSE"),
        ({"purpose": ""}, "CONSENT-PURPOSE"),
        ({"channel": "fax"}, "CONSENT-CHANNEL"),
        ({"channel": ""}, "CONSENT-CHANNEL"),
        ({"status": "maybe"}, "CONSENT-STATUS"),
        ({"status": ""}, "CONSENT-STATUS"),
        ({"source": ""}, "CONSENT-SOURCE"),
    ],
)
def test_an_event_that_cannot_be_used_says_why(fields: dict[str, str], code: str) -> None:
    done = stage(LOG, [event(**fields)])
    assert done.codes[0] == {code}
    assert not any(done.tables.values())


@pytest.mark.parametrize(
    "status", [status for status in CHOICES if status not in ("granted", "lifted")]
)
@pytest.mark.parametrize("purpose", REGISTRANT_PURPOSES)
def test_whatever_can_be_refused_is_staged(purpose: str, status: str) -> None:
    row = stage(LOG, [event(status=status, purpose=purpose, channel="all")]).only(
        "marketing_choices"
    )
    assert (row["purpose"], row["choice"]) == (purpose, status)


@pytest.mark.parametrize("written", ["2026-11-01 12:00:00+02", "2026-11-01T12:00+0200"])
def test_its_time_may_have_any_offset(written: str) -> None:
    row = stage(LOG, [event(event_ts=written)]).only("marketing_choices")
    assert row["stated_at"] == datetime(2026, 11, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("written", ["infinity", "9999-12-31T00:00:00Z", "2026-12-24T12:00:00Z"])
def test_a_grant_that_lies_ahead_is_none_and_a_withdrawal_counts_from_its_delivery(
    written: str,
) -> None:
    assert codes(LOG, event(event_ts=written)) == {"CONSENT-TIME"}
    row = stage(LOG, [event(event_ts=written, status="withdrawn")]).only("marketing_choices")
    assert row["stated_at"] == datetime(2026, 11, 19, 22, tzinfo=UTC)


def test_a_refusal_without_a_readable_time_counts_from_its_delivery() -> None:
    assert (
        stage(LOG, [event(status="withdrawn", event_ts="yesterday")]).only("marketing_choices")[
            "choice"
        ]
        == "withdrawn"
    )
    assert codes(LOG, event(status="lifted", event_ts="yesterday")) == {"CONSENT-TIME"}


@pytest.mark.clause("P9.3")
@pytest.mark.parametrize("status", ["withdrawn", "prohibited"])
def test_to_refuse_one_need_not_say_where(status: str) -> None:
    assert (
        stage(LOG, [event(status=status, source="")]).only("marketing_choices")["origin"]
        == "consents:unknown"
    )


class TestTcf:
    def cookie(self, evidence: str, **fields: str) -> dict[str, str]:
        return event(
            **{
                "subject_key_type": "cookie",
                "subject_key": "abc",
                "purpose": "analytics",
                "channel": "web",
                "source": "tcf2",
                "evidence": evidence,
                **fields,
            }
        )

    @pytest.mark.parametrize("evidence", [WHOLE_TCF, WHOLE_TCF[:36], WHOLE_TCF + ".YAAAAAAAAAA"])
    def test_a_whole_string_is_consent(self, evidence: str) -> None:
        assert codes(LOG, self.cookie(evidence)) == set()

    @pytest.mark.clause("P5.4")
    @pytest.mark.parametrize(
        "evidence",
        [
            "",
            WHOLE_TCF[:20],
            WHOLE_TCF[:35],
            WHOLE_TCF[:35] + "." + WHOLE_TCF,
            "B" + WHOLE_TCF[1:],
            WHOLE_TCF[:-1] + "+",
            WHOLE_TCF + "==",
            "C" + "A" * 43,
            "C" + "_" * 43,
        ],
        ids=[
            "none",
            "truncated",
            "a bit short",
            "whole in a later segment",
            "version 1",
            "not base64url",
            "padded",
            "of 1970",
            "of the future",
        ],
    )
    def test_a_string_in_doubt_is_no_consent(self, evidence: str) -> None:
        assert codes(LOG, self.cookie(evidence)) == {"CONSENT-TCF-DOUBTFUL"}

    def test_a_whole_string_that_does_not_consent_to_the_purpose_is_no_consent(self) -> None:
        assert codes(LOG, self.cookie(STORAGE_ONLY)) == {"CONSENT-TCF-PURPOSE"}

    @pytest.mark.parametrize("purpose", REGISTRANT_PURPOSES)
    def test_each_purpose_needs_all_of_its_tcf_purposes_and_no_other(self, purpose: str) -> None:
        needed = TCF_PURPOSES.get(purpose, ())
        every = range(1, 25)
        strings = [
            tcf_string(
                sum(1 << (24 - tcf_purpose) for tcf_purpose in every if tcf_purpose != missing),
                16_080_000_000,
            )
            for missing in every
        ]
        codes_by_record = stage(
            LOG, [self.cookie(evidence, purpose=purpose) for evidence in strings]
        ).codes
        assert {missing for missing in every if codes_by_record[missing - 1]} == set(
            needed or every
        )

    def test_a_string_changed_before_it_was_made_is_no_consent(self) -> None:
        assert codes(LOG, self.cookie(WHOLE_TCF[:7] + "AAAAAA" + WHOLE_TCF[13:])) == {
            "CONSENT-TCF-DOUBTFUL"
        }
        assert codes(LOG, self.cookie(WHOLE_TCF[:1] + "______" + WHOLE_TCF[7:])) == {
            "CONSENT-TCF-DOUBTFUL"
        }

    def test_a_string_newer_than_its_event_is_no_consent(self) -> None:
        assert codes(LOG, self.cookie(WHOLE_TCF, event_ts="2020-01-01T00:00:00Z")) == {
            "CONSENT-TCF-DOUBTFUL"
        }

    @pytest.mark.parametrize("status", ["withdrawn", "prohibited"])
    def test_to_refuse_one_needs_no_whole_string(self, status: str) -> None:
        assert codes(LOG, self.cookie(WHOLE_TCF[:20], status=status)) == set()


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "granted",
        "tcf2",
        "phone",
        "henkilotunnus",
        "cookie",
        WHOLE_TCF,
        "infinity",
        "2026-01-01T00:00:00+99:99",
        "9999-12-31T23:59:59Z",
    ]
)


@settings(max_examples=examples(10), deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from([*event()]), TEXTS, max_size=5), min_size=10, max_size=30
    )
)
def test_whatever_the_texts_every_event_is_staged_or_has_a_code(
    changes: list[dict[str, Any]],
) -> None:
    payloads = [event() | change for change in changes]
    keep(LOG, payloads)
    done = stage(LOG, payloads)
    assert {row["record_no"] for row in done.tables["marketing_choices"]} | {
        record for record, codes_of_record in done.codes.items() if codes_of_record
    } == set(range(len(payloads)))
