"""Credit bureaus: a report about a person or a company per line, for credit decisions only.

Source: docs/vendor-formats.md, "Credit bureau"; docs/deliveries.md. The scale stays with the class,
because the scales of bureaus run in opposite directions; a newer report about the same subject
replaces the older as a whole. Records with data of the positive credit register are refused, and
so are reports that were requested for an employee or an authority: only their subject reaches the
disk.
"""

from __future__ import annotations

import json

from assets.sources.formats import Format, JsonLines, XmlRecords
from assets.sources.source import Dataset, Frame, Source
from schemas.sources.credit_bureau import CreditRecord
from schemas.staged import (
    OTHER_PURPOSE_CODES,
    PURPOSE_CODES,
    CreditMarks,
    CreditReports,
    Identifiers,
)

_REMARK = dict.fromkeys(
    [
        "remarkId", "remarkType", "remarkCode", "remarkSource", "remarkDate", "amount", "creditor",
        "remarkPaidDate", "remarkExpiresDate",
        "remarkValidToDate",
    ],
    "VARCHAR",
)  # fmt: skip
_REPORT = json.dumps(
    {
        **dict.fromkeys(
            [
                "socialSecurityNumber",
                "businessId",
                "dateOfBirth",
                "creditClass",
                "scale",
                "purposeCode",
            ],
            "VARCHAR",
        ),
        "remarks": [_REMARK],
    }
)

# Loans and incomes are data of the positive credit register, under any name and at any depth.
_POSITIVE_KEYS = "loan|income|positive|positiivi|credit_?agreement|luotot|luottosopimu|tulot"
_OF_THE_POSITIVE_REGISTER = rf"""regexp_matches(payload, '(?i)"({_POSITIVE_KEYS})[a-zäö_]*"\s*:')"""
# Nor is a report that was requested for choosing an employee or for an authority kept.
_FOR_OTHERS = f"""CASE WHEN json_valid(payload)
        THEN upper(filled(payload ->> '$.purposeCode')) IN {OTHER_PURPOSE_CODES} END"""
_MINIMISE = f"""
    CASE WHEN {_FOR_OTHERS} THEN json_object('socialSecurityNumber',
        payload -> '$.socialSecurityNumber',
        'businessId', payload -> '$.businessId',
        'purposeCode', payload -> '$.purposeCode')::VARCHAR
    WHEN {_OF_THE_POSITIVE_REGISTER} THEN json_object('socialSecurityNumber',
        payload -> '$.socialSecurityNumber',
        'businessId', payload -> '$.businessId', 'positiveCreditRegister', 'refused')::VARCHAR
            ELSE payload END"""

_IDENTIFY = """
    WITH read AS (
        SELECT
            record_no,
            identity_code_canonical(filled(payload ->> '$.socialSecurityNumber')) AS code,
            business_id_canonical(filled(payload ->> '$.businessId')) AS company FROM raw_records)
    SELECT record_no, coalesce(code, company) AS native_key,
        list_filter([identifier('identity_code', code), identifier('business_id', company)],
            lambda identifier: identifier IS NOT NULL) AS identifiers
    FROM read"""

_PREPARE = (
    f"""CREATE OR REPLACE TEMP TABLE reports AS
    SELECT *, CASE WHEN identity_code_valid(code) THEN person_key('identity_code',
        code) END AS person_key FROM (
        SELECT record_no, record_key, delivered_at AS stated_at, report,
            identity_code_canonical(filled(report.socialSecurityNumber)) AS code,
                business_id_canonical(filled(report.businessId)) AS company,
            upper(filled(report.purposeCode)) AS purpose_code,
                json_type(payload, '$.remarks') AS remarks_type,
                coalesce(report.remarks, []) AS remarks,
            NOT {_OF_THE_POSITIVE_REGISTER} AS ours_to_have
        FROM (SELECT *, from_json(payload, '{_REPORT}') AS report FROM records))""",
    """CREATE OR REPLACE TEMP TABLE remarks AS
    SELECT record_no, record_key, stated_at, person_key, code, company, unnest(remarks) AS remark,
        generate_subscripts(remarks, 1) AS position FROM reports""",
)

# The bureau writes midnight UTC for a calendar date. Marks and payments are in the past; a
# placeholder for no end is no expiry: such marks expire by law
# (`assets.register.clocks.mark_expiry`).
_PAST, _ENDS = ("remarkDate", "remarkPaidDate"), ("remarkExpiresDate", "remarkValidToDate")
_READABLE = " AND ".join(
    [
        f"(filled(remark.{name}) IS NULL"
        f" OR past_day(without_midnight(remark.{name}), stated_at) IS NOT NULL)"
        for name in _PAST
    ]
    + [
        f"(filled(remark.{name}) IS NULL OR is_end_day(without_midnight(remark.{name})))"
        for name in _ENDS
    ]
)

