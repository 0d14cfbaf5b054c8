"""Assembles a sample: chunks of people, every source's records of each, and the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.synthetic import formats
from pipelines.synthetic.arrow_text import Mask, only
from pipelines.synthetic.contact_points import draw_contact_points
from pipelines.synthetic.crm.contacts import draw_contacts
from pipelines.synthetic.crm.contracts import LONG_ENDED, draw_contracts
from pipelines.synthetic.crm.orders import draw_orders
from pipelines.synthetic.identity_codes import IdentityCodes
from pipelines.synthetic.lives import Lives, draw_lives
from pipelines.synthetic.people import KINDS, People, draw_people
from pipelines.synthetic.planting import Chunk, Days, Sequence, in_case
from pipelines.synthetic.population_register.basic_data import basic_data
from pipelines.synthetic.population_register.changes import changes
from pipelines.synthetic.population_register.groups import family_text, given_text
from pipelines.synthetic.records import Records, nullable
from pipelines.synthetic.samples import Drawn, samples
from pipelines.synthetic.website.visits import draw_visits
from pipelines.synthetic.writing import DeliveryWriter

PEOPLE_IN_A_CHUNK = 25_000
# Days; a prospect is forgotten three years after the last contact.
LONGEST_SILENCE = 1_050
_KINDS = pa.array(KINDS, pa.string())
TRUTH_PEOPLE = pa.schema(
    [
        ("person", pa.int64()),
        ("identity_code", pa.string()),
        ("given_names", pa.string()),
        ("family_name", pa.string()),
        ("former_family_name", pa.string()),
        ("birth_date", pa.date32()),
        ("protected", pa.bool_()),
        ("deceased", pa.bool_()),
        ("household", pa.int64()),
        ("kind", pa.string()),
    ]
)


@dataclass(frozen=True)
class SampleSummary:
    """What was written: deliveries, records and bytes, and the true registrants."""

    deliveries: int
    records: int
    people: int
    bytes: int


@dataclass
class _Numbers:
    """The vendors' running numbers, which go on from chunk to chunk."""

    contacts: Sequence = field(default_factory=lambda: Sequence(100_001))
    contracts: Sequence = field(default_factory=lambda: Sequence(1))
    orders: Sequence = field(default_factory=lambda: Sequence(1))
    visits: Sequence = field(default_factory=lambda: Sequence(1_001))
    households: int = 1
    of_samples: dict[str, Sequence] = field(default_factory=dict)


