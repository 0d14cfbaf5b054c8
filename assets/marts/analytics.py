"""Analysing behaviour (P4.4): pseudonyms only, hashed with a domain of this mart's own.

No name, contact, code or credit data. A visit without a registrant stays, without a pseudonym.
"""

from assets.marts import profiles

PSEUDONYM = "keyed_hash('pseudonym|analytics|' || registrant_id)[:32]"

QUERIES = {
    **profiles.queries(PSEUDONYM),
    "visits": f"""
        SELECT CASE WHEN registrant_id IS NOT NULL THEN {PSEUDONYM} END AS pseudonym, started_at,
            duration_s, actions, searches,
            contents_seen, contents_clicked, referrer_type, channel, device_type, browser_name,
                os_name
        FROM visits WHERE registrant_id IS NULL
            OR registrant_id IN (SELECT registrant_id FROM eligible_analytics)""",
}
