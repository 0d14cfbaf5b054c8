"""Credit bureaus: one report about a person or a company a line. Goes to credit decisions and nowhere else.

Source: formats.md, section 4; docs/deliveries.md. The scale stays with the class, because bureaus' scales run in
opposite directions; a newer report about the same subject replaces the older as a whole. What is of the positive
credit register is refused, and of such a record no more reaches the disk than whom it was about.
"""

from __future__ import annotations

import json

from assets.sources.source import Dataset, Frame, Source
from schemas.sources.credit_bureau import CreditRecord
from schemas.staged import PURPOSE_CODES, CreditMarks, CreditReports, Identifiers

_REMARK = dict.fromkeys(
    [
        "remarkId", "remarkType", "remarkCode", "remarkSource", "remarkDate", "amount", "creditor", "remarkPaidDate", "remarkExpiresDate",
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

# Loans and incomes are what the positive credit register holds, by whatever name, at whatever depth.
_OF_THE_POSITIVE_REGISTER = r"""regexp_matches(payload, '(?i)"(loan|income|positive|positiivi|credit_?agreement|luotot|luottosopimu|tulot)[a-zäö_]*"\s*:')"""
_MINIMISE = f"""
    CASE WHEN {_OF_THE_POSITIVE_REGISTER} THEN json_object('socialSecurityNumber', payload -> '$.socialSecurityNumber',
        'businessId', payload -> '$.businessId', 'positiveCreditRegister', 'refused')::VARCHAR ELSE payload END"""

_IDENTIFY = """
    WITH read AS (
        SELECT record_no, identity_code_canonical(filled(payload ->> '$.socialSecurityNumber')) AS code,
            business_id_canonical(filled(payload ->> '$.businessId')) AS company FROM records)
    SELECT record_no, coalesce(code, company) AS native_key,
        list_filter([identifier('identity_code', code), identifier('business_id', company)], lambda one: one IS NOT NULL) AS identifiers
    FROM read"""

_PREPARE = (
    # The filled text of a field; null where the bureau put an object or a list.
    """CREATE OR REPLACE TEMP MACRO said(value) AS
    CASE WHEN left(ltrim(value), 1) IN ('{', '[') THEN CASE WHEN json_valid(value) THEN NULL ELSE filled(value) END ELSE filled(value) END""",
    # The bureau writes midnight UTC for a calendar date.
    """CREATE OR REPLACE TEMP MACRO date_part_of(text) AS
    CASE WHEN regexp_full_match(trim(text), '[12][0-9]{3}-[0-9]{2}-[0-9]{2}(T.*)?') THEN TRY_CAST(left(trim(text), 10) AS DATE) END""",
    """CREATE OR REPLACE TEMP MACRO amount_of(text) AS
    CASE WHEN regexp_full_match(trim(text), '-?[0-9]+([.][0-9]+)?') THEN TRY_CAST(trim(text) AS DECIMAL(18, 2)) END""",
    f"""CREATE OR REPLACE TEMP TABLE reports AS
    SELECT *, CASE WHEN identity_code_valid(code) THEN person_key('identity_code', code) END AS person_key FROM (
        SELECT record_no, record_key, delivered_at AS stated_at, report,
            identity_code_canonical(filled(report.socialSecurityNumber)) AS code, business_id_canonical(filled(report.businessId)) AS company,
            upper(filled(report.purposeCode)) AS purpose_code, json_type(payload, '$.remarks') AS remarks_type, coalesce(report.remarks, []) AS remarks,
            NOT {_OF_THE_POSITIVE_REGISTER} AS ours_to_have
        FROM (SELECT *, from_json(payload, '{_REPORT}') AS report FROM records))""",
    """CREATE OR REPLACE TEMP TABLE remarks AS
    SELECT record_no, record_key, stated_at, person_key, code, company, unnest(remarks) AS remark, generate_subscripts(remarks, 1) AS position FROM reports""",
)

_DATES = ("remarkDate", "remarkPaidDate", "remarkExpiresDate", "remarkValidToDate")
_READABLE = " AND ".join(
    f"(filled(remark.{name}) IS NULL OR date_part_of(remark.{name}) IS NOT NULL)" for name in _DATES
)

_VENDOR = f"""
    WITH marked AS (
        SELECT record_no, bool_and({_READABLE}) AS dates,
            bool_and(filled(remark.amount) IS NULL OR amount_of(remark.amount) IS NOT NULL) AS amounts,
            bool_and(said(remark.remarkId) IS NOT NULL) AS named
        FROM remarks GROUP BY record_no)
    SELECT record_no, code AS identity_code, company AS business_id, purpose_code,
        (filled(report.dateOfBirth) IS NULL OR date_part_of(report.dateOfBirth) IS NOT NULL) AND coalesce(dates, true) AS dates_readable,
        coalesce(amounts, true) AS amounts_readable,
        coalesce(remarks_type IN ('ARRAY', 'NULL'), true) AND coalesce(named, true) AS remarks_fine, ours_to_have
    FROM reports LEFT JOIN marked USING (record_no)"""

_WHO = "record_no, record_key, stated_at, position, person_key, CASE WHEN code IS NULL THEN company END AS business_id"

_REPORTS = f"""
    SELECT {_WHO}, purpose_code, said(report.creditClass) AS credit_class, said(report.scale) AS scale
    FROM (SELECT *, 0 AS position FROM reports) WHERE purpose_code IN {PURPOSE_CODES}"""

_MARKS = f"""
    SELECT {_WHO}, said(remark.remarkId) AS remark_id, said(remark.remarkType) AS remark_type, said(remark.remarkCode) AS remark_code,
        said(remark.remarkSource) AS remark_source, date_part_of(remark.remarkDate) AS remark_date, amount_of(remark.amount) AS amount,
        said(remark.creditor) AS creditor, date_part_of(remark.remarkPaidDate) AS paid_on,
        coalesce(date_part_of(remark.remarkExpiresDate), date_part_of(remark.remarkValidToDate)) AS expires_on
    FROM remarks WHERE said(remark.remarkId) IS NOT NULL"""

_IDENTIFIERS = """
    SELECT record_no, record_key, stated_at, 1 AS position, person_key, 'identity_code' AS type, code AS value, NULL::VARCHAR AS replaced_by
    FROM reports WHERE person_key IS NOT NULL
    UNION ALL
    SELECT record_no, record_key, stated_at, 2, person_key, 'business_id', company, NULL FROM reports WHERE business_id_valid(company)"""

SOURCE = Source(
    name="credit_bureau",
    description="Credit classes and payment remarks from credit bureaus",
    datasets=(
        Dataset(
            name="credit_reports",
            format="json_lines",
            minimise=_MINIMISE,
            identify=_IDENTIFY,
            prepare=_PREPARE,
            told=json.loads(_REPORT),
            vendor=CreditRecord,
            vendor_query=_VENDOR,
            frames=(
                Frame(CreditReports, _REPORTS),
                Frame(CreditMarks, _MARKS),
                Frame(Identifiers, _IDENTIFIERS),
            ),
        ),
    ),
)
