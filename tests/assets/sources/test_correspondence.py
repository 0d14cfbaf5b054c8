"""Correspondence: who wrote or called, and when, never what; and refusals by mail."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.sources.correspondence import SOURCE
from tests.support.activity_records import call, message
from tests.support.examples import examples
from tests.support.source_batches import codes, keep, stage
from tests.support.source_batches import given as given_again

MESSAGE, _, CALL, _ = SOURCE.datasets
LIISA, MATTI = "liisa.testi@example.fi", "matti.meri@example.fi"
OURS = "myynti@qvik.com"


def complaint(fields: dict[str, Any], original: dict[str, Any] | None = None) -> dict[str, Any]:
    """A provider's report of a message that its customer calls unwanted (RFC 5965)."""
    reports = [{"type": "message/feedback-report", "fields": fields}]
    if original:
        reports.append({"type": "text/rfc822-headers", "fields": original})
    return {**message(9, "fbl@isp.example.com", "abuse@qvik.com"), "reports": reports}


@pytest.mark.clause("P5.6")
class TestMessages:
    def test_of_a_message_to_us_its_writer_is_known(self) -> None:
        row = stage(MESSAGE, [message(1, f'"Testi, Liisa" <{LIISA}>', OURS)]).only("correspondence")
        assert (row["direction"], row["message"], row["body_bytes"]) == (
            "from_registrant",
            "<1@example.fi>",
            12,
        )
        assert row["sent_at"].isoformat() == "2026-11-20T08:02:11+00:00"

    def test_of_a_message_of_ours_each_recipient_who_is_not_staff(self) -> None:
        ours = message(2, OURS, f"{LIISA}, Matti <{MATTI}>, johto@sub.qvik.com")
        staged = stage(MESSAGE, [ours])
        assert [row["direction"] for row in staged.tables["correspondence"]] == [
            "to_registrant"
        ] * 2
        assert {row["match_key"] for row in staged.tables["contact_points"]} == {LIISA, MATTI}

    def test_neither_subject_nor_name_nor_copied_stranger_reaches_the_disk(self) -> None:
        copied = message(3, f"Liisa Testi <{LIISA}>", f"{OURS}, {MATTI}")
        kept = keep(MESSAGE, [copied])
        assert not any(word in kept.payloads[0] for word in ("Aihe", "Liisa T", MATTI, OURS))
        assert kept.identifiers == [[f"email:{LIISA}"]]

    @pytest.mark.parametrize(
        "parties", [(OURS, "info@qvik.com"), ("MAILER-DAEMON@example.fi", OURS), ("none", OURS)]
    )
    def test_with_nobody_but_us_and_machines_nothing_is_kept(
        self, parties: tuple[str, str]
    ) -> None:
        assert codes(MESSAGE, message(4, *parties)) == {"MAIL-PARTY"}

    @pytest.mark.parametrize("date", ["", "yesterday", "Fri, 20 Nov 2099 10:00:00 +0200"])
    def test_a_date_that_is_none_or_to_come(self, date: str) -> None:
        assert codes(MESSAGE, message(5, LIISA, OURS, date)) == {"MAIL-DATE"}


@pytest.mark.clause("P5.4")
class TestRefusals:
    @pytest.mark.parametrize(
        ("recipient", "subject"),
        [("unsubscribe+a7@qvik.com", "x"), (OURS, "Unsubscribe"), (OURS, "Re: Peruuta tilaus")],
    )
    def test_who_unsubscribes_refuses_marketing_by_mail(self, recipient: str, subject: str) -> None:
        sent = message(6, LIISA, recipient)
        sent["headers"]["subject"] = subject
        staged = stage(MESSAGE, [sent])
        choice = staged.only("marketing_choices")
        assert (choice["choice"], choice["channel"], choice["subject"], choice["origin"]) == (
            "prohibited",
            "email",
            f"email:{LIISA}",
            "correspondence:unsubscribe",
        )
        # The refusal outlives correspondence, so it is no message of its own.
        assert staged.tables["correspondence"] == []

    def test_without_a_readable_date_it_counts_from_its_delivery(self) -> None:
        staged = stage(MESSAGE, [message(7, LIISA, "unsubscribe@qvik.com", "nonsense")])
        assert staged.only("marketing_choices")["stated_at"].isoformat()[:10] == "2026-11-19"

    def test_who_only_mentions_it_refuses_nothing(self) -> None:
        sent = message(8, LIISA, OURS)
        sent["headers"]["subject"] = "How do I unsubscribe my brother?"
        assert stage(MESSAGE, [sent]).tables["marketing_choices"] == []

    @pytest.mark.parametrize(
        ("fields", "original"),
        [
            ({"feedback-type": "abuse", "original-rcpt-to": [f"<{LIISA}>"]}, None),
            ({"feedback-type": "Abuse"}, {"from": [f"Uutiset <{OURS}>"], "to": [LIISA]}),
        ],
        ids=["named", "by the message"],
    )
    def test_a_complaint_is_a_refusal_of_the_recipient(
        self, fields: dict[str, Any], original: dict[str, Any] | None
    ) -> None:
        staged = stage(MESSAGE, [complaint(fields, original)])
        choice = staged.only("marketing_choices")
        assert (choice["subject"], choice["origin"]) == (
            f"email:{LIISA}",
            "correspondence:complaint",
        )
        assert staged.tables["correspondence"] == []

    def test_a_complaint_about_nobody_says_so(self) -> None:
        assert codes(MESSAGE, complaint({"feedback-type": "abuse"})) == {"MAIL-COMPLAINT"}


