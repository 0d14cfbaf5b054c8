"""Answers of SPAR, Sweden's register of persons (2021.1, XML).

Source: docs/vendor-formats.md, "Population register"; the public schemas of SPAR. Either of two
flags protects a person (Sekretessmarkering, Skyddad folkbokföring); then nothing but the number and
the flags is delivered. Blocks come once for each period; DatumTill is the day after their last one.
A municipality has four digits here and is not used; nor are sex, citizenship, birthplace, relatives
and taxes, which are removed before anything reaches the disk.
"""

from __future__ import annotations

import json

from assets.sources.formats import XmlRecords
from assets.sources.person_answers import answers, with_only, without_members

_PERIOD = {"DatumFrom": "VARCHAR", "DatumTill": "VARCHAR"}
_SWEDISH = dict.fromkeys(
    ["CareOf", "Utdelningsadress1", "Utdelningsadress2", "PostNr", "Postort"], "VARCHAR"
)
_FOREIGN = dict.fromkeys(
    ["Utdelningsadress1", "Utdelningsadress2", "Utdelningsadress3", "Land"], "VARCHAR"
)
_PLACE = {
    "SvenskAdress": {**_PERIOD, **_SWEDISH},
    "InternationellAdress": {**_PERIOD, **_FOREIGN},
}
_ADDRESSES = ("Folkbokforingsadress", "SarskildPostadress", "Utlandsadress")
_NAME = ["Aviseringsnamn", "Fornamn", "Tilltalsnamn", "Mellannamn", "Efternamn"]
_DETAILS = [
    "AvregistreringsorsakKod", "Avregistreringsdatum", "Avlidendatum", "AntraffadDodDatum",
    "Fodelsedatum",
]  # fmt: skip
_ANSWER: dict[str, object] = {
    "PersonId": {"IdNummer": "VARCHAR", "Typ": "VARCHAR"},
    "Sekretessmarkering": "VARCHAR",
    "SkyddadFolkbokforing": "VARCHAR",
    "SenasteAndringSPAR": "VARCHAR",
    "Namn": [{**_PERIOD, **dict.fromkeys(_NAME, "VARCHAR")}],
    "Persondetaljer": [
        {
            **_PERIOD,
            **dict.fromkeys(_DETAILS, "VARCHAR"),
            "Hanvisning": [{"IdNummer": "VARCHAR", "Typ": "VARCHAR"}],
        }
    ],
    **{name: [_PLACE] for name in _ADDRESSES},
}

# An immunity number is none: it has no check digit, and its owner is in no other register.
_CODE = """CASE WHEN upper(trim(payload ->> '$.PersonId.Typ')) IS DISTINCT FROM 'IMMUNITETSNUMMER'
    THEN payload ->> '$.PersonId.IdNummer' END"""

_MACROS = (
    # Days may be incomplete: 2019-01-00, 200101, 2001; 0 and 0000-00-00 are none.
    """CREATE OR REPLACE TEMP MACRO spar_digits(text) AS
    CASE WHEN regexp_full_match(trim(text), '[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,7}')
        THEN regexp_replace(rpad(replace(trim(text), '-', ''), 8, '0'), '^(0{4}).*', '\\1') END""",
    """CREATE OR REPLACE TEMP MACRO spar_precision(text) AS
    CASE WHEN spar_digits(text) = '0000' OR filled(text) IS NULL THEN NULL
        WHEN substr(spar_digits(text), 5, 2) = '00' THEN 'year'
        WHEN substr(spar_digits(text), 7, 2) = '00' THEN 'month'
        ELSE 'day' END""",
    """CREATE OR REPLACE TEMP MACRO spar_day(text) AS
    calendar_day(left(spar_digits(text), 4)
        || '-' || CASE WHEN substr(spar_digits(text), 5, 2) = '00' THEN '01'
            ELSE substr(spar_digits(text), 5, 2) END
        || '-' || CASE WHEN substr(spar_digits(text), 7, 2) = '00' THEN '01'
            ELSE substr(spar_digits(text), 7, 2) END)""",
    """CREATE OR REPLACE TEMP MACRO spar_fine(text) AS
    filled(text) IS NULL OR coalesce(spar_digits(text) = '0000', false)
        OR spar_day(text) IS NOT NULL""",
    """CREATE OR REPLACE TEMP MACRO stated_day(text) AS
    CASE WHEN spar_digits(text) IS DISTINCT FROM '0000' THEN filled(text) END""",
    """CREATE OR REPLACE TEMP MACRO in_force(block) AS
    filled(block.DatumTill) IS NULL OR starts_with(block.DatumTill, '9999')""",
    """CREATE OR REPLACE TEMP MACRO last_day(text) AS
    utc_day(end_day(text) - INTERVAL 1 DAY)""",
    # A flag with an attribute is an object.
    """CREATE OR REPLACE TEMP MACRO flag_text(value) AS
    upper(trim(CASE WHEN starts_with(value, '{') THEN value ->> '$."#text"' ELSE value END))""",
)


