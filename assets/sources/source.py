"""The declaration of a source: its datasets, and how vendor records become canonical frames.

All of it is DuckDB SQL over a batch, so that a source is data and not control flow. The steps that
run it are in `assets.ingest.intake` (per delivery, once) and `assets.staging.staged` (again after
any change of a rule).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from assets.sources.formats import Format
from schemas import values
from schemas.columns import TableModel
from schemas.statement import Statement

NEVER_GIVEN = "NULL"


@dataclass(frozen=True)
class Frame:
    """A canonical table that a dataset fills.

    Attributes:
        model: Its model. A row that fails it is quarantined.
        query: Selects the columns of `model`, in any order, from the tables of `Dataset.prepare`.
        essential: Whether a failed row quarantines the whole record that it came from.
        flags: Code -> SQL condition of rows that are used, and counted with their delivery because
            the source left something out.
    """

    model: type[Statement]
    query: str
    essential: bool = True
    flags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """A kind of delivery of a source. "Expression" is SQL over the column `payload`.

    Attributes:
        name: The dataset's name in manifests.
        format: The format of its files.
        identify: Selects `record_no, native_key, identifiers` from `raw_records(record_no,
            payload)`: the source's own key of the record (null: its text), and every identifier in
            it as a list of `<type>:<canonical value>`.
        vendor: The model of the vendor's record.
        vendor_query: Selects the columns of `vendor`; an invalid row quarantines its record.
        frames: The canonical tables that it fills.
        snapshot: A delivery is everything that the source has, and a record replaces the earlier
            one of its key.
        minimise: Expression of the payload without data that the register may not have.
        without_location: Expression of the payload without any location, for registrants under
            protected identity.
        given: Expression of the day on which the registrant gave the record themselves, such as the
            start of a contract: of erased people, only what they give again is ingested
            (`assets.ingest.suppression`). Null if others stated it, or if it cannot be parsed.
        ends: Expression: the record only ends an earlier statement of the registrant, so it counts
            as given again only by somebody who has returned already.
        identity: Expressions that distinguish people or parties: two records of one key in one
            delivery that agree in none of them are about two, and neither is used
            (`assets.staging.shared_keys`). Empty: a key cannot be shared.
        opt_outs: Origin of an opt-out -> the column that it is read from. An opt-out counts until a
            delivery with the column lifts it.
        prepare: Run once per batch, over the table
            `records(record_no, record_key, payload, delivered_at, sequence)`.
        disclosable: The fields about the registrant alone, in the shape that `from_json` takes.
            Nothing else of a record is disclosed when somebody requests their data.
        disclosable_parts: For a list, the field and the values of its disclosable elements.
        role: Of an authority's dataset: a record is all that is in force about its person
            (`basic_data`), which counts as stated before the changes that come with it or after it;
            or what has changed since (`changes`).
        confirms: Of an authority's dataset: a delivery shows that nobody's status has changed who
            is not in it. An answer about one person shows nothing of others.
        protection: Of an authority's dataset: a regular expression (RE2) for the text of records
            that may state a protected identity. While one that matches is in quarantine, its
            person counts as protected.
    """

    name: str
    format: Format
    identify: str
    vendor: type[TableModel]
    vendor_query: str
    frames: tuple[Frame, ...]
    snapshot: bool = False
    minimise: str = "payload"
    without_location: str = "payload"
    given: str = NEVER_GIVEN
    ends: str = "false"
    identity: tuple[str, ...] = ()
    opt_outs: Mapping[str, str] = field(default_factory=dict)
    prepare: tuple[str, ...] = field(default=())
    disclosable: Mapping[str, object] = field(default_factory=dict)
    disclosable_parts: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    role: Literal["basic_data", "changes"] | None = None
    confirms: bool = False
    protection: str = ""


@dataclass(frozen=True)
class Source:
    """A source of deliveries.

    Attributes:
        name: A key of the policy's `sources`.
        purpose: The policy's purpose under which it hands data over, unless a delivery says so.
        authority: It is a register of persons that a state keeps: it decides who is under protected
            identity and until when, so what it delivers is stored unredacted; and it speaks of each
            person under one identity code.
        provider: It sells contact information about anybody: that it states an address shows no
            relationship with the controller.
        about: Dataset -> what its file is, and one record in it (docs/deliveries.md).
    """

    name: str
    description: str
    datasets: tuple[Dataset, ...]
    purpose: str = "customer_care"
    authority: bool = False
    provider: bool = False
    about: Mapping[str, str] = field(default_factory=dict)

    def dataset(self, name: str) -> Dataset | None:
        return next((dataset for dataset in self.datasets if dataset.name == name), None)


STATEMENT_MACROS = (
    r"""
