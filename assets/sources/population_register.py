"""The population register (Finland, DVV / VTJ): basic data of persons, and changes from its API.

Source: docs/vendor-formats.md, "Population register"; docs/deliveries.md. A message is a list of
information groups; each becomes statements. `muutosattribuutti` is the operation of a change; if a
removal lists the facts that are now valid (`voimassaolevatTiedot`), that list replaces all valid
facts of its kind. Neither birth date nor sex is ever derived from the identity code; sex, family,
citizenship and religion are not needed and are removed before anything reaches the disk.
"""

from __future__ import annotations

import json
from typing import Literal

from assets.sources import person_monitoring, spar, vtj_query
from assets.sources.formats import JsonArray
from assets.sources.source import Dataset, Frame, Source
from schemas.sources.population_register import OPERATIONS, PopulationRegisterRecord
from schemas.staged import Addresses, ContactPoints, Identifiers, MarketingChoices, Names, Persons

# Groups about relatives, religion, citizenship, origin and sex: not needed (P5 does not name them),
# religion is Art. 9.
NOT_NEEDED = (
    "^(USKONTO|HISTORIAA_USKONTO|AVIOLIITTO|REKISTEROITY_PARISUHDE|PARISUHDE|PUOLISO|LAPSI|"
    "LAPSEN_|HUOLTAJA|HUOLLETTAVA|HUOLTO|PERHESUHDE|VANHEMPI|VANHEMMUUS|SIVIILISAATY|"
    "KANSALAISUUS|MAASTAMUUTON_LISATIEDOT|EDUNVALVON|EDUNVALVOJA|SUKUPUOLI|SYNTYMAKOTIKUNTA|"
    "ULKOMAINEN_SYNTYMAPAIKKA|ULKOMAINEN_HENKILOTUNNUS|AMMATTI|KUOLINPAIKKA|ADOPTIO)"
)

_DATE = {"arvo": "VARCHAR", "tarkkuus": "VARCHAR"}
_BOTH = {"fi": "VARCHAR", "sv": "VARCHAR"}
_FIELDS: dict[str, object] = {
    "etunimi": "VARCHAR",
    "sukunimi": "VARCHAR",
    "etunimiUTF8": "VARCHAR",
    "sukunimiUTF8": "VARCHAR",
    "nimilaji": "VARCHAR",
    "nimi": "VARCHAR",
    "nimiUTF8": "VARCHAR",
    "syntymapv": _DATE,
    "alkupv": _DATE,
    "loppupv": _DATE,
    "kuolinpv": _DATE,
    "kuolleeksijulistamispv": _DATE,
    "turvaLoppuPv": _DATE,
    "kuntaanMuuttopv": _DATE,
    "kuntaanMuuttoPv": _DATE,
    "kunnastaPoisMuuttopv": _DATE,
    "voimassaolo": "VARCHAR",
    "muutettuHenkilotunnus": "VARCHAR",
    "aktiivinenHenkilotunnus": "VARCHAR",
    "edellisetHenkilotunnukset": ["VARCHAR"],
    "kielikoodi": "VARCHAR",
    "kielinimi": "VARCHAR",
    "katunimi": _BOTH,
    "katunumero": "VARCHAR",
    "huoneistokirjain": "VARCHAR",
    "huoneistonumero": "VARCHAR",
    "jakokirjain": "VARCHAR",
    "postinumero": "VARCHAR",
    "postitoimipaikka": _BOTH,
    "kuntakoodi": "VARCHAR",
    "postiosoite": _BOTH,
    "lahiosoite": "VARCHAR",
    "paikkakunta": "VARCHAR",
    "valtiokoodi": "VARCHAR",
    "valtionimi": "VARCHAR",
    "sahkopostiosoite": "VARCHAR",
    "turvakieltoAktiivinen": "VARCHAR",
    "kuollut": "VARCHAR",
    "turvakiellonAlaisetKentat": ["VARCHAR"],
}
_DATES = tuple(name for name, kind in _FIELDS.items() if kind is _DATE)
# An end may be a placeholder for no end; a death is in the past.
_ENDS = ("loppupv", "turvaLoppuPv", "kunnastaPoisMuuttopv")
_DEATHS = ("kuolinpv", "kuolleeksijulistamispv")
_GROUP = {"tietoryhma": "VARCHAR", "muutosattribuutti": "VARCHAR", **_FIELDS}
_DISCLOSABLE: dict[str, object] = {
    "henkilotunnus": "VARCHAR",
    "muutospv": "VARCHAR",
    "tietoryhmat": [{**_GROUP, "voimassaolevatTiedot": [_FIELDS]}],
}
_MESSAGE = json.dumps(_DISCLOSABLE)
# What no rule reads and is the registrant's own all the same: the building and dwelling of a home.
_OWN_HOME = dict.fromkeys(
    ["rakennustunnus", "osoitenumero", "asuinpaikantunnus", "pysyvaRakennustunnus"], "VARCHAR"
)
_HANDED_OUT: dict[str, object] = {
    **_DISCLOSABLE,
    "tietoryhmat": [{**_GROUP, **_OWN_HOME, "voimassaolevatTiedot": [{**_FIELDS, **_OWN_HOME}]}],
}

