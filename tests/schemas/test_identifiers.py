"""One canonical form per identifier, and when it is valid: compared with the libraries that know
best."""

from __future__ import annotations

from datetime import date
from functools import cache

import duckdb
import pandas as pd
import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.fi import hetu, ytunnus

from schemas import unusual_spellings
from schemas.checking import check
from schemas.identifiers import install
from tests.support.examples import examples

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=14)
ASCII = st.characters(max_codepoint=126)
CANONICAL_TEXT = st.text(
    st.characters(max_codepoint=126, exclude_categories=["Ll", "Zs", "Cc"]), max_size=14
)


@cache
def database(country: str = "FI") -> duckdb.DuckDBPyConnection:
    """A database that knows the macros; making one takes longer than most tests."""
    connection = duckdb.connect(config={"threads": 1})
    install(connection, country)
    return connection


def canonical(macro: str, values: list[str | None]) -> list[str | None]:
    """What the macro makes of a whole column, which is how it is used."""
    with database().cursor() as connection:
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
    @settings(max_examples=examples(30), deadline=None)
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

    @pytest.mark.parametrize(
        "code",
        [
            "010190\u2011999W",
            "010190\u2212999w",
            "\u200e010190-999W",
            "010190 - 999W",
            "０１０１９０-999W\u00a0",
        ],
    )
    def test_hyphens_blanks_and_invisible_signs_are_made_plain(self, code: str) -> None:
        assert canonical("identity_code_canonical", [code]) == ["010190-999W"]

    def test_letters_may_be_small_and_blanks_around_it(self) -> None:
        assert canonical("identity_code_canonical", [" 010190-999w ", None]) == [
            "010190-999W",
            None,
        ]


class TestBusinessId:
    @settings(max_examples=examples(30), deadline=None)
    @given(
        st.lists(st.tuples(st.integers(1, 9_999_999), st.integers(0, 9)), min_size=1, max_size=60)
    )
    def test_it_is_valid_exactly_when_the_peer_says_so(
        self, numbers: list[tuple[int, int]]
    ) -> None:
        ids = [f"{number:07}-{digit}" for number, digit in numbers]
        assert valid("business_id_valid", ids) == [
            ytunnus.is_valid(business_id) for business_id in ids
        ]

    def test_the_old_form_of_six_digits_gets_its_nought(self) -> None:
        assert canonical("business_id_canonical", ["112038-9", " 0112038-9", None]) == [
            "0112038-9",
            "0112038-9",
            None,
        ]

    @pytest.mark.parametrize(
        "business_id",
        [
            "FI01120389",
            "FI-0112038-9",
            "fi 0112038-9",
            "01120389",
            "1120389",
            "0112038\u20139",
            "0112 038-9",
        ],
    )
    def test_vat_numbers_and_missing_hyphens_are_the_same_company(self, business_id: str) -> None:
        assert canonical("business_id_canonical", [business_id]) == ["0112038-9"]

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
        assert valid("email_valid", canonical("email_canonical", [address])) == [True]

    @pytest.mark.parametrize(
        "address",
        [
            "", "ei ole", "n/a", "maija", "maija@", "@example.fi", "maija@@example.fi",
            "maija@example", "maija(at)example.fi", "maija@example..fi",
            "maija esimerkki@example.fi", "maija@example.fi;toinen@example.fi",
            "<maija@example.fi>", "x" * 65 + "@example.fi", "m@" + "x" * 250 + ".fi",
            "maija@.example.fi", "none@none", "none@none.com", "no@email.com", "test@test.com",
            "maija@example.fi.invalid",
        ],
    )  # fmt: skip
    def test_what_is_none_is_not_valid(self, address: str) -> None:
        assert valid("email_valid", [address]) == [False]

    @pytest.mark.parametrize(
        "address",
        [
            "\u200bmaija@höyry.fi", "\ufeffmaija@höyry.fi", "\u202amaija@höyry.fi\u202c",
            "mai\u00adja@höyry.fi", "maija@höyry.fi\t",
            "maija@höyry.fi\u00a0", "mailto:maija@höyry.fi",
            "MAILTO:maija%40h%C3%B6yry.fi?subject=Hei", "maija@ho\u0308yry.fi", "maija@höyry.fi.",
            "MAIJA@HÖYRY.FI", "maija@xn--hyry-5qa.fi", "Maija@XN--HYRY-5QA.FI",
            "Maija Esimerkki <maija@höyry.fi>", "<maija@höyry.fi>",
            "'maija@höyry.fi'", "maija＠höyry.fi", "ｍａｉｊａ@höyry.fi", "maija @ höyry.fi",
            "maija@höyry.fi;",
        ],
    )  # fmt: skip
    def test_one_mailbox_has_one_form(self, address: str) -> None:
        assert canonical("email_canonical", [address]) == ["maija@xn--hyry-5qa.fi"]
        shown = canonical("email_shown", [address])[0]
        assert shown is not None
        assert shown.isprintable()
        assert canonical("email_canonical", [shown]) == ["maija@xn--hyry-5qa.fi"]

    def test_what_is_shown_keeps_the_capitals_of_the_mailbox(self) -> None:
        given_addresses = [" Maija.E@Example.FI ", "\u200bMaija.E@höyry.fi", None]
        assert canonical("email_shown", given_addresses) == [
            "Maija.E@Example.FI", "Maija.E@höyry.fi", None,
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "address", ["maija@example.fi;pekka@example.fi", "maija e@example.fi", "maija"]
    )
    def test_what_is_no_single_address_stays_none_in_canonical_form(self, address: str) -> None:
        assert valid("email_valid", canonical("email_canonical", [address])) == [False]

    @settings(max_examples=examples(40), deadline=None)
    @given(
        st.from_regex(
            r"[A-Za-z0-9.+_'-]{1,8}@[A-Za-z0-9.-]{0,8}[A-Za-z]", fullmatch=True, alphabet=ASCII
        )
    )
    def test_addresses_in_sql_are_what_python_makes_of_them(self, address: str) -> None:
        assert canonical("email_canonical", [address]) == [unusual_spellings.email(address)]

    def test_capitals_and_blanks_do_not_matter_and_aliases_do(self) -> None:
        assert canonical(
            "email_canonical", [" Maija@Example.FI ", "maija+tilaus@example.fi", None]
        ) == ["maija@example.fi", "maija+tilaus@example.fi", None]


