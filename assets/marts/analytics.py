"""Analysing behaviour (P4.4): values of profiles, and visits that the visitor has consented to.

No name, contact, code or credit data. The pseudonym of a value is hashed with a domain of this
mart, of its day and of the attribute: values of several attributes, or of one on two days, cannot
be joined by it. The day on which somebody's age band changes is a birthday. What goes together is
in `combinations`, coarsened until nobody is alone (`assets.marts.coarsening`).
"""

from assets.marts import activities, profiles, visits
from schemas.marts import AnalysedVisits

PSEUDONYM = """keyed_hash('pseudonym|analytics|' || getvariable('today')::DATE::VARCHAR
    || '|' || subject || '|' || registrant_id)[:32]"""
"""SQL: over `subject` and `registrant_id`; needs the variable `today`, the mart's day."""

QUERIES = {
    **profiles.queries(PSEUDONYM),
    "visits": visits.query(AnalysedVisits, "analytics"),
    "participations": activities.PARTICIPATIONS,
    "social_media": activities.SOCIAL_MEDIA,
}