@pytest.mark.clause("P5.6")
class TestCalls:
    def test_a_call_is_metadata_and_a_reference(self) -> None:
        row = stage(CALL, [call("a1", "tel:+358401234567", "2026-11-01T08:00:00Z")]).only("calls")
        assert (row["call"], row["duration_s"], row["direction"], row["recording"]) == (
            "a1/1",
            183,
            "from_registrant",
            "https://recordings.example.fi/1.wav",
        )

    def test_neither_content_nor_staff_reaches_the_disk(self) -> None:
        kept = keep(CALL, [call("a1", "+358401234567", "2026-11-01T08:00:00Z")])
        assert not any(word in kept.payloads[0] for word in ("ei tallenneta", OURS, "agent"))
        assert kept.identifiers == [["phone:+358401234567"]]

    def test_a_call_that_we_made(self) -> None:
        made = call("a1", "+358401234567", "2026-11-01T08:00:00Z")
        made["dialog"][0]["originator"] = 1
        assert stage(CALL, [made]).only("calls")["direction"] == "to_registrant"

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"uuid": ""}, "CALL-ID"),
            ({"parties": [{"mailto": OURS}]}, "CALL-PARTY"),
            ({"dialog": []}, "CALL-DIALOG"),
            ({"dialog": [{"start": "2099-01-01T00:00:00Z"}]}, "CALL-DIALOG"),
            ({"dialog": [{"start": "2026-11-01T08:00:00Z", "duration": -5}]}, "CALL-DURATION"),
        ],
    )
    def test_what_cannot_be_used_says_why(self, wrong: dict[str, Any], code: str) -> None:
        made = call("a1", "+358401234567", "2026-11-01T08:00:00Z")
        assert codes(CALL, {**made, **wrong}) == {code}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20)
    | st.sampled_from([LIISA, OURS, "+358401234567", "2026-11-01T08:00:00Z"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["from", "to", "date", "tel", "mailto", "start", "duration", "parties", "fields"]
        ),
        inner,
        max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=examples(10), deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["headers", "body", "reports"]), ANYTHING), min_size=1
    ),
)
def test_every_message_is_staged_or_has_a_code(rows: list[dict[str, Any]]) -> None:
    done = stage(MESSAGE, rows)
    used = {
        row["record_no"]
        for table in ("correspondence", "marketing_choices")
        for row in done.tables[table]
    }
    assert used | {number for number, failed in done.codes.items() if failed} == set(
        range(len(rows))
    )


@settings(max_examples=examples(10), deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(["uuid", "parties", "dialog"]), ANYTHING), min_size=1),
)
def test_every_call_is_staged_or_has_a_code(rows: list[dict[str, Any]]) -> None:
    done = stage(CALL, rows)
    assert {row["record_no"] for row in done.tables["calls"]} | {
        number for number, failed in done.codes.items() if failed
    } == set(range(len(rows)))


WRITTEN = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (message(1, LIISA, OURS), (WRITTEN, False)),
        (message(1, OURS, LIISA), (None, False)),
        (message(1, LIISA, "unsubscribe@qvik.com"), (WRITTEN, True)),
        (message(1, LIISA, OURS, date="Fri, 20 Nov 2099 10:02:11 +0200"), (None, False)),
        (message(1, LIISA, OURS, date="yesterday"), (None, False)),
        (complaint({"feedback-type": "abuse", "original-rcpt-to": [LIISA]}), (WRITTEN, True)),
    ],
)
def test_who_writes_again_gives_it_themselves(
    record: dict[str, Any], expected: tuple[date | None, bool]
) -> None:
    assert given_again(MESSAGE, record) == expected


@pytest.mark.parametrize(
    "headers", [{"auto-submitted": "auto-replied"}, {"precedence": "auto_reply"}]
)
def test_a_machine_that_answers_for_somebody_gives_nothing(headers: dict[str, str]) -> None:
    answer = message(1, LIISA, OURS)
    answer["headers"] |= headers
    assert given_again(MESSAGE, answer) == (None, False)
    assert stage(MESSAGE, [answer]).only("correspondence")["direction"] == "from_registrant"


@pytest.mark.parametrize(
    ("dialog", "expected"),
    [
        ({"parties": [1, 0]}, WRITTEN),
        ({"parties": [0, 1]}, None),
        ({"parties": [0, 1], "originator": 1}, WRITTEN),
        ({"parties": 1}, WRITTEN),
        ({"parties": [9]}, None),
        ({"parties": []}, None),
        ({"parties": [1], "start": "2099-01-01T10:00:00Z"}, None),
    ],
)
def test_who_calls_again_gives_it_themselves_and_who_is_called_does_not(
    dialog: dict[str, Any], expected: date | None
) -> None:
    vcon = {
        "uuid": "u1",
        "parties": [{"tel": "+358401234000", "role": "agent"}, {"tel": "+358401234567"}],
        "dialog": [{"type": "recording", "start": "2026-11-20T10:00:00+02:00", **dialog}],
    }
    assert given_again(CALL, vcon) == (expected, False)