def _address(block: str, number: int, kinds: tuple[str, str]) -> str:
    """Return the query of one kind of address block, at home or abroad."""
    return f"""
    SELECT record_no, {number} + nth AS position,
        CASE WHEN block.SvenskAdress IS NOT NULL THEN '{kinds[0]}' ELSE '{kinds[1]}' END AS kind,
        filled(concat_ws(', ', filled(home.CareOf), filled(home.Utdelningsadress1),
            filled(home.Utdelningsadress2), filled(abroad.Utdelningsadress1),
            filled(abroad.Utdelningsadress2), filled(abroad.Utdelningsadress3))) AS street,
        NULL::VARCHAR AS street_sv, filled(home.PostNr) AS postcode, filled(home.Postort) AS town,
        NULL::VARCHAR AS town_sv, NULL::VARCHAR AS municipality_code,
        CASE WHEN block.SvenskAdress IS NOT NULL THEN 'SE'
            ELSE filled(abroad.Land) END AS country,
        calendar_day(coalesce(home.DatumFrom, abroad.DatumFrom)) AS valid_from,
        last_day(coalesce(home.DatumTill, abroad.DatumTill)) AS valid_to
    FROM (
        SELECT *, block.SvenskAdress AS home, block.InternationellAdress AS abroad
        FROM (
            SELECT record_no, unnest(answer.{block}) AS block,
                generate_subscripts(answer.{block}, 1) AS nth
            FROM spar))"""


_DATES = ("Avregistreringsdatum", "Avlidendatum", "AntraffadDodDatum", "Fodelsedatum")
_DATES_FINE = " AND ".join(
    f"coalesce(list_bool_and(list_transform(answer.Persondetaljer, "
    f"lambda block: spar_fine(block.{name}))), true)"
    for name in _DATES
)
_PREPARE = (
    *_MACROS,
    f"""CREATE OR REPLACE TEMP TABLE spar AS
    SELECT *, coalesce(list_extract(list_filter(answer.Persondetaljer,
            lambda block: in_force(block)), 1), answer.Persondetaljer[1]) AS details,
        identity_code_canonical(filled({_CODE})) AS code,
        flag_text(answer.Sekretessmarkering) AS secret,
        flag_text(answer.SkyddadFolkbokforing) AS shielded
    FROM (SELECT *, from_json(payload, '{json.dumps(_ANSWER)}') AS answer FROM records)""",
    """CREATE OR REPLACE TEMP TABLE spar_names AS
    SELECT record_no, unnest(answer.Namn) AS block, generate_subscripts(answer.Namn, 1) AS nth
    FROM spar""",
)
_PERSONS = f"""
    SELECT record_no, record_key, delivered_at, code, true AS known,
        {_DATES_FINE}
            AND coalesce(spar_day(died) <= latest_moment(delivered_at), true) AS dates_fine,
        coalesce(secret IN ('JA', 'NEJ'), true) AND coalesce(shielded IN ('JA', 'NEJ'), true)
            AS flags_fine,
        spar_day(details.Fodelsedatum) AS birth_date,
        spar_precision(details.Fodelsedatum) AS birth_date_precision,
        NULL::VARCHAR AS language, NULL::VARCHAR AS native_language,
        CASE WHEN details IS NOT NULL THEN died IS NOT NULL
            OR coalesce(filled(details.AvregistreringsorsakKod) IN ('A', 'AV'), false) END
            AS deceased,
        CASE WHEN spar_precision(died) = 'day' THEN spar_day(died) END AS death_date,
        CASE WHEN secret = 'JA' OR shielded = 'JA' THEN true
            WHEN secret = 'NEJ' AND shielded = 'NEJ' THEN false END AS protected,
        NULL::DATE AS protected_until
    FROM (SELECT *, coalesce(stated_day(details.Avlidendatum),
        stated_day(details.AntraffadDodDatum)) AS died FROM spar)"""
