"""Targeted advertising (P4.6): audiences as platforms take them, e-mail addresses and phones normalised and hashed.

SHA-256 of the lower-case address or the E.164 number, as the platforms match by; it is no protection, only their format.
An address or phone that also reaches someone who is not admitted is left out: the hash cannot tell the two apart.
"""


def _audience(channel: str, kind: str) -> str:
    return f"""
        WITH shared AS (
            SELECT DISTINCT match_key FROM contact_points ANTI JOIN admitted_targeted_advertising_{channel} AS admitted USING (registrant_id)
            WHERE kind = '{kind}')
        SELECT DISTINCT 'consented' AS audience, sha256(match_key) AS {kind}_sha256
        FROM (SELECT registrant_id, {kind}_canonical({kind}) AS match_key FROM registrants WHERE {kind} IS NOT NULL) AS reached
        SEMI JOIN admitted_targeted_advertising_{channel} AS admitted USING (registrant_id)
        ANTI JOIN shared USING (match_key)"""


QUERIES = {"emails": _audience("email", "email"), "phones": _audience("phone", "phone")}
