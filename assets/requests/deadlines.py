"""Deadlines of requests: one month from receipt, two more when extended, ending on a working day.

Source: GDPR 12(3); Regulation (EEC, Euratom) 1182/71, 3. A period in months ends on the same date
of its last month, or on that month's last day where there is none; when that is a public holiday, a
Saturday or a Sunday, it ends with the next working day. The holidays are those of the controller's
country (package `holidays`; for Finland they include the eves of Midsummer and Christmas, as
150/1930, 5 § demands). Each period is counted from the day of receipt: a day off never adds to a
later period.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

from schemas.policy.model import Policy

SATURDAY = 5


def due_on(policy: Policy, received: date, *, extended: bool = False) -> date:
    """Return the last day on which a request received on `received` may be answered."""
    requests = policy.requests
    period = requests.answered_within.delta + (
        requests.extended_by.delta if extended else type(requests.extended_by.delta)()
    )
    return working_day(policy.country, received + period)


def working_day(country: str, day: date) -> date:
    """Return the first day from `day` on that is no public holiday, Saturday or Sunday."""
    while day.weekday() >= SATURDAY or day in _holidays(country, day.year):
        day += timedelta(days=1)
    return day


@lru_cache
def _holidays(country: str, year: int) -> frozenset[date]:
    """Return the country's public holidays; none for a country that the package does not know."""
    import holidays  # here, because it costs more to import than most commands do

    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        return frozenset()
