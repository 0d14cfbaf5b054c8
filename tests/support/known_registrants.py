"""Who is who in the data root of the fixture `known_home`."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from assets.storage.data_root import DataRoot
from tests.support.namesakes import FIRST_DAY, LEAVES, SECOND_DAY, SHARED, SPOUSES, STAYS, deliver
from tests.support.registers import rows

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=ZoneInfo("Europe/Helsinki"))
__all__ = [
    "FIRST_DAY",
    "LEAVES",
    "NOW",
    "SECOND_DAY",
    "SHARED",
    "SPOUSES",
    "STAYS",
    "TODAY",
    "deliver",
    "registrant_of",
]


def registrant_of(data_root: DataRoot, value: str) -> str:
    """The id of the one registrant that is known by the value."""
    registrants = {
        row["registrant_id"]
        for row in rows(data_root, f"SELECT registrant_id FROM identifiers WHERE value = '{value}'")
    }
    assert len(registrants) == 1
    return str(registrants.pop())
