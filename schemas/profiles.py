"""Profiling of registrants (P4): the rules and their limits, and the tables of the analytics mart.

Each value has the rule that gave it, the counts that the rule used, and the day. The limits are the
company's choice; the smallest group in a report, and the topics of interest, are the policy's. Days
are calendar days in the policy's time zone.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.columns import Count, Day, TableModel, Text, column

# Lowest value -> class, in rising order; below the lowest there is no class.
AGE_BANDS: Mapping[int, str] = {
    18: "18-24",
    25: "25-34",
    35: "35-44",
    45: "45-54",
    55: "55-64",
    65: "65-74",
    75: "75+",
}
RECENCY: Mapping[int, str] = {
    0: "within 30 days",
    31: "31 to 90 days",
    91: "91 to 365 days",
    366: "over 365 days",
}
FREQUENCY: Mapping[int, str] = {1: "1", 2: "2 to 4", 5: "5 to 9", 10: "10 or more"}
# Amounts are classed in the currency of the latest order; one without classes has none.
AMOUNTS: Mapping[str, Mapping[int, str]] = {
    "EUR": {
        0: "under 100 EUR",
        100: "100 to under 500 EUR",
        500: "500 to under 2000 EUR",
        2000: "2000 EUR or more",
    },
    "SEK": {
        0: "under 1000 SEK",
        1000: "1000 to under 5000 SEK",
        5000: "5000 to under 20000 SEK",
        20000: "20000 SEK or more",
    },
}
# Class -> the counts of which any is enough; registrants with earlier visits only have lapsed.
ENGAGEMENT: Mapping[str, Mapping[str, int]] = {
    "high": {"visits": 8, "actions": 40, "clicks": 4},
    "medium": {"visits": 3, "actions": 12, "clicks": 1},
    "low": {"visits": 1},
}
LAPSED = "lapsed"
# The windows in days, today included; retention may have deleted some visits and orders in them.
ENGAGEMENT_DAYS = 180
CONSUMPTION_DAYS = 730
# An order that was cancelled or returned is no consumption.
COUNTED_ORDERS = ("placed", "delivered")
# A single use may be accidental.
INTEREST_TIMES = 2
# The withheld values of an attribute have in total at least so many floors: with one, some sizes
# could be derived from the rule.
HIDDEN_FLOORS = 2

_ENOUGH = "; ".join(
    f"{name}: {' or '.join(f'{least} {what}' for what, least in enough.items())}"
    for name, enough in ENGAGEMENT.items()
)
CODES = {
    "PROFILE-AGE-BAND": (
        "the age in whole years, banded; only where every day that the birth date may mean gives "
        "the same band, of an adult"
    ),
    "PROFILE-LANGUAGE": "the preferred language, as the register has it",
    "PROFILE-MUNICIPALITY": "the municipality of residence, as the register has it",
    "PROFILE-ENGAGEMENT": f"{_ENOUGH}, in {ENGAGEMENT_DAYS} days; {LAPSED}: earlier visits only",
    "PROFILE-RECENCY": (
        f"days since the latest order of the last {CONSUMPTION_DAYS} days that was not cancelled "
        "or returned"
    ),
    "PROFILE-FREQUENCY": (
        f"how many orders of the last {CONSUMPTION_DAYS} days were not cancelled or returned"
    ),
    "PROFILE-AMOUNT": "what they came to, credit notes taken off, in the currency of the latest",
    "PROFILE-INTEREST": (
        "contents of a policy's topic opened, clicked or narrowed a search to, at least "
        f"{INTEREST_TIMES} times in the visits that are kept"
    ),
    "PROFILE-SEGMENT-FLOOR": (
        "fewer registrants than the policy's floor share the value: it is given for none of them"
    ),
    "PROFILE-SEGMENT-SUBTRACTION": (
        "the value is withheld so that the smaller ones cannot be computed by subtraction"
    ),
}


class ProfileValue(TableModel):
    """An attribute's value of one registrant, and its derivation.

    The pseudonym is the attribute's and the day's own: values of several attributes, or of two
    days, cannot be joined by it.
    """

    pseudonym: Text = column(
        "pseudonym", "keyed hash, of this mart, day and attribute only", required=True
    )
    attribute: Text = column("technical", required=True)
    rule: Text = column("technical", required=True, isin=list(CODES))
    as_of: Day = column("technical", "the day that the rule counted from", required=True)


class AgeBands(ProfileValue):
    """Age bands."""

    value: Text = column(
        "age_band", "age in years, as a class", required=True, classes=(AGE_BANDS,)
    )
    inputs: Text = column("age_band", "the kind of data that it was worked out from", required=True)

    class Config:
        name = "age_bands"


class Languages(ProfileValue):
    """The preferred language."""

    value: Text = column("language", "as the register has it", required=True)
    inputs: Text = column("language", "as registered: nothing is derived", required=True)

    class Config:
        name = "languages"


class Municipalities(ProfileValue):
    """The home municipality."""

    value: Text = column("region", "municipality code, three digits", required=True)
    inputs: Text = column("region", "as registered: nothing is derived", required=True)

    class Config:
        name = "municipalities"


class Engagement(ProfileValue):
    """The use of the website."""

    value: Text = column(
        "interests", "class; lapsed: earlier visits only", required=True, isin=[*ENGAGEMENT, LAPSED]
    )
    inputs: Text = column("interests", "the kinds of counts, and since when", required=True)

    class Config:
        name = "engagement"


class Consumption(ProfileValue):
    """Recency, frequency and amount of orders."""

    value: Text = column(
        "consumption",
        "recency, frequency or amount of orders, as a class",
        required=True,
        classes=(RECENCY, FREQUENCY, *AMOUNTS.values()),
    )
    inputs: Text = column("consumption", "the kind of data, and since when", required=True)

    class Config:
        name = "consumption"


class InterestValues(ProfileValue):
    """Topics of the policy that a registrant has shown interest in; several, one or none."""

    value: Text = column("interests", "key of the topic in the policy", required=True)
    inputs: Text = column(
        "interests", "the kind of data that it was worked out from", required=True
    )

    class Config:
        name = "interests"


class Combinations(TableModel):
    """Values that go together: a row for each registrant who is analysed, coarsened."""

    age_band: Text = column("age_band", "age in years, as a class", classes=(AGE_BANDS,))
    recency: Text = column(
        "consumption", "time since the last order, as a class", isin=list(RECENCY.values())
    )
    engagement: Text = column(
        "interests", "use of the website, as a class", isin=[*ENGAGEMENT, LAPSED]
    )
    language: Text = column("language")
    frequency: Text = column("consumption", "number of orders, as a class", classes=(FREQUENCY,))
    amount: Text = column(
        "consumption", "sum of orders, as a class of its currency", classes=tuple(AMOUNTS.values())
    )
    municipality: Text = column("region", "municipality code, three digits")

    class Config:
        name = "combinations"


class Segments(TableModel):
    """Registrants per value: at least the policy's floor, and safe from subtraction."""

    attribute: Text = column("technical", required=True)
    value: Text = column("segment", "that these registrants share", required=True)
    registrants: Count = column("segment", "number of registrants", required=True, ge=2)
    as_of: Day = column("technical", required=True)

    class Config:
        name = "segments"


VALUES: tuple[type[ProfileValue], ...] = (
    AgeBands,
    Languages,
    Municipalities,
    Engagement,
    Consumption,
    InterestValues,
)
PROFILES: tuple[type[TableModel], ...] = (*VALUES, Combinations, Segments)