# Tilltalsnamn is a code: the places of one or two of the given names (20: the second).
_NAMES = """
    SELECT record_no, nth AS position,
        CASE WHEN in_force(block) THEN 'official' ELSE 'former' END AS kind,
        filled(block.Fornamn) AS given_names, filled(block.Efternamn) AS family_name,
        calendar_day(block.DatumFrom) AS valid_from, last_day(block.DatumTill) AS valid_to
    FROM spar_names
    UNION ALL
    SELECT record_no, 100 + nth, 'call',
        filled(concat_ws(' ', given[TRY_CAST(code[1] AS INTEGER)],
            CASE WHEN code[2] <> '0' THEN given[TRY_CAST(code[2] AS INTEGER)] END)),
        NULL, calendar_day(block.DatumFrom), NULL
    FROM (
        SELECT *, trim(block.Tilltalsnamn) AS code,
            regexp_split_to_array(trim(block.Fornamn), ' +') AS given
        FROM spar_names)
    WHERE in_force(block) AND regexp_full_match(code, '[1-9][0-9]')"""
# Till: the person has another number now; Fran: another one before.
_CODES = """
    SELECT record_no, nth AS position,
        CASE WHEN replaced THEN code ELSE other END AS value,
        CASE WHEN replaced THEN other ELSE code END AS replaced_by
    FROM (
        SELECT record_no, code, nth, reference,
            starts_with(upper(trim(reference.Typ)), 'T') AS replaced,
            identity_code_canonical(filled(reference.IdNummer)) AS other
        FROM (
            SELECT record_no, code, unnest(details.Hanvisning) AS reference,
                generate_subscripts(details.Hanvisning, 1) AS nth
            FROM spar))
    WHERE regexp_full_match(trim(reference.Typ), '(?i)till|fr[aå]n')"""
_STATED_ADDRESSES = " UNION ALL ".join(
    (
        _address("Folkbokforingsadress", 1000, ("permanent", "permanent_abroad")),
        _address("SarskildPostadress", 2000, ("postal", "postal_abroad")),
        _address("Utlandsadress", 3000, ("permanent", "permanent_abroad")),
    )
)

# Relatives, taxes, sex, citizenship and birthplace.
_NOT_NEEDED = "Relation|Fastighetstaxering|Inkomsttaxering"
_NOT_NEEDED_OF_PERSON = ("Kon", "SvenskMedborgare", "FodelselanKod", "Fodelseforsamling")
_CUT = json.dumps(dict.fromkeys(_NOT_NEEDED.split("|")))
_CUT_OF_PERSON = json.dumps(dict.fromkeys(_NOT_NEEDED_OF_PERSON))
_MINIMISE = f"""
    CASE WHEN json_type(payload, '$.Persondetaljer') = 'ARRAY' THEN
        json_merge_patch(payload, '{_CUT}', json_object('Persondetaljer', list_transform(
            from_json(payload -> '$.Persondetaljer', '["JSON"]'),
            lambda block: json_merge_patch(block, '{_CUT_OF_PERSON}'))))::VARCHAR
    ELSE {without_members("", _NOT_NEEDED)} END"""

ANSWERS = answers(
    "spar_answers",
    XmlRecords(
        "{http://statenspersonadressregister.se/schema/personsok/2021.1/personsokningsvar}"
        "PersonsokningSvarspost",
        depth=None,
        repeating=("Namn", "Persondetaljer", "Hanvisning", *_ADDRESSES),
    ),
    code=_CODE,
    own_id="'spar-' || opaque_id(payload ->> '$.PersonId.IdNummer')",
    codes=("json_extract_string(payload, '$.Persondetaljer[*].Hanvisning[*].IdNummer')",),
    prepare=_PREPARE,
    persons=_PERSONS,
    names=_NAMES,
    replaced=_CODES,
    addresses=_STATED_ADDRESSES,
    disclosable=_ANSWER,
    minimise=_MINIMISE,
    without_location=with_only(
        (
            "PersonId",
            "Sekretessmarkering",
            "SkyddadFolkbokforing",
            "SenasteAndringSPAR",
            "Namn",
            "Persondetaljer",
        )
    ),
    # Any value but NEJ and none, whatever stands there instead.
    protection='(?i)(sekretessmarkering|skyddadfolkbokforing)"\\s*:\\s*'
    '("([^N"]|N[^E]|NE[^J])|[^"])',
)
