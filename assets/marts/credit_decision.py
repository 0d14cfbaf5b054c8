"""Credit decisions (P4.2; Credit Data Act 527/2007): the only mart with credit data.

Reports and marks about companies carry the business id and no registrant.
"""

_DECIDED_ON = (
    "registrant_id IS NULL OR registrant_id IN (SELECT registrant_id FROM eligible_credit_decision)"
)

QUERIES = {
    "registrants": """
        SELECT registrant_id, identity_code, customer_number, given_names, family_name, birth_date
        FROM registrants SEMI JOIN eligible_credit_decision AS eligible USING (registrant_id)""",
    "credit_reports": f"""
        SELECT registrant_id, business_id, purpose_code, credit_class, scale, reported_at
            FROM credit_reports WHERE {_DECIDED_ON}""",
    "credit_marks": f"""
        SELECT registrant_id, business_id, remark_id, remark_type, remark_code, remark_source,
            remark_date, amount, creditor,
            paid_on, expires_on
        FROM credit_marks WHERE {_DECIDED_ON}""",
}
