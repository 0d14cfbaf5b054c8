"""Known identifiers are found in every spelling, as whole tokens, at their place in the original
text.
"""

from __future__ import annotations

from urllib.parse import quote

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ingest.mentions.decoding import decode
from assets.ingest.mentions.redaction import MARK, Record, Redaction
from assets.ingest.mentions.scanning import Prefilter
from assets.ingest.mentions.spellings import Spellings

KNOWN = (
    "email:maija.meri@example.fi",
    "email:m@xn--hyry-5qa.fi",
    "phone:+358401234567",
    "identity_code:010190-999K",
    "customer_number:C7000001",
    "customer_number:70045",
    "contact_id:880001112223",
    "visitor_id:a1a1a1a1a1a1a1a1",
    "email:mäki.k@example.fi",
)
SPELLINGS = Spellings(KNOWN, "FI")
SURE = [
    ("MAIJA.MERI@EXAMPLE.FI", 0),
    ("mailto:maija.meri@example.fi", 0),
    ("maija.meri%40example.fi", 0),
    ("maija.meri%2540example.fi", 0),
    ("maija.meri\\u0040example.fi", 0),
    ("maija.meri\\\\u0040example.fi", 0),
    ("maija.meri&#64;example.fi", 0),
    ("maija.meri&amp;#64;example.fi", 0),
    ("maija\u200b.meri@example.fi", 0),
    ("ｍａｉｊａ．ｍｅｒｉ＠ｅｘａｍｐｌｅ．ｆｉ", 0),
    ("maija.meri @ example.fi", 0),
    ("-maija.meri@example.fi", 0),
    ("...maija.meri@example.fi", 0),
    ("_maija.meri@example.fi_", 0),
    ("'maija.meri@example.fi'", 0),
    ("other@example.fi;maija.meri@example.fi", 0),
    ("?q=write+maija.meri@example.fi", 0),
    ("maija.meri@example.fi.", 0),
    ("M@Höyry.fi", 1),
    ("m@xn--hyry-5qa.fi", 1),
    ("+358401234567", 2),
    ("tel:+358-40-1234567", 2),
    ("+358 (0)40 123 45 67", 2),
    ("(040) 123-4567", 2),
    ("0401234567", 2),
    ("00358401234567", 2),
    ("358401234567", 2),
    ("040\u00a0123\u20114567", 2),
    ("2 040 123 4567 2026", 2),
    ("010190-999K", 3),
    ("010190-999k", 3),
    ("010190 -999K", 3),
    ("010190 999K", 3),
    ("010190999K", 3),
    ("010190-999A", 3),
    ("010190\u2212999K", 3),
    ("C7000001", 4),
    ("c7000001", 4),
    ("customer-C7000001.html", 4),
    ("880001112223", 6),
    ("A1A1A1A1A1A1A1A1", 7),
    ("ma\u0308ki.k@example.fi", 8),
    ("M\u00e4ki.k@example.fi", 8),
]
UNSURE = [("401234567", 2), ("70045", 5)]
NOT_THEIRS = [
    "amaija.meri@example.fi",
    "x+maija.meri@example.fi",
    "o'maija.meri@example.fi",
    "o’maija.meri@example.fi",
    "ömaija.meri@example.fi",
    "x#maija.meri@example.fi",
    "maija.meri@example.fi.example.com",
    "1358401234567",
    "3584012345678",
    "0401234567.50",
    "010190A999K",
    "010190Y999K",
    "1010190-999K",
    "C7000001-2",
    "XC7000001",
    "8800011122234",
    "170045",
    "70045.50",
]


@pytest.mark.parametrize(("text", "which"), SURE)
@pytest.mark.parametrize("around", ["{}", 'x,"{}",y', "see <{}> there"])
def test_every_spelling_is_found(text: str, which: int, around: str) -> None:
    whole = around.format(text)
    certain = {mention.identifier for mention in SPELLINGS.find(whole) if mention.sure}
    assert certain == {KNOWN[which]}
    assert Prefilter(SPELLINGS.fragments).candidates(pa.array(["nobody", whole])).tolist() == [1]