_MINIMISE = f"""
    CASE WHEN regexp_matches(payload, '"tietoryhma"\\s*:\\s*"{NOT_NEEDED[1:]}') THEN
        json_merge_patch(payload, json_object('tietoryhmat', list_filter(
            from_json(json_extract(payload, '$.tietoryhmat'), '["JSON"]'),
            lambda part: NOT regexp_matches(coalesce(part ->> 'tietoryhma', ''),
                '{NOT_NEEDED}'))))::VARCHAR
    ELSE payload END"""

# Under protected identity the groups without a place stay. Of a censored group its marker stays.
_PLACELESS = (
    "HENKILON_NIMI", "KUTSUMANIMI", "NIMENMUUTOS", "SYNTYMAPAIVA", "HENKILOTUNNUS_KORJAUS",
    "AIDINKIELI", "ASIOINTIKIELI", "SAHKOPOSTIOSOITE",
    "TURVAKIELTO", "KUOLINPAIVA", "KUOLLEEKSIJULISTAMISPAIVA", "SUORAMARKKINOINTIKIELTO",
    "ASIAKASREKISTERIN_PAIVITYSKIELTO",
    "YHTEYSTIETOJEN_LUOVUTUSKIELTO", "HENKILOMATRIKKELIKIELTO", "SUKUTUTKIMUSKIELTO",
)  # fmt: skip
_WITHOUT_LOCATION = f"""
    json_merge_patch(payload, json_object('tietoryhmat', list_transform(
        list_filter(from_json(json_extract(payload, '$.tietoryhmat'), '["JSON"]'), lambda part:
            (part ->> 'tietoryhma') IN {_PLACELESS}
                OR coalesce(json_array_length(part, '$.turvakiellonAlaisetKentat'), 0) > 0),
        lambda part: CASE WHEN (part ->> 'tietoryhma') IN {_PLACELESS} THEN part
            ELSE json_object('tietoryhma', part -> 'tietoryhma', 'muutosattribuutti',
                part -> 'muutosattribuutti',
                'turvakiellonAlaisetKentat', part -> 'turvakiellonAlaisetKentat') END)))::VARCHAR"""

_PLACES = (
    "KOTIKUNTA", "VAKINAINEN_KOTIMAINEN_OSOITE", "VAKINAINEN_ULKOMAINEN_OSOITE",
    "TILAPAINEN_KOTIMAINEN_OSOITE", "TILAPAINEN_ULKOMAINEN_OSOITE",
    "KOTIMAINEN_POSTIOSOITE", "ULKOMAINEN_POSTIOSOITE",
)  # fmt: skip

_DWELLING = "VAKINAINEN_KOTIMAINEN_ASUINPAIKKATUNNUS"

