"""Messages and calls: a mailbox (mbox) and vCons of a day, with customers and about their own."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.synthetic.arrow_text import (
    Ints,
    Mask,
    Text,
    clock,
    either,
    iso_time,
    join,
    number,
    only,
    padded,
    pick,
    vocabulary,
)
from pipelines.synthetic.cases import Case
from pipelines.synthetic.contact_points import phone_text
from pipelines.synthetic.formats import Format
from pipelines.synthetic.people import CUSTOMER
from pipelines.synthetic.planting import Chunk, Planting
from pipelines.synthetic.records import NOBODY, Records
from pipelines.synthetic.samples import Drawn, Sample

# How many customers write, and how many call.
SHARE = 0.03
MESSAGES, CALLS = "mailbox", "calls"
MAILBOX = Format(
    "mailbox",
    "correspondence",
    MESSAGES,
    "customer_care",
    "asiakaspalvelu-{day}.mbox",
    encoding="utf-8",
)
MESSAGE = Format(
    "message",
    "correspondence",
    "message",
    "customer_care",
    "viesti-{day}-{number:03}.eml",
    closing="",
    largest=1,
)
VCONS = Format("vcons", "correspondence", CALLS, "customer_care", "calls-{day}.jsonl")
VCON = Format(
    "vcon", "correspondence", "call", "customer_care", "call-{day}-{number:03}.json", largest=1
)
# How many of a chunk's messages and calls come in a file of their own.
ALONE = 3
_OURS = "asiakaspalvelu@qvik.com"
_MONTHS = vocabulary(
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
)
_MAIL_CASES = (
    Case("mail_over_24_months", MESSAGES, 60, "a message of more than 24 months ago"),
    Case("mail_unsubscribes", MESSAGES, 80, "to the address of List-Unsubscribe"),
    Case("mail_complaint", MESSAGES, 60, "a provider's report of a complaint (ARF)"),
    Case("mail_among_staff", MESSAGES, 20, "nobody but the controller"),
    Case("mail_without_date", MESSAGES, 20, "no Date"),
)
_CALL_CASES = (
    Case("call_over_6_months", CALLS, 60, "a call of more than 6 months ago"),
    Case("call_without_uuid", CALLS, 20, "no uuid"),
    Case("call_among_staff", CALLS, 20, "no party but the controller's"),
    Case("call_negative_duration", CALLS, 20, "a duration below zero"),
)


def _who(chunk: Chunk, fits: Ints, rng: np.random.Generator) -> Ints:
    among = rng.permutation(np.flatnonzero(fits))
    return among[: max(int(len(among) * SHARE), min(len(among), 16 if chunk.each_case else 4))]


def _rfc_date(seconds: Ints) -> Text:
    """Epoch seconds as a header has them: 1 Sep 2026 10:02:11 +0000."""
    days = (seconds // 86_400).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    return join(
        number((days - months).astype(np.int64) + 1),
        " ",
        pick(_MONTHS, months.astype(np.int64) % 12),
        " ",
        number(months.astype(np.int64) // 12 + 1970),
        " ",
        clock(seconds),
        " +0000",
    )


def _messages(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    rng, days = chunk.rng("messages"), chunk.days
    who = _who(chunk, drawn.people.kind == CUSTOMER, rng)
    count = len(who)
    if count == 0:
        return []
    planting = Planting(chunk, rng, count)
    for case in _MAIL_CASES:
        planting.rows(case.name)
    has = planting.has
    day = rng.integers(0, days.count, count)
    written = np.where(has("mail_over_24_months"), days.last_no - 740, days.day_no[day] - 1)
    at = written * 86_400 + rng.integers(25_000, 70_000, count)
    address = drawn.points.email.take(pa.array(who))
    ours = rng.random(count) < 0.4
    ours &= ~has("mail_unsubscribes", "mail_complaint", "mail_among_staff")
    sender = either(ours, _OURS, address)
    sender = either(has("mail_among_staff"), "johto@qvik.com", sender)
    recipient = either(ours, address, _OURS)
    recipient = either(has("mail_unsubscribes"), "unsubscribe@qvik.com", recipient)
    alone = _alone(planting)
    head = join(
        either(alone, "", "From sender@example.fi Tue Sep  1 10:02:11 2026\n"),
        "From: ",
        either(has("mail_complaint"), "feedback@isp.example.com", sender),
        "\nTo: ",
        recipient,
        only(~has("mail_without_date"), join("\nDate: ", _rfc_date(at))),
        "\nMessage-ID: <",
        number(drawn.numbers("messages").take(count)),
        "@mail.example.fi>\nSubject: Kysymys laskusta\n",
    )
    text = join(head, "\nHei, kiitos avusta.\n")
    report = join(
        head,
        "MIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report;"
        ' boundary="part"\n\n--part\nContent-Type: text/plain\n\nA complaint.\n\n'
        "--part\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n"
        "Original-Rcpt-To: ",
        address,
        "\n\n--part--\n",
    )
    records = Records(
        either(has("mail_complaint"), report, text),
        day,
        pa.nulls(count, pa.string()),
        np.where(has("mail_among_staff"), NOBODY, drawn.people.person[who]),
        planting.case,
        written,
    )
    return _apart(records, alone, MESSAGE, MAILBOX)


def _alone(planting: Planting) -> Mask:
    """Return which few ordinary records come in a file of their own."""
    return planting.free & (np.cumsum(planting.free) <= min(ALONE, max(planting.free.sum() - 1, 1)))


def _apart(
    records: Records, alone: Mask, single: Format, together: Format
) -> list[tuple[Format, Records]]:
    return [
        (form, records.take(np.flatnonzero(rows)))
        for form, rows in ((single, alone), (together, ~alone))
        if rows.any()
    ]


def _calls(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    rng, days = chunk.rng("calls"), chunk.days
    who = _who(chunk, (drawn.people.kind == CUSTOMER) & (drawn.points.phone >= 0), rng)
    count = len(who)
    if count == 0:
        return []
    planting = Planting(chunk, rng, count)
    for case in _CALL_CASES:
        planting.rows(case.name)
    has = planting.has
    day = rng.integers(0, days.count, count)
    made = np.where(has("call_over_6_months"), days.last_no - 200, days.day_no[day] - 1)
    start = iso_time(made * 86_400 + rng.integers(25_000, 70_000, count))
    numbers = padded(drawn.numbers("calls").take(count), 12)
    text = join(
        '{"vcon":"0.4.0","uuid":"',
        only(~has("call_without_uuid"), join("0190f000-0000-8000-8000-", numbers)),
        '","created_at":"',
        start,
        '","subject":"Puhelu","parties":[{"tel":"',
        either(
            has("call_among_staff"), "+358 20 7354 35", phone_text(drawn.points.phone[who], day % 3)
        ),
        '","role":"customer"},{"mailto":"myynti@qvik.com","role":"agent"}],"dialog":[{"type":'
        '"recording","start":"',
        start,
        '","duration":',
        either(has("call_negative_duration"), "-5", number(rng.integers(20, 1_800, count))),
        ',"parties":[0,1],"originator":',
        number(rng.integers(0, 2, count)),
        ',"mediatype":"audio/x-wav","url":"https://recordings.example.fi/',
        numbers,
        '.wav","content_hash":"sha512-',
        numbers,
        '"}],"analysis":[],"attachments":[]}',
    )
    records = Records(
        text,
        day,
        pa.nulls(count, pa.string()),
        np.where(has("call_among_staff"), NOBODY, drawn.people.person[who]),
        planting.case,
        made,
    )
    return _apart(records, _alone(planting), VCON, VCONS)


def draw(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    """Some customers write or call, or are written to or called."""
    return [*_messages(chunk, drawn), *_calls(chunk, drawn)]


SAMPLE = Sample(
    formats=(MAILBOX, MESSAGE, VCONS, VCON), draw=draw, cases=(*_MAIL_CASES, *_CALL_CASES)
)
