"""Random registers: registrants with random flags, ages, signals and belongings, written as the
register's own files.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from assets.register.building import TABLES
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import write_parquet
from schemas.columns import arrow_schema
from schemas.eligibility import STATUSES
from schemas.staged import REGISTER_FLAGS
from schemas.vocabulary import CHANNELS, REGISTRANT_PURPOSES

Row = dict[str, Any]
TITLES = (
    "Ostaja",
    "myyjä",
    "IT-hankintapäällikkö",
    "Ostopäällikkö",
    "VD:n sihteeri",
    "Assistant to the CEO",
    "CEO",
    "Senior Marketing Lead",
    "siivooja",
    "kostaja",
    None,
)
ORIGINS = (
    "consents:web-form",
    "consents:tcf2",
    "consents:prohibition-list-dm",
    "consents:vtj:SUORAMARKKINOINTIKIELTO",
    "crm:hs_email_optout",
    "crm:global_bounce",
)


@dataclass
class World:
    """The rows of each table of a register."""

    tables: dict[str, list[Row]] = field(default_factory=dict)

    def write(self, data_root: DataRoot) -> None:
        for name, model in TABLES.items():
            rows = self.tables.get(name, [])
            schema = arrow_schema(model)
            write_parquet(
                data_root.register(name),
                model,
                [
                    pa.Table.from_pylist(
                        [{c: row.get(c) for c in schema.names} for row in rows], schema=schema
                    )
                ],
            )


def birthday(rng: random.Random, today: date) -> date:
    """Around the age of majority by a few days, often; on 29 February, sometimes."""
    if rng.random() < 0.2:
        return date(rng.choice((1996, 2008, 2012)), 2, 29)
    if rng.random() < 0.5:
        return date(today.year - 18, today.month, min(today.day, 28)) + timedelta(
            days=rng.randint(-2, 2)
        )
    return date(rng.randint(1930, 2020), rng.randint(1, 12), rng.randint(1, 28))


def a_moment(rng: random.Random, today: date) -> datetime:
    """Now and then just on either side of midnight in Finland."""
    day = today - timedelta(days=rng.choice((0, 1, 30, 365, 1094, 1095, 1096, 1097, 2000)))
    return datetime(day.year, day.month, day.day, rng.choice((0, 12, 21, 22, 23)), 30, tzinfo=UTC)


def a_registrant(rng: random.Random, number: int, today: date) -> Row:
    person = rng.random() < 0.85
    company = rng.random() < 0.3
    return {
        "registrant_id": f"R{number:016X}",
        "given_names": "Maija Esimerkki" if person else None,
        "call_name": rng.choice(("Maija", None)) if person else None,
        "family_name": rng.choice(("Esimerkki", None)) if person else None,
        "birth_date": birthday(rng, today) if rng.random() < 0.6 else None,
        "birth_date_precision": rng.choice(("day", "day", "day", "month", "year", "unknown", None)),
        "language": rng.choice(("fi", "sv", None)),
        "identity_code": rng.choice((None, None, "290208A900A", "010180-999X")),
        "customer_number": rng.choice((None, None, f"C{number}")),
        # A few addresses and numbers are shared.
        "email": rng.choice(
            (
                None,
                f"N{number}@Example.fi",
                f"n{number}@example.fi",
                f"shared{number % 7}@example.fi",
            )
        ),
        "phone": rng.choice((None, f"+35840{number:07}", f"+35850{number % 7:07}")),
        "street": rng.choice((None, f"Katu {number}")),
        "postcode": "00100",
        "town": "HELSINKI",
        "company_name": "Esimerkki Oy" if company else None,
        "job_title": rng.choice(TITLES) if company else None,
        "deceased": rng.random() < 0.07,
        "death_date": rng.choice((None,) * 20 + (today, today + timedelta(days=3))),
        "protected": rng.random() < 0.07,
        "first_seen_on": today,
        "last_contact_on": rng.choice((None, today)),
        "has_contract": False,
        "has_open_contract": False,
    }


def random_world(seed: int, today: date, people: int) -> World:
    """A register of `people` registrants; the same seed, the same rows."""
    rng = random.Random(seed)
    registrants = [a_registrant(rng, number, today) for number in range(people)]
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    for registrant in registrants:
        if registrant["protected"]:
            registrant |= {"street": None, "postcode": None, "town": None}
        _belongings(rng, registrant, today, tables)
        _words(rng, registrant, today, tables["choice_log"])
        for attribute in ("email", "phone", "address", "birth_date"):
            source = rng.choice(("crm", "crm", "population_register", "website"))
            tables["provenance"].append(
                {
                    "registrant_id": registrant["registrant_id"],
                    "attribute": attribute,
                    "source": source,
                    "delivery_id": "d",
                    "record_key": "k",
                    "stated_at": a_moment(rng, today),
                }
            )
        for kind in ("email", "phone"):
            if registrant[kind]:
                tables["contact_points"].append(
                    {
                        "registrant_id": registrant["registrant_id"],
                        "kind": kind,
                        "value": registrant[kind],
                        "match_key": registrant[kind].lower(),
                        "is_current": True,
                        "source": "crm",
                    }
                )
    tables["registrants"] = registrants
    return World(tables)


def _belongings(
    rng: random.Random, registrant: Row, today: date, tables: dict[str, list[Row]]
) -> None:
    owner = {"registrant_id": registrant["registrant_id"]}
    for nth in range(rng.choice((0, 0, 1, 2))):
        starts = today + timedelta(days=rng.choice((-2000, -400, -1, 0, 1)))
        tables["contracts"].append(
            {
                **owner,
                "contract_number": f"S{registrant['registrant_id']}-{nth}",
                "product": rng.choice(("sähkö", "kaasu")),
                "status": rng.choice(("active", "active", "ended", "cancelled")),
                "starts_on": starts,
                "ends_on": rng.choice(
                    (None, today - timedelta(days=1), today, today + timedelta(days=1))
                ),
                "monthly_fee": Decimal("12.50"),
                "currency": "EUR",
            }
        )
    for nth in range(rng.choice((0, 0, 1, 2))):
        tables["orders"].append(
            {
                **owner,
                "order_number": f"T{registrant['registrant_id']}-{nth}",
                "ordered_at": a_moment(rng, today) + timedelta(days=rng.choice((0, 0, 0, 3))),
                "status": rng.choice(("placed", "delivered", "returned", "cancelled")),
                "amount": Decimal(rng.choice(("9.90", "200.00", "200.01"))),
                "currency": rng.choice(("EUR", "EUR", "NOK")),
                "items": 1,
            }
        )
    if rng.random() < 0.3:
        tables["visits"].append(
            {
                **owner,
                "visit": f"1|{registrant['registrant_id']}",
                "started_at": a_moment(rng, today),
                "duration_s": 60,
                "actions": 1,
                "searches": 0,
                "contents_seen": 0,
                "contents_clicked": 0,
                "consented": rng.choice(
                    ([], ["analytics"], ["profiling"], ["analytics", "products_and_services"])
                ),
            }
        )
    if rng.random() < 0.2:
        tables["credit_reports"].append(
            {
                **owner,
                "purpose_code": "1",
                "credit_class": "A",
                "scale": "x",
                "reported_at": a_moment(rng, today),
            }
        )
    if rng.random() < 0.1:
        tables["credit_marks"].append({**owner, "remark_id": f"M{registrant['registrant_id']}"})


def _words(rng: random.Random, registrant: Row, today: date, log: list[Row]) -> None:
    for nth in range(rng.choice((0, 1, 1, 2, 3, 5))):
        choice = rng.choice((*STATUSES, "granted", "granted", "granted", "lifted"))
        origin = rng.choice(ORIGINS if choice == "prohibited" else ORIGINS[:2])
        about = rng.choice(
            ("direct_marketing", "direct_marketing", "targeted_advertising", *REGISTRANT_PURPOSES)
        )
        if choice == "prohibited" and rng.random() < 0.2:
            about, origin = rng.choice(REGISTER_FLAGS), "population_register:FLAG"
        log.append(
            {
                "registrant_id": registrant["registrant_id"],
                "purpose": about,
                "channel": rng.choice((*CHANNELS, "all", "all")),
                "choice": choice,
                "said_at": a_moment(rng, today),
                "origin": origin,
                "subject_type": rng.choice(("email", "customer_number", "visitor_id")),
                "holds": choice != "lifted" and rng.random() < 0.8,
                "source": origin.split(":")[0],
                "delivery_id": "d",
                "record_key": f"k{nth}",
            }
        )