# Corrected codes and e-mail addresses are rare: the text is searched before the JSON is parsed.
_IDENTIFY = """
    WITH codes AS (
        SELECT record_no, payload ->> '$.henkilotunnus' AS code,
            CASE WHEN contains(payload, 'HENKILOTUNNUS_KORJAUS') THEN
                json_extract_string(payload, '$.tietoryhmat[*].muutettuHenkilotunnus')
                || json_extract_string(payload, '$.tietoryhmat[*].aktiivinenHenkilotunnus')
                || json_extract_string(payload, '$.tietoryhmat[*].edellisetHenkilotunnukset[*]')
                    ELSE [] END AS other_codes,
            CASE WHEN contains(payload, '"sahkopostiosoite"') THEN
                json_extract_string(payload, '$.tietoryhmat[*].sahkopostiosoite')
                    ELSE [] END AS addresses
        FROM raw_records)
    SELECT record_no,
        {key} AS native_key,
        list_distinct(list_filter(
            [identifier('identity_code', identity_code_canonical(code))]
            || list_transform(other_codes, lambda other: identifier('identity_code',
                identity_code_canonical(other)))
            || list_transform(addresses, lambda address: identifier('email',
                email_canonical(address))),
            lambda identifier: identifier IS NOT NULL)) AS identifiers
    FROM codes"""

# The valid facts after a removal are a list of objects, or null. They are rare: the text is
# searched before the JSON is parsed.
_FACTS = "$.tietoryhmat[*].voimassaolevatTiedot"
_FACTS_FINE = f"""(NOT contains(payload, 'voimassaolevatTiedot')
        OR (list_has_all(['ARRAY', 'NULL'], json_type(payload, '{_FACTS}'))
            AND list_has_all(['OBJECT'], json_type(payload, '{_FACTS}[*]'))))"""
# A date is an object or null. `from_json` would return null for any other value.
_UNDATED = f"""regexp_matches(payload, '"({"|".join(_DATES)})"\\s*:\\s*[^{{\\sn]')"""

# The message as a row with its groups as a list; then a row per group or, after a removal, per
# valid fact.
_PREPARE = (
    f"""CREATE OR REPLACE TEMP TABLE messages AS
    SELECT record_no, record_key, sequence, delivered_at,
        identity_code_canonical(document.henkilotunnus) AS code,
        person_key('identity_code', identity_code_canonical(document.henkilotunnus)) AS person_key,
        past_moment(document.muutospv, delivered_at) AS changed_at,
        coalesce(changed_at, delivered_at) AS stated_at,
        json_type(payload, '$.tietoryhmat') AS groups_type,
        {_FACTS_FINE} AS facts_fine, NOT {_UNDATED} AS dates_have_their_form,
        document.tietoryhmat AS parts
    FROM (SELECT *, from_json(payload, '{_MESSAGE}') AS document FROM records)""",
    """CREATE OR REPLACE TEMP TABLE parts AS
    SELECT record_no, record_key, person_key, stated_at, delivered_at, code, unnest(parts) AS part,
        generate_subscripts(parts, 1) * 1000 AS place
    FROM messages""",
    """CREATE OR REPLACE TEMP TABLE valid_facts AS
    SELECT * EXCLUDE (part), part.tietoryhma AS part_name, part.muutosattribuutti AS operation,
        unnest(part.voimassaolevatTiedot) AS now,
            generate_subscripts(part.voimassaolevatTiedot, 1) AS nth
    FROM parts WHERE len(part.voimassaolevatTiedot) > 0""",
    f"""CREATE OR REPLACE TEMP TABLE statements AS
    SELECT record_no, record_key, person_key, stated_at, code, place AS position,
        part.tietoryhma AS part_name,
        part.muutosattribuutti AS operation,
        CASE
            WHEN len(part.turvakiellonAlaisetKentat) > 0 THEN 'censor'
            WHEN part.muutosattribuutti = 'KORJATTAVA' THEN 'retract'
            WHEN part.muutosattribuutti = 'POISTETTU'
                AND len(part.voimassaolevatTiedot) > 0 THEN 'reset'
            WHEN part.muutosattribuutti = 'POISTETTU' THEN 'retract'
            ELSE 'state'
        END AS op,
        {", ".join(f'part."{name}" AS "{name}"' for name in _FIELDS)}
    FROM parts WHERE part.muutosattribuutti IS DISTINCT FROM 'LISATIETO'
    UNION ALL
    SELECT record_no, record_key, person_key, stated_at, code, place + nth AS position, part_name,
        operation, 'state' AS op,
        {", ".join(f'now."{name}" AS "{name}"' for name in _FIELDS)}
    FROM valid_facts""",
)