def write_sample(
    inbox: Path, truth: Path, *, registrants: int, seed: int, days: int, last_day: date
) -> SampleSummary:
    """Write synthetic deliveries of every source into the inbox, and the true people into `truth`.

    The deliveries lie on `days` calendar days that end with `last_day`; same arguments, same bytes.
    `truth` must not lie in the inbox. Raises ValueError when the arguments make no sense.
    """
    if registrants < 1 or days < 1 or seed < 0:
        raise ValueError("registrants and days must be at least 1, seed at least 0")
    if truth.resolve().is_relative_to(inbox.resolve()):
        raise ValueError("the truth must lie outside the inbox")
    calendar = Days(last_day, days)
    chunks = -(-registrants // PEOPLE_IN_A_CHUNK)
    bounds = np.linspace(0, registrants, chunks + 1).astype(int)
    writer, codes, numbers = DeliveryWriter(inbox, truth, calendar), IdentityCodes(), _Numbers()
    repeated = _repeated(days)
    for form, day, _ in repeated:
        writer.repeat_later(form, day)
    with pq.ParquetWriter(
        truth / "people.parquet", TRUTH_PEOPLE, compression="zstd"
    ) as people_file:
        for number in range(chunks):
            first, after = int(bounds[number]), int(bounds[number + 1])
            chunk = Chunk(seed, number, first + 1, after - first, registrants, calendar)
            people, lives = draw_lives(chunk, draw_people(chunk, codes), codes)
            people_file.write_table(_true_people(people, lives, numbers))
            _write_chunk(chunk, people, lives, numbers, writer)
            writer.flush_truth()
    writer.empty_delivery(formats.CHANGES, days - 1)
    writer.close_files()
    for form, day, again in repeated:
        writer.redeliver(form, day, again)
    writer.close()
    return SampleSummary(writer.deliveries, writer.records, registrants, writer.bytes)


def _repeated(days: int) -> list[tuple[formats.Format, int, int]]:
    """Which dataset's files of which day come again on which later day."""
    if days == 1:
        return []
    if days == 2:
        return [(formats.VISITS, 0, 1)]
    return [
        (form, 1, 2)
        for form in (formats.CHANGES, formats.LATER_CONTACTS, formats.ORDERS, formats.VISITS)
    ]


def _write_chunk(
    chunk: Chunk, people: People, lives: Lives, numbers: _Numbers, writer: DeliveryWriter
) -> None:
    """Every source's records of the chunk's people."""

    points = draw_contact_points(people, chunk.registrants, chunk.rng("contact points"))
    snapshot, later, contact_keys = draw_contacts(chunk, people, lives, points, numbers.contacts)
    contracts = draw_contracts(chunk, people, lives, contact_keys, numbers.contracts)
    orders = draw_orders(chunk, people, contact_keys, numbers.orders)
    visits, visitors = draw_visits(chunk, people, points, contact_keys, numbers.visits)
    changed = changes(chunk, people, lives, points)
    drawn = Drawn(people, lives, points, contact_keys, visitors, numbers.of_samples)
    added = [part for sample in samples() for part in sample.draw(chunk, drawn)]

    asleep = _asleep(chunk, snapshot, contracts)
    sent = [records for records in (changed, later, orders, visits) if records is not None] + [
        records for _, records in added
    ]
    woken = np.concatenate([asleep[:0], *(_only_theirs(records, asleep) for records in sent)])
    snapshot = snapshot.take(
        np.flatnonzero(~(_quiet(chunk, snapshot) & np.isin(snapshot.person, woken)))
    )
    contracts = (
        contracts.take(np.flatnonzero(~(_long_ended(contracts) & np.isin(contracts.person, woken))))
        if contracts is not None
        else None
    )
    asleep = _asleep(chunk, snapshot, contracts)
    orders = (
        orders.take(_by_people_known(chunk, orders, snapshot, contracts))
        if orders is not None
        else None
    )

    def send(form: formats.Format, records: Records | None) -> None:
        if records is not None and len(records):
            writer.append(form, records)

    send(formats.BASIC_DATA, basic_data(chunk, people, lives, points))
    for form, records in (
        (formats.CHANGES, changed),
        (formats.CONTACTS, snapshot),
        (formats.LATER_CONTACTS, later),
        (formats.CONTRACTS, contracts),
        (formats.ORDERS, orders),
        (formats.VISITS, visits),
        *added,
    ):
        send(
            form,
            records.take(np.flatnonzero(_sent(records, asleep))) if records is not None else None,
        )


def _asleep(chunk: Chunk, contacts: Records, contracts: Records | None) -> np.ndarray:
    """Return people with a retention period that was over on the first day.

    Records of them after that day would extend it, while a run on the first day alone would have
    removed them.
    """
    quiet = contacts.person[_quiet(chunk, contacts)]
    return np.union1d(
        quiet, contracts.person[_long_ended(contracts)] if contracts is not None else quiet[:0]
    )


def _quiet(chunk: Chunk, contacts: Records) -> Mask:
    return contacts.about < chunk.days.last_no - LONGEST_SILENCE


def _long_ended(contracts: Records) -> Mask:
    return in_case(contracts.case, *LONG_ENDED)


def _sent(records: Records, asleep: np.ndarray) -> Mask:
    """Return all records except later ones of people asleep."""
    return (records.day == 0) | ~np.isin(records.person, asleep)


def _only_theirs(records: Records, asleep: np.ndarray) -> np.ndarray:
    """Return people asleep with a case that nobody else has: their past is left out instead."""
    sent = _sent(records, asleep)
    return records.person[~sent & ~np.isin(records.case, records.case[sent])]


def _by_people_known(
    chunk: Chunk, orders: Records, contacts: Records, contracts: Records | None
) -> np.ndarray:
    """Return rows of orders, except old ones of people without other records on the first day.

    They would be removed and delivered again.
    """
    known = np.union1d(
        contacts.person,
        contracts.person[contracts.day == 0] if contracts is not None else contacts.person[:0],
    )
    sent = (
        (orders.about >= chunk.days.last_no - LONGEST_SILENCE)
        | (orders.day > 0)
        | np.isin(orders.person, known)
    )
    return np.flatnonzero(sent | ~np.isin(orders.case, orders.case[sent]))


def _true_people(people: People, lives: Lives, numbers: _Numbers) -> pa.Table:
    household = numbers.households + people.household
    numbers.households += int(people.household[-1]) + 1
    former = nullable(only(people.former >= 0, family_text(people.former)))
    return pa.table(
        [
            pa.array(people.person),
            people.code,
            given_text(people.given, people.second),
            family_text(people.family),
            former,
            pa.array(people.birth.astype("datetime64[D]")),
            pa.array(lives.protected),
            pa.array(lives.deceased),
            pa.array(household),
            _KINDS.take(pa.array(people.kind)),
        ],
        schema=TRUTH_PEOPLE,
    )