def written(number: str) -> list[str]:
    """A Finnish number, given as its digits without the leading nought, in the ways in which people
    write it."""
    return [
        f"0{number}", f"0{number[:2]} {number[2:5]} {number[5:]}", f"0{number[:2]}-{number[2:]}",
        f"+358{number}", f"+358 {number[:2]} {number[2:]}",
        f"+358 (0){number}", f"+358 (0) {number[:2]} {number[2:]}", f"00358{number}",
        f"(0{number[:2]}) {number[2:]}", f" 0{number[:2]}.{number[2:]} ",
    ]  # fmt: skip


class TestPhone:
    @settings(max_examples=examples(30), deadline=None)
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
                phonenumbers.parse(spelling, "FI"), phonenumbers.PhoneNumberFormat.E164
            )
            for spelling in written(number)
        }
        assert (
            set(canonical("phone_canonical", list(written(number)))) == peers == {f"+358{number}"}
        )
        assert all(valid("phone_valid", [f"+358{number}"]))

    @pytest.mark.parametrize(
        ("number", "canonical_number"),
        [
            ("+358 040 123 4501", "+358401234501"),
            ("+358-0-40-1234501", "+358401234501"),
            ("00358 (0)40 1234501", "+358401234501"),
            ("+46 (0)70 123 45 04", "+46701234504"),
            ("+46 070 123 45 04", "+46701234504"),
            ("+44 (0)20 7946 0005", "+442079460005"),
            ("358401234501", "+358401234501"),
            ("401234501", "+358401234501"),
            ("tel:+358-40-123-4501", "+358401234501"),
            ("tel:+358401234501;ext=12", "+358401234501"),
            ("puh. 040 1234501", "+358401234501"),
            ("040 1234501 ext. 5", "+358401234501"),
            ("(09) 123 4567", "+35891234567"),
            ("040\u00a0123\u00a04501", "+358401234501"),
            ("040\u2009123\u20094501", "+358401234501"),
            ("\u202a+358 40 123 4501\u202c", "+358401234501"),
            ("\ufeff0401234501\t", "+358401234501"),
            ("040\u20111234501", "+358401234501"),
            ("040\u22121234501", "+358401234501"),
            ("０４０１２３４５０１", "+358401234501"),
            ("٠٤٠١٢٣٤٥٠١", "+358401234501"),
        ],
    )
    def test_spellings_that_people_and_programs_make_are_the_same_number(
        self, number: str, canonical_number: str
    ) -> None:
        assert canonical("phone_canonical", [number]) == [canonical_number]
        assert valid("phone_valid", [canonical_number]) == [True]

    @pytest.mark.parametrize(
        "number",
        [
            "0000000", "9999999999", "+358 999999999", "040 1234501 / 050 1234502",
            "0401234501;0501234502", "+99912345678", "12",
            "ei ole", "+0401234501", "+35840123456789012", "46701234567", "040 1234501 äiti",
            "+358x401234567", "-",
        ],
    )  # fmt: skip
    def test_what_is_no_number_stays_none_in_canonical_form(self, number: str) -> None:
        assert valid("phone_valid", canonical("phone_canonical", [number])) == [False]

    @settings(max_examples=examples(40), deadline=None)
    @given(
        st.sampled_from(["FI", "SE"]),
        st.sampled_from(["+358", "+3580", "00358", "003580", "0", "+46", "+460", "0046"]),
        st.from_regex("[1-9][0-9]{3,11}", fullmatch=True),
    )
    def test_numbers_in_sql_are_what_the_library_makes_of_them(
        self, country: str, prefix: str, rest: str
    ) -> None:
        with database(country).cursor() as connection:
            form = connection.execute("SELECT phone_canonical(?)", [prefix + rest]).fetchone()
        assert form == (unusual_spellings.phone(prefix + rest, country),)

    @settings(max_examples=examples(30), deadline=None)
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