_MACROS = """
CREATE OR REPLACE TEMP MACRO day_of(value) AS calendar_day(value.arvo);
CREATE OR REPLACE TEMP MACRO open_day_of(value) AS end_day(value.arvo);
CREATE OR REPLACE TEMP MACRO readable_date(value, is_day) AS filled(value.arvo) IS NULL
    OR (is_day AND coalesce(value.tarkkuus, 'PAIVA') IN ('PAIVA', 'KUUKAUSI', 'VUOSI',
        'EI_TIEDOSSA'));
CREATE OR REPLACE TEMP MACRO yes_no(value) AS
    CASE lower(trim(value)) WHEN 'true' THEN true WHEN '1' THEN true WHEN 'false' THEN false
        WHEN '0' THEN false END;
"""


def _is_day(fact: str, name: str) -> str:
    """Return the condition under which a date of a fact is plausible."""
    value = f'{fact}."{name}".arvo'
    if name in _ENDS:
        return f"is_end_day({value})"
    if name in _DEATHS:
        return f"past_day({value}, delivered_at) IS NOT NULL"
    return f"calendar_day({value}) IS NOT NULL"


def _checked(fact: str) -> str:
    """Return the columns with the rules that a fact (of a group, or of a removal) passes."""
    dates = " AND ".join(
        f"""readable_date({fact}."{name}", {_is_day(fact, name)})""" for name in _DATES
    )
    digits = "coalesce(regexp_full_match(trim({0}), '[0-9]{{{1}}}') OR trim({0}) = '', true)"
    return f"""coalesce({dates}, true) AS dates_readable,
        {digits.format(f"{fact}.postinumero", 5)} AS postcodes_fine,
        {digits.format(f"{fact}.kuntakoodi", 3)} AS codes_fine,
        ({fact}.turvakieltoAktiivinen IS NULL
            OR yes_no({fact}.turvakieltoAktiivinen) IS NOT NULL)
            AND ({fact}.kuollut IS NULL OR yes_no({fact}.kuollut) IS NOT NULL) AS flags_fine"""


def _vendor_query(dated: str) -> str:
    """Return the query of the rules that each message passes; `dated` is that on its time."""
    return f"""
        WITH checked AS (
            SELECT record_no, filled(part.tietoryhma) IS NOT NULL AS named,
                coalesce(part.muutosattribuutti, 'LISATTY') IN {OPERATIONS} AS operation_known,
                {_checked("part")}
            FROM parts
            UNION ALL
            SELECT record_no, true, true, {_checked("now")} FROM valid_facts),
        passed AS (
            SELECT record_no, bool_and(named) AS named,
                bool_and(operation_known) AS operations_known,
                bool_and(dates_readable) AS dates_readable,
                    bool_and(postcodes_fine) AS postcodes_fine,
                bool_and(codes_fine) AS codes_fine, bool_and(flags_fine) AS flags_fine
            FROM checked GROUP BY record_no)
        SELECT record_no, nullif(code, '') AS identity_code,
            coalesce(groups_type = 'ARRAY', false) AND facts_fine
                AND coalesce(named, true) AS groups_are_a_list,
            {dated} AS dated, coalesce(operations_known, true) AS operations_known,
            dates_have_their_form AND coalesce(dates_readable, true) AS dates_readable,
            coalesce(postcodes_fine, true) AS postcodes_fine,
            coalesce(codes_fine, true) AS codes_fine, coalesce(flags_fine, true) AS flags_fine
        FROM messages LEFT JOIN passed USING (record_no)"""


_COMMON = "record_no, record_key, position, person_key, stated_at"