CREATE OR REPLACE MACRO person_key(type, value) AS md5(type || ':' || value);
CREATE OR REPLACE MACRO identifier(type, value) AS
    CASE WHEN value IS NOT NULL AND value <> '' THEN type || ':' || value END;
CREATE OR REPLACE MACRO filled(text) AS nullif(trim(text), '');
-- An IP address of which three octets or three groups stay; null in no known form.
CREATE OR REPLACE MACRO truncated_ip(text) AS CASE
    WHEN regexp_full_match(trim(text), '([0-9]{1,3}[.]){3}[0-9]{1,3}')
        THEN regexp_replace(trim(text), '[.][0-9]{1,3}$', '.0')
    WHEN regexp_full_match(trim(text), '([0-9a-fA-F]{1,4}:){3}[0-9a-fA-F:.]*')
        THEN regexp_extract(trim(text), '^([0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}):', 1)
            || '::'
    WHEN regexp_full_match(trim(text), '([0-9a-fA-F]{1,4}:){1,2}:[0-9a-fA-F:.]*')
        THEN regexp_extract(trim(text), '^(([0-9a-fA-F]{1,4}:){1,2}):', 1) || ':'
    WHEN regexp_full_match(trim(text), '::[0-9a-fA-F:.]*') THEN '::' END;
-- The key of somebody at a postal address: the first given name, the family name, the street with
-- its number and the postcode, each without capitals and blanks; null unless all are given.
CREATE OR REPLACE MACRO postal_key(given_names, family_name, street, postcode) AS
    CASE WHEN filled(given_names) IS NOT NULL AND filled(family_name) IS NOT NULL
            AND filled(street) IS NOT NULL AND postcode_valid(finnish_postcode(trim(postcode)))
        THEN md5(concat_ws('|', lower(split_part(trim(given_names), ' ', 1)),
            lower(trim(family_name)), regexp_replace(lower(street), '[^\pL\pN]+', '', 'g'),
            finnish_postcode(trim(postcode)))) END;
-- The key of somebody who has no number: given names, family name and day of birth, without
-- capitals and blanks around; null unless all are given.
CREATE OR REPLACE MACRO birth_key(given_names, family_name, born) AS
    md5(lower(filled(given_names)) || '|' || lower(filled(family_name)) || '|' || filled(born));
-- The e-mail addresses or telephone numbers of a field that may have several.
CREATE OR REPLACE MACRO several_addresses(text) AS
    CASE WHEN regexp_matches(text, '@[^@]*[;,][^@]*@') THEN string_split_regex(text, '[;,]')
        ELSE [text] END;
CREATE OR REPLACE MACRO several_numbers(text) AS
    CASE WHEN regexp_matches(text, '[0-9][0-9 ()/-]{4,}[;,] *[+(0]')
        THEN string_split_regex(text, '[;,]') ELSE [text] END;
-- The filled ones of lists of texts.
CREATE OR REPLACE MACRO several_filled(lists) AS
    list_filter(list_transform(flatten(lists), lambda text: filled(text)),
        lambda text: text IS NOT NULL);
"""
    + values.MACROS
    + """
-- The day, in the policy's time zone, on which a record was given: of a moment or an export's time.
CREATE OR REPLACE MACRO given_day(text) AS coalesce(local_day(moment(text)), export_day(text));
-- The members of a JSON object, in their order; none of what is no object, or has a name twice.
CREATE OR REPLACE MACRO members(json) AS
    CASE WHEN json_valid(json) AND json_type(json) = 'OBJECT'
            AND len(list_distinct(json_keys(json))) = len(json_keys(json))
        THEN map_entries(TRY_CAST(json::JSON AS MAP(VARCHAR, VARCHAR))) ELSE [] END;
-- The day on which something is said to be: a calendar date, a moment, an export's time, or seconds
-- since 1970.
CREATE OR REPLACE MACRO stated_day(text) AS
    coalesce(calendar_day(text), given_day(text),
        CASE WHEN regexp_full_match(trim(text), '[0-9]{9,10}')
            THEN local_day(to_timestamp(TRY_CAST(trim(text) AS BIGINT))) END);
-- The moment at which something was done: with its offset, or as an export's time in UTC.
CREATE OR REPLACE MACRO stated_moment(text, delivered_at) AS
    coalesce(past_moment(text, delivered_at), epoch_moment(text, delivered_at),
        CASE WHEN export_time(text) <= latest_moment(delivered_at) AT TIME ZONE 'UTC'
            THEN export_time(text) AT TIME ZONE 'UTC' END);
-- The day of the delivery that is being ingested; `assets.ingest.intake` sets it.
CREATE OR REPLACE MACRO delivered_on() AS NULL::DATE;
"""
)