class TestOpaqueIds:
    @pytest.mark.parametrize(
        "written_id",
        [
            "0", "00000", "0.0", "N/A", "NA", "n.a.", "-", "--", ".", "?", "", " ", "NULL", "None",
            "nil", "undefined", "nan", "ei ole",
            "ei tiedossa", "Puuttuu", "Okänd", "OKA\u0308ND", "saknas", "unknown", "tuntematon",
            "anonymous", "test", "(not set)", "#N/A",
            "#REF!", "{{userId}}", "${x}", "{user_id}", "%s", "%USER%", "<user id>",
            "[object Object]", "xxxx", "XXX-XXX", "9999999999",
            "11111111", "-1", "-999", "00000000-0000-0000-0000-000000000000", "\u200b0\u00a0", "０",
            "null\t",
        ],
    )  # fmt: skip
    def test_a_placeholder_is_no_identifier(self, written_id: str) -> None:
        assert canonical("opaque_id", [written_id]) == [None]
        assert canonical("user_id_canonical", [written_id]) == [None]

    @pytest.mark.parametrize("damaged", ["1.24E+11", "1,24E+11", "1.24e11", "1E+11", " 1.2E+5 "])
    def test_a_number_that_a_spreadsheet_cut_short_is_no_identifier(self, damaged: str) -> None:
        assert canonical("opaque_id", [damaged]) == [None]
        assert canonical("damaged_number", [damaged]) == [damaged.strip()]

    @pytest.mark.parametrize(
        "written_id",
        [
            "C1",
            "1001",
            "900",
            "11111",
            "1E11",
            "C-0",
            "ab12",
            "AB12",
            "a|b|1",
            "3f2504e0-4f89-11d3",
        ],
    )
    def test_an_id_stays_as_it_is_capitals_and_all(self, written_id: str) -> None:
        assert canonical("opaque_id", [written_id, f"\u200b {written_id}\u00a0"]) == [
            written_id, written_id,
        ]  # fmt: skip
        assert canonical("damaged_number", [written_id]) == [None]

    def test_a_whole_number_loses_the_point_that_a_program_gave_it(self) -> None:
        assert canonical("opaque_id", ["124000000000.0", "1001,00"]) == ["124000000000", "1001"]

    def test_a_cookie_is_hexadecimal_so_its_capitals_do_not_matter(self) -> None:
        assert canonical("visitor_id_canonical", ["99AA00BB11CC22DD", "0" * 16]) == [
            "99aa00bb11cc22dd", None,
        ]  # fmt: skip

    def test_an_account_that_is_an_address_has_the_form_of_addresses(self) -> None:
        assert canonical("user_id_canonical", ["Maija@Example.fi", "none@none", "C1"]) == [
            "maija@example.fi", None, "C1",
        ]  # fmt: skip


