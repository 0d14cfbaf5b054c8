"""Targeted advertising (P4.6): audiences in the platforms' format, hashed addresses and phones.

SHA-256 of the lower-case address or the E.164 number, which the platforms match by; it is no
protection. An address or phone that also reaches somebody who is not eligible is left out: the hash
does not distinguish the two.
"""


def _audience(channel: str, kind: str) -> str:
    return f"""
        WITH shared AS (
            SELECT DISTINCT match_key FROM contact_points
                ANTI JOIN eligible_targeted_advertising_{channel} AS eligible USING (registrant_id)
            WHERE kind = '{kind}')
        SELECT DISTINCT 'consented' AS audience, sha256(match_key) AS {kind}_sha256
        FROM (SELECT registrant_id, {kind}_canonical({kind}) AS match_key FROM registrants
            WHERE {kind} IS NOT NULL) AS reached
        SEMI JOIN eligible_targeted_advertising_{channel} AS eligible USING (registrant_id)
        ANTI JOIN shared USING (match_key)"""


QUERIES = {"emails": _audience("email", "email"), "phones": _audience("phone", "phone")}
