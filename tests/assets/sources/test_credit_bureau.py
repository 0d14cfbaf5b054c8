"""A credit bureau's report, and what the register takes from it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ingest.file_formats import reading
from assets.sources.credit_bureau import SOURCE
from tests.support.examples import examples
from tests.support.source_batches import codes, keep, stage, text

REPORTS, UC = SOURCE.datasets
CODE = "020180-999Y"
COMPANY = "9000000-3"
PAID = {
    "remarkId": "R1", "remarkType": "PaymentRemark", "remarkCode": "UMV",
    "remarkSource": "Ulosottovirasto", "remarkDate": "2024-05-14T00:00:00Z",
    "amount": 412.3, "creditor": "Esimerkki Oy", "remarkPaidDate": "2024-09-01T00:00:00Z",
    "remarkExpiresDate": "2026-05-14T00:00:00Z",
}  # fmt: skip
BAN = {
    "remarkId": "R2", "remarkType": "BusinessBanRemark", "remarkCode": "LTV",
    "remarkSource": "Oikeusrekisterikeskus", "remarkDate": "2025-02-01",
    "amount": None, "creditor": None, "remarkPaidDate": None,
    "remarkValidToDate": "2028-02-01T00:00:00Z", "remarkExpiresDate": None,
}  # fmt: skip


def report(**fields: Any) -> dict[str, Any]:
    """A report; fields given as None are left out."""
    whole = {
        "socialSecurityNumber": CODE,
        "dateOfBirth": "1980-01-02T00:00:00Z",
        "creditClass": 4,
        "scale": "1-5, 1 best",
        "purposeCode": "1",
        **fields,
    }
    return {name: value for name, value in whole.items() if value is not None}


@pytest.mark.clause("P6.4")
def test_a_report_is_about_the_person_with_its_identity_code() -> None:
    payload = report(socialSecurityNumber=" 020180-999y ")
    done, kept = stage(REPORTS, [payload]), keep(REPORTS, [payload])
    row = done.only("credit_reports")
    person_key = hashlib.md5(f"identity_code:{CODE}".encode()).hexdigest()  # noqa: S324
    assert row["person_key"] == person_key
    assert (row["business_id"], row["credit_class"], row["scale"], row["purpose_code"]) == (
        None,
        "4",
        "1-5, 1 best",
        "1",
    )
    assert row["stated_at"] == datetime(2026, 11, 19, 22, tzinfo=UTC)
    assert (done.only("identifiers")["type"], done.only("identifiers")["value"]) == (
        "identity_code",
        CODE,
    )
    assert (kept.native_keys, kept.identifiers) == ([CODE], [[f"identity_code:{CODE}"]])


def test_a_company_is_nobody_in_particular_and_keeps_its_number() -> None:
    payload = report(socialSecurityNumber=None, businessId=COMPANY)
    done = stage(REPORTS, [payload])
    assert (
        done.only("credit_reports")["person_key"],
        done.only("credit_reports")["business_id"],
    ) == (None, COMPANY)
    assert (done.only("identifiers")["type"], done.only("identifiers")["value"]) == (
        "business_id",
        COMPANY,
    )
    assert keep(REPORTS, [payload]).native_keys == [COMPANY]


def test_a_newer_report_has_the_key_of_the_older() -> None:
    assert (
        len(
            set(
                keep(REPORTS, [report(), report(creditClass=1), report(remarks=[PAID])]).native_keys
            )
        )
        == 1
    )
    assert not REPORTS.snapshot


class TestMarks:
    def test_each_remark_is_a_mark_with_its_dates_and_amount(self) -> None:
        paid, ban = stage(REPORTS, [report(remarks=[PAID, BAN])]).tables["credit_marks"]
        assert (paid["remark_id"], paid["remark_date"], paid["amount"], paid["creditor"]) == (
            "R1",
            date(2024, 5, 14),
            Decimal("412.30"),
            "Esimerkki Oy",
        )
        assert (paid["paid_on"], paid["expires_on"], paid["position"]) == (
            date(2024, 9, 1),
            date(2026, 5, 14),
            1,
        )
        assert (ban["remark_id"], ban["amount"], ban["creditor"], ban["remark_date"]) == (
            "R2",
            None,
            None,
            date(2025, 2, 1),
        )

    @pytest.mark.parametrize("written", ["9999-12-31", "9999-12-31T00:00:00Z", "2100-12-31"])
    def test_an_expiry_that_stands_for_none_does_not_keep_a_mark(self, written: str) -> None:
        """Three years after the mark it is over, as one without an expiry is."""
        done = stage(REPORTS, [report(remarks=[{**PAID, "remarkExpiresDate": written}])])
        assert done.only("credit_marks")["expires_on"] is None

    @pytest.mark.parametrize(
        ("field", "written", "code"),
        [
            ("remarkDate", "2199-01-01", "CREDIT-DATE"),
            ("remarkPaidDate", "2027-01-01", "CREDIT-DATE"),
            ("remarkDate", "infinity", "CREDIT-DATE"),
            ("remarkDate", "2024-05-14T08:00:00Z", "CREDIT-DATE"),
            ("remarkExpiresDate", "99999-12-31", "CREDIT-DATE"),
            ("remarkExpiresDate", "infinity", "CREDIT-DATE"),
            ("amount", 412.305, "CREDIT-AMOUNT"),
            ("amount", "412,30", "CREDIT-AMOUNT"),
            ("amount", 10**16, "CREDIT-AMOUNT"),
        ],
    )
    def test_a_value_that_would_keep_it_or_be_rounded_has_a_code(
        self, field: str, written: Any, code: str
    ) -> None:
        assert codes(REPORTS, report(remarks=[{**PAID, field: written}])) == {code}

    def test_a_remark_without_an_expiry_ends_with_its_validity_or_is_open(self) -> None:
        marks = stage(
            REPORTS, [report(remarks=[BAN, {**BAN, "remarkId": "R3", "remarkValidToDate": None}])]
        ).tables["credit_marks"]
        assert [mark["expires_on"] for mark in marks] == [date(2028, 2, 1), None]

    @pytest.mark.parametrize("none", [None, [], "null"])
    def test_no_remarks_are_a_clean_report(self, none: Any) -> None:
        payload = (
            text(report(remarks=[])).replace("[]", "null")
            if none == "null"
            else report(remarks=none)
        )
        done = stage(REPORTS, [payload])
        assert done.codes[0] == set()
        assert done.tables["credit_marks"] == []


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (report(socialSecurityNumber=None), "CREDIT-SUBJECT"),
        (report(socialSecurityNumber=" "), "CREDIT-SUBJECT"),
        (report(socialSecurityNumber="020180-999X"), "CREDIT-HETU-CHECKSUM"),
        (report(socialSecurityNumber={"value": CODE}), "CREDIT-HETU-CHECKSUM"),
        (report(socialSecurityNumber=20180999), "CREDIT-HETU-CHECKSUM"),
        (report(businessId="9000000-8"), "CREDIT-BUSINESS-ID"),
        (report(socialSecurityNumber=None, businessId="Esimerkki"), "CREDIT-BUSINESS-ID"),
        (report(purposeCode=None), "CREDIT-PURPOSE"),
        (report(purposeCode=""), "CREDIT-PURPOSE"),
        (report(purposeCode="Z"), "CREDIT-PURPOSE"),
        (report(purposeCode=["1"]), "CREDIT-PURPOSE"),
        (report(purposeCode="8"), "CREDIT-OTHER-PURPOSE"),
        (report(purposeCode=9), "CREDIT-OTHER-PURPOSE"),
        (report(dateOfBirth="1980-02-30"), "CREDIT-DATE"),
        (report(dateOfBirth="infinity"), "CREDIT-DATE"),
        (report(remarks=[{**PAID, "remarkDate": "14.5.2024"}]), "CREDIT-DATE"),
        (report(remarks=[PAID, {**PAID, "remarkExpiresDate": {"y": 2026}}]), "CREDIT-DATE"),
        (report(remarks=[{**PAID, "amount": "412,30"}]), "CREDIT-AMOUNT"),
        (report(remarks=[{**PAID, "amount": 1e40}]), "CREDIT-AMOUNT"),
        (report(remarks=PAID), "CREDIT-REMARKS"),
        (report(remarks="none"), "CREDIT-REMARKS"),
        (report(remarks=[None]), "CREDIT-REMARKS"),
        (report(remarks=["R1"]), "CREDIT-REMARKS"),
        (report(remarks=[{**PAID, "remarkId": None}]), "CREDIT-REMARKS"),
        (report(remarks=[{**PAID, "remarkId": ["R1"]}]), "CREDIT-REMARKS"),
    ],
)
def test_a_report_that_may_not_be_used_says_why(payload: dict[str, Any], code: str) -> None:
    done = stage(REPORTS, [payload])
    assert done.codes[0] == {code}
    assert not any(done.tables.values())


@pytest.mark.parametrize("number", [1, "a", " 1 "])
def test_a_purpose_may_be_typed_as_a_number_or_in_small_letters(number: Any) -> None:
    assert (
        stage(REPORTS, [report(purposeCode=number)]).only("credit_reports")["purpose_code"]
        == str(number).strip().upper()
    )


class TestPositiveRegister:
    @pytest.mark.parametrize(
        "content",
        [
            {"loans": [{"lender": "Esimerkki Pankki"}]},
            {"incomes": None},
            {"incomeInformation": {"monthly": 1}},
            {"positiveCreditRegister": True},
            {"report": {"LoanContracts": []}},
            {"luotot": []},
        ],
    )
    def test_it_is_refused(self, content: dict[str, Any]) -> None:
        assert "CREDIT-POSITIVE-REGISTER" in codes(REPORTS, {**report(), **content})

    def test_nothing_of_it_reaches_the_disk_but_the_identifiers_of_its_subject(self) -> None:
        kept = keep(REPORTS, [report(loans=[{"lender": "Esimerkki Pankki"}], creditClass=4)])
        assert set(json.loads(kept.payloads[0])) == {
            "socialSecurityNumber",
            "businessId",
            "positiveCreditRegister",
        }
        assert kept.identifiers == [[f"identity_code:{CODE}"]]

    def test_an_ordinary_report_stays_byte_for_byte(self) -> None:
        payload = (
            '{"socialSecurityNumber" : "020180-999Y", "remarks":[{"creditor":"Loans and incomes '
            'Oy","amount":1.50}]}'
        )
        assert keep(REPORTS, [payload]).payloads == [payload]


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from([*PAID, "remarkValidToDate"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=examples(10), deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([*report(), "remarks", "businessId"]), ANYTHING, max_size=4
        ),
        min_size=10,
        max_size=30,
    )
)
def test_whatever_the_types_every_report_is_staged_or_has_a_code(
    changes: list[dict[str, Any]],
) -> None:
    done = stage(REPORTS, [text({**report(remarks=[PAID]), **change}) for change in changes])
    assert {row["record_no"] for row in done.tables["credit_reports"]} | {
        record for record, codes_of_record in done.codes.items() if codes_of_record
    } == set(range(len(changes)))


def uc_report(number: str, **attributes: str) -> dict[str, Any]:
    return {
        "@id": "1",
        "@name": "Testperson",
        "@styp": "K39",
        **{f"@{name}": value for name, value in attributes.items()},
        "group": [
            {"@id": "W080", "term": [{"@id": "W08001", "#text": number}]},
            {"@id": "W131", "term": [{"@id": "W13105", "#text": "J"}]},
        ],
    }


class TestUc:
    def test_a_report_is_about_the_person_of_its_number(self) -> None:
        done = stage(UC, [uc_report("811228-9874", purposeCode="1")])
        row = done.only("credit_reports")
        assert (row["purpose_code"], row["credit_class"], row["scale"]) == ("1", "J", "UC W13105")
        assert done.only("identifiers")["value"] == "198112289874"

    @pytest.mark.parametrize("where", ["id", "term"])
    def test_beside_a_number_of_the_bureau_the_id_or_another_term_names_the_person(
        self, where: str
    ) -> None:
        payload = uc_report("9811228987", purposeCode="1")
        if where == "id":
            payload["@id"] = "8112289874"
        else:
            payload["group"][0]["term"].append({"@id": "W08002", "#text": "8112289874"})
        assert stage(UC, [payload]).only("identifiers")["value"] == "198112289874"

    def test_a_reply_is_read_in_its_namespace_and_envelope(self, tmp_path: Path) -> None:
        (tmp_path / "reply").write_text(
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
            '<u:ucReply xmlns:u="http://www.uc.se/schemas/ucOrderReply/"><u:status u:result="ok"/>'
            '<u:ucReport><u:xmlReply><u:reports u:lang="swe"><u:report u:id="8112289874" '
            'purposeCode="1"><u:group u:id="W131"><u:term u:id="W13105">J</u:term></u:group>'
            "</u:report></u:reports></u:xmlReply></u:ucReport></u:ucReply></s:Body></s:Envelope>"
        )
        (batch,) = reading.records(tmp_path / "reply", "utf-8", UC.format)
        done = stage(UC, batch["payload"].to_pylist())
        assert done.only("credit_reports")["credit_class"] == "J"
        assert done.only("identifiers")["value"] == "198112289874"

    def test_only_number_decision_and_purpose_reach_the_disk(self) -> None:
        kept = keep(UC, [uc_report("8112289874", purposeCode="1")]).payloads[0]
        assert "Testperson" not in kept
        assert "K39" not in kept

    @pytest.mark.parametrize(
        ("payload", "expected"),
        [
            (uc_report("8112289874"), {"CREDIT-PURPOSE"}),
            (uc_report("8112289874", purposeCode="8"), {"CREDIT-OTHER-PURPOSE"}),
            (uc_report("8112289875", purposeCode="1"), {"CREDIT-HETU-CHECKSUM"}),
            ({"@id": "1"}, {"CREDIT-SUBJECT", "CREDIT-PURPOSE"}),
        ],
    )
    def test_a_report_that_may_not_be_used_says_why(
        self, payload: dict[str, Any], expected: set[str]
    ) -> None:
        assert codes(UC, payload) == expected