_PERSONS = f"""
    SELECT {_COMMON},
        CASE WHEN part_name = 'SYNTYMAPAIVA' THEN day_of(syntymapv) END AS birth_date,
        CASE WHEN part_name = 'SYNTYMAPAIVA' AND day_of(syntymapv) IS NOT NULL THEN
            CASE syntymapv.tarkkuus WHEN 'KUUKAUSI' THEN 'month' WHEN 'VUOSI' THEN 'year'
                WHEN 'EI_TIEDOSSA' THEN 'unknown' ELSE 'day' END
        END AS birth_date_precision,
        CASE WHEN part_name = 'ASIOINTIKIELI' THEN CASE WHEN kielikoodi = '98' THEN filled(nimi)
            ELSE lower(filled(kielikoodi)) END END AS language,
        CASE WHEN part_name = 'AIDINKIELI' THEN CASE WHEN kielikoodi = '98' THEN filled(nimi)
            ELSE lower(filled(kielikoodi)) END END AS native_language,
        CASE WHEN part_name IN ('KUOLINPAIVA', 'KUOLLEEKSIJULISTAMISPAIVA') THEN
            op = 'state' AND coalesce(yes_no(kuollut), true) END AS deceased,
        CASE WHEN part_name IN ('KUOLINPAIVA', 'KUOLLEEKSIJULISTAMISPAIVA') AND op = 'state'
            AND coalesce(yes_no(kuollut), true) THEN
            coalesce(day_of(kuolinpv), day_of(kuolleeksijulistamispv)) END AS death_date,
        CASE WHEN op = 'censor' THEN true
            WHEN part_name = 'TURVAKIELTO' THEN op = 'state'
                AND coalesce(yes_no(turvakieltoAktiivinen), true) END AS protected,
        CASE WHEN part_name = 'TURVAKIELTO'
            AND op = 'state' THEN open_day_of(turvaLoppuPv) END AS protected_until,
        NULL::DATE AS last_contact_on
    FROM statements
    WHERE op = 'censor'
        OR (part_name IN ('SYNTYMAPAIVA', 'ASIOINTIKIELI', 'AIDINKIELI') AND op = 'state')
        OR part_name IN ('KUOLINPAIVA', 'KUOLLEEKSIJULISTAMISPAIVA')
        OR (part_name = 'TURVAKIELTO' AND operation IS DISTINCT FROM 'KORJATTAVA')"""

_NAMES = f"""
    SELECT {_COMMON},
        CASE WHEN part_name = 'HENKILON_NIMI' THEN 'official'
            WHEN ends_with(nimilaji, 'KUTSUMANIMI') THEN 'call' ELSE 'former' END AS kind,
        op,
        CASE WHEN part_name = 'HENKILON_NIMI' THEN coalesce(filled(etunimiUTF8), filled(etunimi))
            WHEN NOT contains(nimilaji, 'SUKUNIMI') THEN coalesce(filled(nimiUTF8),
                filled(nimi)) END AS given_names,
        CASE WHEN part_name = 'HENKILON_NIMI' THEN coalesce(filled(sukunimiUTF8), filled(sukunimi))
            WHEN contains(nimilaji, 'SUKUNIMI') THEN coalesce(filled(nimiUTF8),
                filled(nimi)) END AS family_name,
        day_of(alkupv) AS valid_from, open_day_of(loppupv) AS valid_to
    FROM statements
    WHERE part_name = 'HENKILON_NIMI'
        OR (part_name = 'KUTSUMANIMI' AND coalesce(nimilaji,
            'NYKYINEN_KUTSUMANIMI') = 'NYKYINEN_KUTSUMANIMI')
        OR (part_name = 'NIMENMUUTOS' AND nimilaji IN ('EDELLINEN_SUKUNIMI', 'EDELLINEN_ETUNIMI',
            'VIIMEKSI_NAIMATTOMANA_OLLESSA_OLLUT_SUKUNIMI'))"""

