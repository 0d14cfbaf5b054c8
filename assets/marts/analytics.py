"""Analysing behaviour (P4.4): pseudonyms only, with a key of this mart's own; no name, contact, code or credit data.

Left out, from every table: minors, the deceased, the protected, and whoever objected to analytics or profiling or withdrew consent.
"""

from assets.marts import profiles

# Who may be analysed: what the view `admitted_analytics` holds. A birth date that may be a minor's is taken for one.
ADMITTED = """
    SELECT registrant_id FROM registrants
    ANTI JOIN (SELECT registrant_id FROM choices WHERE purpose IN ('analytics', 'profiling') AND choice IN ('prohibited', 'withdrawn'))
        AS objected USING (registrant_id)
    WHERE NOT deceased AND NOT protected AND coalesce(
        CASE birth_date_precision WHEN 'month' THEN last_day(birth_date) WHEN 'year' THEN make_date(year(birth_date), 12, 31) ELSE birth_date END
        <= (getvariable('today')::DATE - INTERVAL 18 YEAR), true)"""

PSEUDONYM = "keyed_hash('pseudonym|analytics|' || registrant_id)[:32]"

QUERIES = {
    **profiles.queries(PSEUDONYM),
    "visits": f"""
        SELECT CASE WHEN registrant_id IS NOT NULL THEN {PSEUDONYM} END AS pseudonym, started_at, duration_s, actions, searches,
            contents_seen, contents_clicked, referrer_type, channel, device_type, browser_name, os_name
        FROM visits WHERE registrant_id IS NULL OR registrant_id IN (SELECT registrant_id FROM admitted_analytics)""",
}
