"""The sets of people that are linked: their files, and the role of each column, which is all that
our engine gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.bench.peers.kinds import KINDS

HOUSE = Path(__file__).parents[3]
BESIDE_THE_HOUSE = HOUSE.parent / "shared" / "samples" / "identity"
"""Where the public sets are looked for: they are nobody's to hand on with the product
(docs/benchmarks.md).
"""

_FEBRL = {
    "given_name": "given_name",
    "surname": "family_name",
    "street_number": "house_number",
    "address_1": "street",
    "address_2": "street",
    "suburb": "town",
    "postcode": "postcode",
    "state": "free_text",
    "date_of_birth": "birth_date",
    "soc_sec_id": "identity_number",
}
_SAMPLED = {
    "given_names": "given_name",
    "family_name": "family_name",
    "birth_date": "birth_date",
    "street": "street",
    "postcode": "postcode",
    "town": "town",
    "email": "email",
    "phone": "phone",
}


@dataclass(frozen=True)
class PeopleSet:
    """One table of people with `uid` and `cluster` (the truth). `peer`: under which name
    splink_settings.py knows it.
    """

    name: str
    roles: dict[str, str]
    peer: str


PUBLIC = (
    *(PeopleSet(name, _FEBRL, "febrl") for name in ("febrl1", "febrl2", "febrl3")),
    PeopleSet(
        "fake_1000",
        {
            "first_name": "given_name",
            "surname": "family_name",
            "dob": "birth_date",
            "city": "town",
            "email": "email",
        },
        "fake",
    ),
    PeopleSet(
        "historical_50k",
        {
            "full_name": "full_name",
            "first_name": "given_name",
            "surname": "family_name",
            "dob": "birth_date",
            "birth_place": "town",
            "postcode_fake": "postcode",
            "gender": "free_text",
            "occupation": "free_text",
        },
        "historical",
    ),
    PeopleSet(
        "rldata500",
        {
            "fname_c1": "given_name",
            "fname_c2": "other_name",
            "lname_c1": "family_name",
            "lname_c2": "other_name",
            "by": "birth_year",
            "bm": "birth_month",
            "bd": "birth_day",
        },
        "rldata",
    ),
    PeopleSet("zingg_febrl20k", _FEBRL, "febrl"),
)
KIND_SETS = tuple(PeopleSet(name, kind.roles, name) for name, kind in KINDS.items())
SAMPLED = (
    PeopleSet("without codes", _SAMPLED, "sampled"),
    PeopleSet("with codes", {**_SAMPLED, "identity_code": "identity_number"}, "sampled_codes"),
)