_IDENTIFIERS = """
    WITH corrected AS (
        SELECT record_no, record_key, position, person_key, stated_at, code, op, voimassaolo,
            identity_code_canonical(filled(muutettuHenkilotunnus)) AS changed,
            identity_code_canonical(filled(aktiivinenHenkilotunnus)) AS active,
            list_transform(coalesce(edellisetHenkilotunnukset, []),
                lambda former: identity_code_canonical(former)) AS formers
        FROM statements WHERE part_name = 'HENKILOTUNNUS_KORJAUS'
            AND op IN ('state', 'retract', 'reset')),
    named AS (
        SELECT record_no, record_key, position, person_key, stated_at, changed AS value,
            CASE WHEN voimassaolo = 'PASSIIVI' THEN coalesce(active,
                nullif(code, changed)) END AS replaced_by
        FROM corrected WHERE op = 'state'
        UNION ALL
        SELECT record_no, record_key, position, person_key, stated_at, active, NULL FROM corrected
            WHERE op = 'state'
        UNION ALL
        SELECT record_no, record_key, position, person_key, stated_at, unnest(formers),
            CASE WHEN voimassaolo = 'PASSIIVI' THEN coalesce(active, code)
                ELSE coalesce(active, changed) END
        FROM corrected WHERE op = 'state'
        UNION ALL
        -- A correction that is withdrawn no longer replaces the code that it replaced.
        SELECT record_no, record_key, position, person_key, stated_at, changed, NULL
        FROM corrected WHERE op <> 'state' AND voimassaolo = 'PASSIIVI'
        UNION ALL
        SELECT record_no, record_key, position, person_key, stated_at, unnest(formers), NULL
        FROM corrected WHERE op <> 'state'
        UNION ALL
        SELECT record_no, record_key, 0, person_key, stated_at, code, NULL FROM messages)
    SELECT record_no, record_key, position, person_key, stated_at, 'identity_code' AS type, value,
        CASE WHEN identity_code_valid(replaced_by)
            AND replaced_by <> value THEN replaced_by END AS replaced_by
    FROM named WHERE identity_code_valid(value)"""

_CONTACT_POINTS = f"""
    SELECT {_COMMON}, 'email' AS kind, op, email_shown(sahkopostiosoite) AS value,
        email_canonical(filled(sahkopostiosoite)) AS match_key,
        day_of(alkupv) AS valid_from, open_day_of(loppupv) AS valid_to
    FROM statements WHERE part_name = 'SAHKOPOSTIOSOITE'
        AND (op IN ('censor', 'reset') OR filled(sahkopostiosoite) IS NOT NULL)"""

_ADDRESSES = f"""
    SELECT {_COMMON},
        CASE part_name WHEN 'KOTIKUNTA' THEN 'municipality'
            WHEN 'VAKINAINEN_KOTIMAINEN_OSOITE' THEN 'permanent'
                WHEN 'VAKINAINEN_ULKOMAINEN_OSOITE' THEN 'permanent_abroad'
            WHEN 'TILAPAINEN_KOTIMAINEN_OSOITE' THEN 'temporary'
                WHEN 'TILAPAINEN_ULKOMAINEN_OSOITE' THEN 'temporary_abroad'
            WHEN 'KOTIMAINEN_POSTIOSOITE' THEN 'postal'
                WHEN 'ULKOMAINEN_POSTIOSOITE' THEN 'postal_abroad' END AS kind,
        op,
        coalesce(
            filled(concat_ws(' ', coalesce(filled(katunimi.fi), filled(katunimi.sv)),
                filled(katunumero), filled(huoneistokirjain),
                nullif(ltrim(filled(huoneistonumero), '0'),
                    '') || coalesce(lower(filled(jakokirjain)), ''))),
            filled(postiosoite.fi), filled(postiosoite.sv), filled(lahiosoite)) AS street,
        CASE WHEN filled(katunimi.sv) IS NOT NULL THEN filled(concat_ws(' ', filled(katunimi.sv),
            filled(katunumero), filled(huoneistokirjain),
                nullif(ltrim(filled(huoneistonumero), '0'),
                    '') || coalesce(lower(filled(jakokirjain)), '')))
            ELSE filled(postiosoite.sv) END AS street_sv,
        filled(postinumero) AS postcode,
        coalesce(filled(postitoimipaikka.fi), filled(postitoimipaikka.sv),
            filled(paikkakunta)) AS town, filled(postitoimipaikka.sv) AS town_sv,
        filled(kuntakoodi) AS municipality_code,
        CASE WHEN valtiokoodi = '998' THEN filled(valtionimi)
            ELSE filled(valtiokoodi) END AS country,
        coalesce(day_of(alkupv), day_of(kuntaanMuuttopv), day_of(kuntaanMuuttoPv)) AS valid_from,
        coalesce(open_day_of(loppupv), open_day_of(kunnastaPoisMuuttopv)) AS valid_to
    FROM statements
    WHERE part_name IN ('KOTIKUNTA', 'VAKINAINEN_KOTIMAINEN_OSOITE', 'VAKINAINEN_ULKOMAINEN_OSOITE',
        'TILAPAINEN_KOTIMAINEN_OSOITE',
        'TILAPAINEN_ULKOMAINEN_OSOITE', 'KOTIMAINEN_POSTIOSOITE', 'ULKOMAINEN_POSTIOSOITE')"""

