"""One canonical form per identifier, and when it is valid: held against the libraries that know best."""

from __future__ import annotations

from datetime import date

import duckdb
import pandas as pd
import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.fi import hetu, ytunnus

from schemas.checking import check
from schemas.identifiers import MACROS

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=14)
CANONICAL_TEXT = st.text(
    st.characters(max_codepoint=126, exclude_categories=["Ll", "Zs", "Cc"]), max_size=14
)


def canonical(macro: str, values: list[str | None]) -> list[str | None]:
    """What the macro makes of a whole column, which is how it is used."""
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        connection.register(
            "given", pa.table({"n": range(len(values)), "value": pa.array(values, pa.string())})
        )
        return [
            row[0]
            for row in connection.execute(f"SELECT {macro}(value) FROM given ORDER BY n").fetchall()
        ]


def valid(macro: str, values: list[str | None]) -> list[bool]:
    return [
        bool(fine) for fine in check(macro, pd.Series(values, dtype=pd.ArrowDtype(pa.string())))
    ]


CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
SIGNS = {18: "+", 19: "-YXWVU", 20: "ABCDEF"}


@st.composite
def identity_codes(draw: st.DrawFn) -> str:
    """Codes of the test series, a third of them with another check character."""
    born = draw(st.dates(date(1850, 1, 1), date(2026, 1, 1)))
    sign = draw(st.sampled_from(SIGNS[born.year // 100]))
    number = draw(st.integers(900, 999))
    right = CHECK_CHARACTERS[int(f"{born:%d%m%y}{number}") % 31]
    last = draw(st.sampled_from([right, right, draw(st.sampled_from(CHECK_CHARACTERS))]))
    return f"{born:%d%m%y}{sign}{number}{last}"


class TestIdentityCode:
    @settings(max_examples=30, deadline=None)
    @given(st.lists(identity_codes() | CANONICAL_TEXT, min_size=1, max_size=60))
    def test_it_is_valid_exactly_when_the_peer_says_so(self, codes: list[str]) -> None:
        assert valid("identity_code_valid", codes) == [
            hetu.is_valid(code, allow_temporary=True) for code in codes
        ]

    def test_the_century_sign_is_part_of_it_though_the_check_character_knows_nothing_of_it(
        self,
    ) -> None:
        codes = ["010190-999W", "010190Y999W", "010190+999W", "010190A999W"]
        assert canonical("identity_code_canonical", codes) == codes
        assert valid("identity_code_valid", codes) == [True] * 4

    @pytest.mark.parametrize(
        "broken",
        [
            "",
            "010190-999",
            "010190-999M",
            "310290-999K",
            "010190-001P",
            "010190G999W",
            "０10190-999W",
            "010190-999W ",
            "henkilötunnus",
            "010190-999\nW",
        ],
    )
    def test_what_is_none_is_not_valid(self, broken: str) -> None:
        assert valid("identity_code_valid", [broken]) == [False]

    def test_letters_may_be_small_and_blanks_around_it(self) -> None:
        assert canonical("identity_code_canonical", [" 010190-999w ", None]) == [
            "010190-999W",
            None,
        ]


class TestBusinessId:
    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(1, 9_999_999), st.integers(0, 9)), min_size=1, max_size=60)
    )
    def test_it_is_valid_exactly_when_the_peer_says_so(
        self, numbers: list[tuple[int, int]]
    ) -> None:
        ids = [f"{number:07}-{digit}" for number, digit in numbers]
        assert valid("business_id_valid", ids) == [ytunnus.is_valid(one) for one in ids]

    def test_the_old_form_of_six_digits_gets_its_nought(self) -> None:
        assert canonical("business_id_canonical", ["112038-9", " 0112038-9", None]) == [
            "0112038-9",
            "0112038-9",
            None,
        ]

    def test_noughts_alone_are_no_company(self) -> None:
        assert valid("business_id_valid", ["0000000-0"]) == [False]


