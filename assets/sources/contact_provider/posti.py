"""Posti's files of postcodes (PCF) and of streets (BAF): no person is in them.

Source: docs/vendor-formats.md, "Contact providers": lines of fixed width in ISO-8859-1. Of both the
post office and the municipality of a postcode are kept: a registrant's address that lacks its post
town is completed by them (`assets.register.post_towns`).
"""

from __future__ import annotations

import json

from assets.sources.formats import Field, FixedWidth
from assets.sources.source import Dataset, Frame
from schemas.companies import Postcodes
from schemas.sources.contact_provider import PostcodeRecord

_POSTCODE = (
    Field("kind", 1, 5),
    Field("made_on", 6, 8),
    Field("postcode", 14, 5),
    Field("town", 19, 30),
    Field("town_sv", 49, 30),
    Field("town_short", 79, 12),
    Field("town_short_sv", 91, 12),
)
_OF_POSTCODE = (
    *_POSTCODE,
    Field("in_force_from", 103, 8),
    Field("type", 111, 1),
    Field("region_code", 112, 5),
    Field("region", 117, 30),
    Field("region_sv", 147, 30),
    Field("municipality_code", 177, 3),
    Field("municipality", 180, 20),
    Field("municipality_sv", 200, 20),
    Field("languages", 220, 1),
)
_OF_STREET = (
    *_POSTCODE,
    Field("street", 103, 30),
    Field("street_sv", 133, 30),
    Field("unused", 163, 24),
    Field("numbers", 187, 27),
    Field("municipality_code", 214, 3),
    Field("municipality", 217, 20),
    Field("municipality_sv", 237, 20),
)

_VENDOR = """
    SELECT record_no, row.kind IS NOT DISTINCT FROM kind AS kind_fits,
        filled(row.postcode) AS postcode, filled(row.town) IS NOT NULL AS name_given,
        coalesce(regexp_full_match(row.municipality_code, '[0-9]{3}'), true) AS municipality_fine
    FROM postcodes"""

_POSTCODES = """
    SELECT record_no, record_key, NULL::VARCHAR AS person_key, delivered_at AS stated_at,
        precedence AS position, row.postcode AS postcode, row.town AS town,
        filled(row.town_sv) AS town_sv,
        row.municipality_code AS municipality_code
    FROM postcodes WHERE filled(row.postcode) IS NOT NULL AND filled(row.town) IS NOT NULL"""


def _dataset(name: str, kind: str, fields: tuple[Field, ...], key: str, precedence: int) -> Dataset:
    shape = json.dumps(dict.fromkeys((field.name for field in fields), "VARCHAR"))
    return Dataset(
        name=name,
        format=FixedWidth(fields),
        snapshot=True,
        identify=f"SELECT record_no, {key} AS native_key, []::VARCHAR[] AS identifiers "
        "FROM raw_records",
        prepare=(
            f"""CREATE OR REPLACE TEMP TABLE postcodes AS
            SELECT record_no, record_key, delivered_at, '{kind}' AS kind,
                {precedence} AS precedence,
                from_json(payload, '{shape}') AS row FROM records""",
        ),
        vendor=PostcodeRecord,
        vendor_query=_VENDOR,
        frames=(Frame(Postcodes, _POSTCODES),),
    )


POSTCODES = _dataset("postcodes", "PONOT", _OF_POSTCODE, "payload ->> '$.postcode'", 0)
STREETS = _dataset("streets", "KATUN", _OF_STREET, "NULL::VARCHAR", 1)