_VENDOR = f"""
    WITH marked AS (
        SELECT record_no, bool_and({_READABLE}) AS dates,
            bool_and(filled(remark.amount) IS NULL OR money(remark.amount) IS NOT NULL) AS amounts,
            bool_and(stated_text(remark.remarkId) IS NOT NULL) AS named
        FROM remarks GROUP BY record_no)
    SELECT record_no, code AS identity_code, company AS business_id, purpose_code,
        (filled(report.dateOfBirth) IS NULL
            OR past_day(without_midnight(report.dateOfBirth), stated_at) IS NOT NULL)
            AND coalesce(dates, true) AS dates_readable,
        coalesce(amounts, true) AS amounts_readable,
        coalesce(remarks_type IN ('ARRAY', 'NULL'), true)
            AND coalesce(named, true) AS remarks_fine, ours_to_have
    FROM reports LEFT JOIN marked USING (record_no)"""

_SUBJECT = (
    "record_no, record_key, stated_at, position, person_key, CASE WHEN code IS NULL THEN company "
    "END AS business_id"
)

_REPORTS = f"""
    SELECT {_SUBJECT}, purpose_code, stated_text(report.creditClass) AS credit_class,
        stated_text(report.scale) AS scale
    FROM (SELECT *, 0 AS position FROM reports) WHERE purpose_code IN {PURPOSE_CODES}"""

_MARKS = f"""
    SELECT {_SUBJECT}, stated_text(remark.remarkId) AS remark_id,
        stated_text(remark.remarkType) AS remark_type,
        stated_text(remark.remarkCode) AS remark_code,
        stated_text(remark.remarkSource) AS remark_source,
        past_day(without_midnight(remark.remarkDate), stated_at) AS remark_date,
        money(remark.amount) AS amount, stated_text(remark.creditor) AS creditor,
        past_day(without_midnight(remark.remarkPaidDate), stated_at) AS paid_on,
        coalesce(end_day(without_midnight(remark.remarkExpiresDate)),
            end_day(without_midnight(remark.remarkValidToDate))) AS expires_on
    FROM remarks WHERE stated_text(remark.remarkId) IS NOT NULL"""

_IDENTIFIERS = """
    SELECT record_no, record_key, stated_at, 1 AS position, person_key, 'identity_code' AS type,
        code AS value, NULL::VARCHAR AS replaced_by
    FROM reports WHERE person_key IS NOT NULL
    UNION ALL
    SELECT record_no, record_key, stated_at, 2, person_key, 'business_id', company, NULL
        FROM reports WHERE business_id_valid(company)"""

_TERM = """(list_filter(json_extract(payload, '$.group[*].term[*]'),
            lambda term: (term ->> '$."@id"') = '{0}')[1] ->> '$."#text"')"""
# The number is a term, the id of the report, or both; W08001 is often UC's own number instead.
_NUMBERS = f"""list_transform([{_TERM.format("W08002")}, payload ->> '$."@id"',
    {_TERM.format("W08001")}], lambda text: regexp_replace(text, '[^0-9]', '', 'g'))"""
# A number of ten digits is of somebody of age, so the latest century counts in which they are 18.
_TWELVE_DIGITS = f"""list_transform({_NUMBERS}, lambda digits:
    CASE WHEN regexp_full_match(digits, '[0-9]{{10}}')
        THEN CASE WHEN 2000 + left(digits, 2)::INTEGER + 18 <= year(delivered_on())
            THEN '20' ELSE '19' END || digits
        ELSE digits END)"""
_UC_NUMBER = f"""coalesce(
    list_filter({_TWELVE_DIGITS}, lambda code: coalesce(identity_code_valid(code), false))[1],
    ({_TWELVE_DIGITS})[3], ({_TWELVE_DIGITS})[1])"""
_FOR_OTHERS_OF_UC = f"""upper(payload ->> '$."@purposeCode"') IN {OTHER_PURPOSE_CODES}"""
# Of the report only its subject, the decision and the purpose are kept, in the form of the others.
_UC_REPORT = f"""CASE WHEN json_valid(payload) THEN json_object(
        'socialSecurityNumber', {_UC_NUMBER}, 'creditClass',
        CASE WHEN NOT coalesce({_FOR_OTHERS_OF_UC}, false) THEN {_TERM.format("W13105")} END,
        'scale', 'UC W13105', 'purposeCode', payload ->> '$."@purposeCode"', 'remarks', [])::VARCHAR
    ELSE '{{}}' END"""


def _dataset(name: str, form: Format, minimise: str) -> Dataset:
    return Dataset(
        name=name,
        format=form,
        minimise=minimise,
        identify=_IDENTIFY,
        prepare=_PREPARE,
        disclosable=json.loads(_REPORT),
        vendor=CreditRecord,
        vendor_query=_VENDOR,
        frames=(
            Frame(CreditReports, _REPORTS),
            Frame(CreditMarks, _MARKS),
            Frame(Identifiers, _IDENTIFIERS),
        ),
    )


SOURCE = Source(
    name="credit_bureau",
    description="Credit classes and payment remarks from credit bureaus",
    about={
        "credit_reports": "JSON lines: one report about one person or company",
        "uc_reports": "UC's `ucReply`, XML in ISO-8859-1: one report",
    },
    purpose="credit_decision",
    datasets=(
        _dataset("credit_reports", JsonLines(), _MINIMISE),
        _dataset(
            "uc_reports",
            XmlRecords("{*}report", depth=None, repeating=("group", "term")),
            _UC_REPORT,
        ),
    ),
)
