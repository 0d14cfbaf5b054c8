"""Analysing behaviour (P4.4): pseudonyms only, with a key of this mart's own; no name, contact, code or credit data.

A visit of nobody in particular stays, under no pseudonym.
"""

_PSEUDONYM = "keyed_hash('pseudonym|analytics|' || registrant_id)[:32]"

_AGE_BAND = """CASE WHEN birth_date IS NULL THEN NULL ELSE
    least(floor(date_sub('year', birth_date, getvariable('today')::DATE) / 10)::INTEGER * 10, 90)::VARCHAR || '+' END"""

QUERIES = {
    "profiles": f"""
        WITH seen AS (
            SELECT registrant_id, count(*) AS visits, max(started_at)::DATE AS last_visit_on, sum(searches)::BIGINT AS searches,
                sum(contents_clicked)::BIGINT AS contents_clicked
            FROM visits WHERE registrant_id IS NOT NULL GROUP BY registrant_id),
        bought AS (
            SELECT registrant_id, count(*) AS orders, sum(amount) AS order_amount, max(ordered_at)::DATE AS last_order_on
            FROM orders WHERE registrant_id IS NOT NULL AND status <> 'cancelled' GROUP BY registrant_id)
        SELECT {_PSEUDONYM} AS pseudonym, {_AGE_BAND} AS age_band, language, municipality_code,
            coalesce(visits, 0) AS visits, last_visit_on, coalesce(searches, 0) AS searches,
            coalesce(contents_clicked, 0) AS contents_clicked, coalesce(orders, 0) AS orders,
            coalesce(order_amount, 0) AS order_amount, last_order_on
        FROM registrants SEMI JOIN admitted_analytics AS admitted USING (registrant_id)
        LEFT JOIN seen USING (registrant_id) LEFT JOIN bought USING (registrant_id)
        WHERE visits > 0 OR orders > 0""",
    "visits": f"""
        SELECT CASE WHEN registrant_id IS NOT NULL THEN {_PSEUDONYM} END AS pseudonym, started_at, duration_s, actions, searches,
            contents_seen, contents_clicked, referrer_type, channel, device_type, browser_name, os_name
        FROM visits WHERE registrant_id IS NULL OR registrant_id IN (SELECT registrant_id FROM admitted_analytics)""",
}