@pytest.mark.parametrize(("text", "which"), UNSURE)
def test_what_may_be_something_else_is_found_and_not_sure(text: str, which: int) -> None:
    assert [(mention.identifier, mention.sure) for mention in SPELLINGS.find(text)] == [
        (KNOWN[which], False)
    ]


@pytest.mark.parametrize("text", NOT_THEIRS)
def test_a_part_of_another_token_is_not_found(text: str) -> None:
    assert SPELLINGS.find(text) == []


@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from(KNOWN[:1] + KNOWN[2:5]))
def test_redaction_changes_nothing_but_the_mention(before: str, after: str, known: str) -> None:
    value = known.partition(":")[2]
    text = f"{before} | {value} | {after}"
    others = Redaction(SPELLINGS).find(f"{before} | | {after}", Record())
    redacted = Redaction(SPELLINGS).text(text, Record())
    assert others or redacted == f"{before} | {MARK} | {after}"


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60), st.integers(1, 3))
def test_a_text_is_decoded_however_often_it_was_encoded(text: str, times: int) -> None:
    encoded = text
    for _ in range(times):
        encoded = quote(encoded, safe="")
    decoded = decode(encoded)
    assert decoded.text == decode(text).text
    assert len(decoded.starts) == len(decoded.ends) == len(decoded.text)
    assert decoded.ends[-1:] in ([], [len(encoded)]) or decoded.text != text


@given(st.text(max_size=60))
def test_decoding_never_fails_and_its_spans_are_in_order(text: str) -> None:
    decoded = decode(text)
    assert decoded.starts == sorted(decoded.starts)
    assert all(start < end for start, end in zip(decoded.starts, decoded.ends, strict=True))


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ('{"mobile":358401234567}', f'{{"mobile":"{MARK}"}}'),
        ('{"mobile":"358401234567"}', f'{{"mobile":"{MARK}"}}'),
        ('{"visit":880001112223}', '{"visit":880001112223}'),
        ('{"visit":"880001112223"}', '{"visit":"880001112223"}'),
        ('{"fingerprint":"a1a1a1a1a1a1a1a1"}', '{"fingerprint":"a1a1a1a1a1a1a1a1"}'),
        ('{"note":"of 880001112223"}', f'{{"note":"of {MARK}"}}'),
        ('{"note":"401234567 or 70045"}', f'{{"note":"{MARK} or 70045"}}'),
    ],
)
def test_a_record_stays_json_and_keeps_the_numbers_of_its_own_fields(
    text: str, redacted: str
) -> None:
    assert Redaction(SPELLINGS).text(text, Record()) == redacted


def test_what_a_record_states_of_itself_stays() -> None:
    own = Record(frozenset({"+358401234567"}))
    text = '{"phone":"040 1234567","note":"maija.meri@example.fi"}'
    assert Redaction(SPELLINGS).text(text, own) == f'{{"phone":"040 1234567","note":"{MARK}"}}'


def test_what_a_record_is_known_by_is_no_mention_of_somebody_within_it() -> None:
    own = Record(frozenset(["o'x=maija.meri@example.fi"]))
    text = '{"e":"o\'x=maija.meri@example.fi","n":"maija.meri@example.fi"}'
    redacted = '{"e":"o\'x=maija.meri@example.fi","n":"[redacted]"}'
    assert Redaction(SPELLINGS).text(text, own) == redacted


def test_a_phone_without_its_zero_is_redacted_in_a_text_and_not_where_it_is_all_of_a_field() -> (
    None
):
    text = '{"id":"401234567","n":"call 401234567 now"}'
    assert (
        Redaction(SPELLINGS).text(text, Record()) == '{"id":"401234567","n":"call [redacted] now"}'
    )
