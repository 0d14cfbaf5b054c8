"""What a source module declares: its datasets, and how one batch of vendor records becomes canonical frames.

All of it is DuckDB SQL over a batch, so that a source is data and not control flow. The steps that run it are in
`assets.ingest.raw` (per delivery, once) and `assets.staging.staged` (again after any change of a rule).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from schemas import values
from schemas.columns import TableModel
from schemas.staged import Statement

NEVER_GIVEN = "NULL"


@dataclass(frozen=True)
class Frame:
    """One canonical table that a dataset fills.

    `query` selects the columns of `model`, in any order, from what `Dataset.prepare` made of the batch. A row that
    fails its model is quarantined; when the frame is `essential`, so is the whole record that it came from.
    """

    model: type[Statement]
    query: str
    essential: bool = True


@dataclass(frozen=True)
class Dataset:
    """One kind of delivery of a source.

    `identify` selects `record_no, native_key, identifiers` from the table `records(record_no, payload)`: what the record is
    about in the source's own terms (null: its text), and every identifier in it as a list of `<type>:<canonical value>`.
    `minimise` is an expression over `payload` that answers the payload without what the register may not hold.
    `without_location` answers it without anything that tells where someone is, for registrants under protected identity.
    `prepare` is run once per batch over the table `records(record_no, record_key, payload, delivered_at, sequence)`.
    `vendor_query` selects the columns of `vendor`, the model of the vendor's record; a failing row quarantines its record.
    `given` is an expression over `payload` that answers the day on which the registrant gave the record themselves, such as
    the start of a contract: of who has been erased, only what they give anew is taken in (`assets.ingest.suppression`). Null where
    others tell it, and where it cannot be read.
    `ends` is an expression over `payload`: the record does nothing but end what the registrant has
    said before, so it is given anew only by someone who has come back already.
    `identity` are expressions over `payload` that tell one person or party from another: two records of one key in one
    delivery that agree in none of them are about two, and neither is used (`assets.staging.shared_keys`). Empty: a key cannot be shared.
    `snapshot` says that a delivery is everything the source has, and a record replaces the earlier one of its key.
    `told` is what of a payload is about the registrant alone, as the shape that `from_json` reads; `told_parts` says which
    elements of a list are, by a field of theirs. Nothing else of a record is handed out when someone asks for their data.
    """

    name: str
    format: Literal["json_array", "json_lines", "csv"]
    identify: str
    vendor: type[TableModel]
    vendor_query: str
    frames: tuple[Frame, ...]
    array_key: str | None = None
    sequence_key: str | None = None
    snapshot: bool = False
    minimise: str = "payload"
    without_location: str = "payload"
    given: str = NEVER_GIVEN
    ends: str = "false"
    identity: tuple[str, ...] = ()
    prepare: tuple[str, ...] = field(default=())
    told: Mapping[str, object] = field(default_factory=dict)
    told_parts: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """Who tells us something; `name` is a key of the policy's `sources`."""

    name: str
    description: str
    datasets: tuple[Dataset, ...]

    def dataset(self, name: str) -> Dataset | None:
        return next((dataset for dataset in self.datasets if dataset.name == name), None)


STATEMENT_MACROS = (
    """
CREATE OR REPLACE MACRO person_key(type, value) AS md5(type || ':' || value);
CREATE OR REPLACE MACRO identifier(type, value) AS
    CASE WHEN value IS NOT NULL AND value <> '' THEN type || ':' || value END;
CREATE OR REPLACE MACRO filled(text) AS nullif(trim(text), '');
"""
    + values.MACROS
    + """
-- The day, in the policy's time zone, on which a record was given: of a moment, or of an export's time.
CREATE OR REPLACE MACRO given_day(text) AS coalesce(local_day(moment(text)), export_day(text));
-- The day of the delivery that is being taken in; `assets.ingest.raw` says which.
CREATE OR REPLACE MACRO delivered_on() AS NULL::DATE;
"""
)
