"""Analysing behaviour (P4.4): values of profiles, and visits that the visitor has consented to.

No name, contact, code or credit data. The pseudonym of a value is hashed with a domain of this mart
and of the attribute: values of several attributes cannot be joined by it. What goes together is in
`combinations`, coarsened until nobody is alone (`assets.marts.coarsening`).
"""

from assets.marts import profiles, visits
from schemas.marts import AnalysedVisits

PSEUDONYM = "keyed_hash('pseudonym|analytics|' || subject || '|' || registrant_id)[:32]"

QUERIES = {
    **profiles.queries(PSEUDONYM),
    "visits": visits.query(AnalysedVisits, "analytics"),
}