_PROHIBITIONS = {
    "SUORAMARKKINOINTIKIELTO": "direct_marketing",
    "ASIAKASREKISTERIN_PAIVITYSKIELTO": "customer_register_update",
    "YHTEYSTIETOJEN_LUOVUTUSKIELTO": "contact_disclosure",
    "HENKILOMATRIKKELIKIELTO": "personal_directory",
    "SUKUTUTKIMUSKIELTO": "genealogy",
}

_PURPOSE = " ".join(f"WHEN '{part}' THEN '{purpose}'" for part, purpose in _PROHIBITIONS.items())
_MARKETING_CHOICES = f"""
    SELECT {_COMMON},
        CASE part_name {_PURPOSE} END AS purpose,
        'all' AS channel, CASE WHEN op IN ('retract', 'reset') THEN 'lifted'
            ELSE 'prohibited' END AS choice,
        'population_register:' || part_name AS origin, 'identity_code:' || code AS subject,
        NULL::VARCHAR AS text_version, NULL::VARCHAR AS language, NULL::VARCHAR AS evidence
    FROM statements WHERE part_name IN {tuple(_PROHIBITIONS)}"""


def _dataset(
    name: str,
    role: Literal["basic_data", "changes"],
    key: str,
    dated: str,
    sequence_key: str | None = None,
) -> Dataset:
    return Dataset(
        name=name,
        format=JsonArray((name,), sequence_key),
        identify=_IDENTIFY.format(key=key),
        minimise=_MINIMISE,
        without_location=_WITHOUT_LOCATION,
        prepare=(*filter(None, map(str.strip, _MACROS.split(";"))), *_PREPARE),
        vendor=PopulationRegisterRecord,
        vendor_query=_vendor_query(dated),
        disclosable=_HANDED_OUT,
        # Other groups may be about relatives, guardians or other people.
        disclosable_parts={"tietoryhmat": ("tietoryhma", (*_PLACELESS, *_PLACES, _DWELLING))},
        role=role,
        confirms=True,
        protection="(?i)turvakiel",
        frames=(
            Frame(Persons, _PERSONS),
            Frame(Names, _NAMES),
            Frame(Identifiers, _IDENTIFIERS),
            Frame(ContactPoints, _CONTACT_POINTS, essential=False),
            Frame(Addresses, _ADDRESSES),
            Frame(MarketingChoices, _MARKETING_CHOICES),
        ),
    )


SOURCE = Source(
    name="population_register",
    description="Persons by the population registers of Finland (DVV) and Sweden (SPAR)",
    about={
        "perustiedot": (
            'JSON `{"perustiedot": [...], "ajanTasalla": true}`: one person\'s basic data'
        ),
        "muutokset": (
            'JSON `{"viimeisinKirjausavain": N, "muutokset": [...], "ajanTasalla": true}`: '
            "one change message of one person"
        ),
        "vtj_answers": (
            "XML: `VTJHenkiloVastaussanoma` elements, alone or in any other element: one "
            "answer of VTJkysely"
        ),
        "spar_answers": (
            "XML: `PersonsokningSvarspost` elements, with or without a SOAP envelope: one "
            "answer of SPAR (Sweden)"
        ),
        "person_monitoring": "JSON lines: all that a partner knows of one person",
    },
    datasets=(
        _dataset("perustiedot", "basic_data", "identity_code_canonical(code)", "true"),
        _dataset("muutokset", "changes", "NULL", "changed_at IS NOT NULL", "viimeisinKirjausavain"),
        vtj_query.ANSWERS,
        person_monitoring.ANSWERS,
        spar.ANSWERS,
    ),
    authority=True,
)