class TestEmail:
    @pytest.mark.parametrize(
        "address",
        [
            "maija@example.fi",
            "maija.esimerkki+tilaus@post.example.fi",
            "o'maija@example.fi",
            "maija@esimerkkiä.fi",
            "m@1.example.fi",
            "päivi@example.fi",
        ],
    )
    def test_addresses_that_mail_is_sent_to(self, address: str) -> None:
        assert valid("email_valid", [address]) == [True]

    @pytest.mark.parametrize(
        "address",
        [
            "", "ei ole", "n/a", "maija", "maija@", "@example.fi", "maija@@example.fi", "maija@example", "maija(at)example.fi", "maija@example..fi",
            "maija esimerkki@example.fi", "maija@example.fi;toinen@example.fi", "<maija@example.fi>", "x" * 65 + "@example.fi", "m@" + "x" * 250 + ".fi",
            "maija@.example.fi",
        ],
    )  # fmt: skip
    def test_what_is_none_is_not_valid(self, address: str) -> None:
        assert valid("email_valid", [address]) == [False]

    def test_capitals_and_blanks_do_not_matter_and_aliases_do(self) -> None:
        assert canonical(
            "email_canonical", [" Maija@Example.FI ", "maija+tilaus@example.fi", None]
        ) == ["maija@example.fi", "maija+tilaus@example.fi", None]


def written(number: str) -> list[str]:
    """A Finnish number, given as its digits without the leading nought, in the ways in which people write it."""
    return [
        f"0{number}", f"0{number[:2]} {number[2:5]} {number[5:]}", f"0{number[:2]}-{number[2:]}", f"+358{number}", f"+358 {number[:2]} {number[2:]}",
        f"+358 (0){number}", f"+358 (0) {number[:2]} {number[2:]}", f"00358{number}", f"(0{number[:2]}) {number[2:]}", f" 0{number[:2]}.{number[2:]} ",
    ]  # fmt: skip


class TestPhone:
    @settings(max_examples=30, deadline=None)
    @given(
        st.sampled_from(["40", "41", "44", "45", "46", "50", "9", "2", "3", "8", "13", "14"]),
        st.integers(1_000_000, 9_999_999),
    )
    def test_a_finnish_number_has_one_form_however_it_is_written(
        self, prefix: str, rest: int
    ) -> None:
        number = f"{prefix}{rest}"
        peers = {
            phonenumbers.format_number(
                phonenumbers.parse(one, "FI"), phonenumbers.PhoneNumberFormat.E164
            )
            for one in written(number)
        }
        assert (
            set(canonical("phone_canonical", list(written(number)))) == peers == {f"+358{number}"}
        )
        assert all(valid("phone_valid", [f"+358{number}"]))

    @settings(max_examples=30, deadline=None)
    @given(st.sampled_from(["SE", "EE", "DE", "GB", "US"]))
    def test_a_foreign_number_keeps_its_country(self, country: str) -> None:
        number = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
        international = phonenumbers.format_number(
            number, phonenumbers.PhoneNumberFormat.INTERNATIONAL
        )
        plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        assert canonical("phone_canonical", [international, "00" + plain[1:]]) == [plain, plain]
        assert valid("phone_valid", [plain]) == [True]

    @pytest.mark.parametrize(
        "number",
        ["", "12", "ei ole", "+0401234567", "+35840123456789012", "+358x401234567", "0401234567"],
    )
    def test_what_is_none_is_not_valid(self, number: str) -> None:
        assert valid("phone_valid", [number]) == [False]


MACRO_NAMES = ["identity_code_valid", "business_id_valid", "email_valid", "phone_valid"]


@pytest.mark.parametrize("macro", MACRO_NAMES)
def test_nothing_is_null_safe(macro: str) -> None:
    assert valid(macro, [None]) == [True]


@settings(max_examples=30, deadline=None)
@given(values=st.lists(TEXT | st.none(), min_size=1, max_size=40))
@pytest.mark.parametrize("macro", MACRO_NAMES)
def test_no_text_whatever_stops_a_rule(macro: str, values: list[str | None]) -> None:
    assert len(valid(macro, values)) == len(values)


@pytest.mark.parametrize("written_id", ["ABCDEFG-1", "Esimerkki Oy", "0112038-99"])
def test_a_text_that_is_no_business_id_is_not_valid(written_id: str) -> None:
    assert valid("business_id_valid", canonical("business_id_canonical", [written_id])) == [False]
