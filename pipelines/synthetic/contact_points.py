"""E-mail addresses and telephones: personal and shared ones, and how people write them.

Telephones are 050 00xx xxxx, which no subscriber can have (see schemas/reference/README.md); e-mail
is under the example domains. A number spread over all registrants keeps strangers from sharing a
mailbox or a telephone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.synthetic.arrow_text import (
    Ints,
    Mask,
    Text,
    either,
    join,
    number,
    padded,
    pick,
    vocabulary,
)
from pipelines.synthetic.names import family_names, given_names
from pipelines.synthetic.people import People

TELEPHONES = 1_000_000
SPELLINGS = 8

_DOMAINS = vocabulary(
    [
        "example.fi",
        "example.com",
        "example.org",
        "example.net",
        "posti.example.fi",
        "mail.example.com",
        "netti.example.fi",
        "inbox.example.org",
    ]
)
_DOMAIN_SHARES = np.cumsum([0.30, 0.25, 0.10, 0.07, 0.10, 0.10, 0.05, 0.03])


def scrambled(person: Ints, modulus: int) -> Ints:
    """A number below the modulus, another for each person as long as there are enough."""
    return (np.asarray(person, np.int64) * 7_368_787 + 104_729) % modulus


@dataclass(frozen=True)
class ContactPoints:
    """Each person's e-mail address and telephone (its last six digits, -1 for none)."""

    email: Text
    phone: Ints
    shared_mailbox: Mask
    shared_phone: Mask


def draw_contact_points(
    people: People, registrants: int, rng: np.random.Generator
) -> ContactPoints:
    """Own or shared contact points; a household shares its first member's."""
    count = len(people)
    given, family = given_names(), family_names()
    first = pick(given.plain, people.given)
    last = pick(
        family.plain,
        np.where((people.former >= 0) & (rng.random(count) < 0.3), people.former, people.family),
    )
    initial = pc.utf8_slice_codeunits(first, 0, 1)
    digits = number(scrambled(people.person, 9_999_991))
    style = rng.integers(0, 4, count)
    local = either(style == 0, join(first, ".", last), join(first, last))
    local = either(style == 1, join(initial, ".", last), local)
    local = either(style == 2, join(last, ".", first), local)
    domain = np.searchsorted(_DOMAIN_SHARES, rng.random(count) * _DOMAIN_SHARES[-1], side="right")
    email = join(local, digits, "@", pick(_DOMAINS, domain))
    space = max(TELEPHONES, registrants)
    phone = scrambled(people.person, space + 1 - space % 2)
    phone = np.where(phone < TELEPHONES, phone, -1)
    head = np.searchsorted(people.household, people.household)
    family_email = join("perhe.", last, digits, "@", pick(_DOMAINS, domain))
    email = either(people.shares_mailbox, family_email.take(pa.array(head)), email)
    phone = np.where(people.shares_phone, phone[head], phone)
    return ContactPoints(email, phone, people.shares_mailbox, people.shares_phone)


def phone_text(phone: Ints, style: Ints) -> Text:
    """Telephones as people write them, each in one of `SPELLINGS` styles; empty for none."""
    six = padded(np.maximum(phone, 0), 6)
    two, four = pc.utf8_slice_codeunits(six, 0, 2), pc.utf8_slice_codeunits(six, 2, 6)
    ways = (
        join("+358 50 00", two, " ", four),
        join("050 00", two, " ", four),
        join("050-00", six),
        join("+358 (0)50 00", two, " ", four),
        join("05000", six),
        join("+3585000", six),
        join("00358 50 00", six),
        join(
            "050 00 ", pc.utf8_slice_codeunits(six, 0, 3), " ", pc.utf8_slice_codeunits(six, 3, 6)
        ),
    )
    text = ways[0]
    for way in range(1, SPELLINGS):
        text = either(style == way, ways[way], text)
    return either(phone >= 0, text, "")