class TestPostcode:
    @pytest.mark.parametrize(
        ("written_code", "postcode"),
        [
            ("100", "00100"), ("00100", "00100"), ("FI-00100", "00100"), ("fi 100", "00100"),
            ("00100.0", "00100"), (" 00100\u00a0", "00100"),
            ("AX-22100", "22100"), ("-", None),
        ],
    )  # fmt: skip
    def test_a_finnish_one_has_five_digits(self, written_code: str, postcode: str | None) -> None:
        assert finnish([written_code]) == [(postcode, postcode is not None)]

    @pytest.mark.parametrize("written_code", ["1OO", "0", "1", "111 22", "SE-111 22", "001000"])
    def test_what_cannot_be_made_one_is_not_valid(self, written_code: str) -> None:
        assert finnish([written_code])[0][1] is False

    def test_those_of_other_countries_stay(self) -> None:
        with database().cursor() as connection:
            assert connection.execute(
                "SELECT postcode_canonical('111 22', 'Sverige')"
            ).fetchone() == ("111 22",)


def finnish(codes: list[str]) -> list[tuple[str | None, bool]]:
    """Each code in canonical form, and whether that is valid."""
    with database().cursor() as connection:
        query = (
            "SELECT form, coalesce(postcode_valid(form), false) FROM (SELECT "
            "postcode_canonical(?, NULL) AS form)"
        )
        return [connection.execute(query, [code]).fetchone() or (None, False) for code in codes]


@settings(max_examples=examples(25), deadline=None)
@given(st.lists(TEXT | st.from_regex(r"\A[+0-9 ()@.<>a-z-]{1,20}\Z"), min_size=1, max_size=20))
@pytest.mark.parametrize(
    "kind",
    ["identity_code", "business_id", "email", "phone", "customer_number", "user_id", "visitor_id"],
)
def test_the_canonical_form_of_a_canonical_form_is_itself(kind: str, texts: list[str]) -> None:
    with database().cursor() as connection:
        connection.register("texts", pa.table({"text": pa.array(texts, pa.string())}))
        changed = connection.execute(
            f"""SELECT text
            FROM (SELECT text, identifier_canonical('{kind}', text) AS form FROM texts)
            WHERE identifier_canonical('{kind}', form) IS DISTINCT FROM form"""
        ).fetchall()
    assert changed == []


MACRO_NAMES = ["identity_code_valid", "business_id_valid", "email_valid", "phone_valid"]


@pytest.mark.parametrize("macro", MACRO_NAMES)
def test_nothing_is_null_safe(macro: str) -> None:
    assert valid(macro, [None]) == [True]


@settings(max_examples=examples(30), deadline=None)
@given(values=st.lists(TEXT | st.none(), min_size=1, max_size=40))
@pytest.mark.parametrize("macro", MACRO_NAMES)
def test_no_text_whatever_stops_a_rule(macro: str, values: list[str | None]) -> None:
    assert len(valid(macro, values)) == len(values)


@pytest.mark.parametrize("written_id", ["ABCDEFG-1", "Esimerkki Oy", "0112038-99"])
def test_a_text_that_is_no_business_id_is_not_valid(written_id: str) -> None:
    assert valid("business_id_valid", canonical("business_id_canonical", [written_id])) == [False]


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("customer_number", "c-1001x", "C-1001X"),
        ("user_id", "c-1001x", "C-1001X"),
        ("user_id", "Aino@Example.fi", "aino@example.fi"),
        ("visitor_id", "3F2504E0-4F89-11D3", "3f2504e0-4f89-11d3"),
    ],
)
def test_capitals_do_not_matter_in_what_people_type_or_what_is_drawn_at_random(
    kind: str, first: str, second: str
) -> None:
    assert len(set(canonical(f"{kind}_canonical", [first, second]))) == 1


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [("opaque_id", "001Ab1", "001ab1"), ("email_canonical", "a+shop@example.fi", "a@example.fi")],
)
def test_ids_of_systems_and_plus_addresses_stay_distinct(
    kind: str, first: str, second: str
) -> None:
    assert len(set(canonical(kind, [first, second]))) == 2
