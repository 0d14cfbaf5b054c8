"""Credit bureaus: one report about a person or a company a line. Goes to credit decisions and nowhere else.

Source: formats.md, section 4; docs/deliveries.md. The scale stays with the class, because bureaus' scales run in
opposite directions; a newer report about the same subject replaces the older as a whole.
"""

from __future__ import annotations

import json

from assets.sources.source import Dataset, Frame, Source
from schemas.sources.credit_bureau import CreditRecord
from schemas.staged import CreditMarks, CreditReports, Identifiers

_REMARK = dict.fromkeys(
    [
        "remarkId", "remarkType", "remarkCode", "remarkSource", "remarkDate", "amount", "creditor", "remarkPaidDate", "remarkExpiresDate",
        "remarkValidToDate",
    ],
    "VARCHAR",
)  # fmt: skip
_REPORT = json.dumps(
    {
        **dict.fromkeys(["socialSecurityNumber", "businessId", "dateOfBirth", "creditClass", "scale", "purposeCode"], "VARCHAR"),
        "remarks": [_REMARK],
        **dict.fromkeys(["loans", "incomes", "incomeInformation", "positiveCreditRegister", "creditAgreements"], "JSON"),
    }
)

_IDENTIFY = """
    WITH read AS (
        SELECT record_no, identity_code_canonical(filled(payload ->> '$.socialSecurityNumber')) AS code,
            business_id_canonical(filled(payload ->> '$.businessId')) AS company FROM records)
    SELECT record_no, coalesce(code, company) AS native_key,
        list_filter([identifier('identity_code', code), identifier('business_id', company)], lambda one: one IS NOT NULL) AS identifiers
    FROM read"""

_PREPARE = (
    f"""CREATE OR REPLACE TEMP TABLE reports AS
    SELECT record_no, record_key, delivered_at AS stated_at, report,
        identity_code_canonical(filled(report.socialSecurityNumber)) AS code, business_id_canonical(filled(report.businessId)) AS company,
        json_type(payload, '$.remarks') AS remarks_type, coalesce(report.remarks, []) AS remarks,
        coalesce(report.loans, report.incomes, report.incomeInformation, report.positiveCreditRegister, report.creditAgreements) IS NULL AS negative
    FROM (SELECT *, from_json(payload, '{_REPORT}') AS report FROM records)""",
    """CREATE OR REPLACE TEMP TABLE remarks AS
    SELECT record_no, record_key, stated_at, code, company, unnest(remarks) AS remark, generate_subscripts(remarks, 1) AS position FROM reports""",
    # The bureau writes midnight UTC for a calendar date.
    "CREATE OR REPLACE TEMP MACRO date_part_of(text) AS TRY_CAST(left(trim(text), 10) AS DATE)",
)

_DATES = ("remarkDate", "remarkPaidDate", "remarkExpiresDate", "remarkValidToDate")
_READABLE = " AND ".join(f"(filled(remark.{name}) IS NULL OR date_part_of(remark.{name}) IS NOT NULL)" for name in _DATES)

_VENDOR = f"""
    WITH marked AS (
        SELECT record_no, bool_and({_READABLE}) AS dates,
            bool_and(filled(remark.amount) IS NULL OR TRY_CAST(remark.amount AS DECIMAL(18, 2)) IS NOT NULL) AS amounts,
            bool_and(filled(remark.remarkId) IS NOT NULL) AS named
        FROM remarks GROUP BY record_no)
    SELECT record_no, code AS identity_code, company AS business_id, filled(report.purposeCode) AS purpose_code,
        (filled(report.dateOfBirth) IS NULL OR date_part_of(report.dateOfBirth) IS NOT NULL) AND coalesce(dates, true) AS dates_readable,
        coalesce(amounts, true) AS amounts_readable,
        coalesce(remarks_type IN ('ARRAY', 'NULL'), true) AND coalesce(named, true) AS remarks_fine, negative AS ours_to_have
    FROM reports LEFT JOIN marked USING (record_no)"""

_SUBJECT = "CASE WHEN code IS NOT NULL THEN person_key('identity_code', code) END AS person_key"

_REPORTS = f"""
    SELECT record_no, record_key, stated_at, 0 AS position, {_SUBJECT}, CASE WHEN code IS NULL THEN company END AS business_id,
        filled(report.purposeCode) AS purpose_code, filled(report.creditClass) AS credit_class, filled(report.scale) AS scale
    FROM reports"""

_MARKS = f"""
    SELECT record_no, record_key, stated_at, position, {_SUBJECT}, CASE WHEN code IS NULL THEN company END AS business_id,
        filled(remark.remarkId) AS remark_id, filled(remark.remarkType) AS remark_type, filled(remark.remarkCode) AS remark_code,
        filled(remark.remarkSource) AS remark_source, date_part_of(remark.remarkDate) AS remark_date,
        TRY_CAST(remark.amount AS DECIMAL(18, 2)) AS amount, filled(remark.creditor) AS creditor, date_part_of(remark.remarkPaidDate) AS paid_on,
        coalesce(date_part_of(remark.remarkExpiresDate), date_part_of(remark.remarkValidToDate)) AS expires_on
    FROM remarks"""

_IDENTIFIERS = """
    SELECT record_no, record_key, stated_at, 0 AS position, person_key('identity_code', code) AS person_key, 'identity_code' AS type, code AS value,
        NULL::VARCHAR AS replaced_by
    FROM reports WHERE code IS NOT NULL"""

SOURCE = Source(
    name="credit_bureau",
    description="Credit classes and payment remarks from credit bureaus",
    datasets=(
        Dataset(
            name="credit_reports",
            format="json_lines",
            identify=_IDENTIFY,
            prepare=_PREPARE,
            vendor=CreditRecord,
            vendor_query=_VENDOR,
            frames=(Frame(CreditReports, _REPORTS), Frame(CreditMarks, _MARKS), Frame(Identifiers, _IDENTIFIERS)),
        ),
    ),
)
