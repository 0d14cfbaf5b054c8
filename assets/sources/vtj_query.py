"""Answers of VTJkysely, the query interface of the Finnish population register (XML).

Source: docs/vendor-formats.md, "Population register". Every element is there, empty where it has
nothing to say; days are yyyyMMdd. `Paluukoodi` 0001 means that the register knows nobody of the
code. An empty mark of protected identity states nothing and ends nothing. Relatives, sex,
citizenship and religion are removed before anything reaches the disk; former names are not used,
because their kinds are codes that the answer does not explain.
"""

from __future__ import annotations

import json

from assets.sources.formats import XmlRecords
from assets.sources.person_answers import answers, with_only, without_members

# Of each kind of address: the element, the columns of street and street in Swedish, of the town,
# of the country, and the first letters of the elements with its dates.
_HOME = ("Lahiosoite{}", "Postitoimipaikka{}", None, "Asuminen")
_POST = ("Postiosoite{}", "Postitoimipaikka{}", None, "Postiosoite")
_ABROAD = ("UlkomainenLahiosoite", "UlkomainenPaikkakuntaJaValtioS", "Valtiokoodi3", "Asuminen")
_POST_ABROAD = ("UlkomainenLahiosoite", "UlkomainenPaikkakunta", "Valtiokoodi3", "Postiosoite")
_PLACES = {
    "VakinainenKotimainenLahiosoite": ("permanent", _HOME),
    "VakinainenUlkomainenLahiosoite": ("permanent_abroad", _ABROAD),
    "TilapainenKotimainenLahiosoite": ("temporary", _HOME),
    "TilapainenUlkomainenLahiosoite": ("temporary_abroad", _ABROAD),
    "KotimainenPostiosoite": ("postal", _POST),
    "UlkomainenPostiosoite": ("postal_abroad", _POST_ABROAD),
}


def _fields(street: str, town: str, country: str | None, dates: str) -> dict[str, str]:
    """Return the elements of a kind of address."""
    names = [name.format(letter) for name in (street, town) for letter in "SR"]
    names += [country] if country else ["Postinumero"]
    return dict.fromkeys([*names, f"{dates}Alkupvm", f"{dates}Loppupvm"], "VARCHAR")


_PERSON: dict[str, object] = {
    "Henkilotunnus": "VARCHAR",
    "Syntymaaika": "VARCHAR",
    "NykyinenSukunimi": {"Sukunimi": "VARCHAR"},
    "NykyisetEtunimet": {"Etunimet": "VARCHAR"},
    **{name: _fields(*parts) for name, (_, parts) in _PLACES.items()},
    "Kotikunta": dict.fromkeys(["Kuntanumero", "KuntasuhdeAlkupvm"], "VARCHAR"),
    "Kuolintiedot": dict.fromkeys(["Kuollut", "Kuolinpvm"], "VARCHAR"),
    "Kuolleeksijulistamistiedot": {"Kuolleeksijulistamispvm": "VARCHAR"},
    "Aidinkieli": {"Kielikoodi": "VARCHAR"},
    "Asiointikieli": {"Kielikoodi": "VARCHAR"},
    "Turvakielto": dict.fromkeys(["TurvakieltoTieto", "TurvakieltoPaattymispvm"], "VARCHAR"),
}
_ANSWER: dict[str, object] = {
    "Paluukoodi": "VARCHAR",
    "Hakuperusteet": {"Henkilotunnus": "VARCHAR"},
    "Henkilo": _PERSON,
}
# As XML has them: a text with attributes is an object.
_DISCLOSABLE = {
    "Paluukoodi": {"@koodi": "VARCHAR", "#text": "VARCHAR"},
    "Hakuperusteet": {"Henkilotunnus": {"#text": "VARCHAR"}},
    "Henkilo": {
        **_PERSON,
        "Henkilotunnus": {"@voimassaolokoodi": "VARCHAR", "#text": "VARCHAR"},
        "VakinainenAsuinpaikka": {"Asuinpaikantunnus": "VARCHAR"},
    },
}
_CODE = """coalesce(payload ->> '$.Henkilo.Henkilotunnus."#text"',
            CASE WHEN json_type(payload, '$.Henkilo.Henkilotunnus') = 'VARCHAR'
                THEN payload ->> '$.Henkilo.Henkilotunnus' END)"""
_REQUESTED = _CODE.replace("$.Henkilo.", "$.Hakuperusteet.")

_MACROS = (
    """CREATE OR REPLACE TEMP MACRO vtj_day(text) AS
    CASE WHEN regexp_full_match(trim(text), '[0-9]{8}') THEN calendar_day(
        regexp_replace(trim(text), '(....)(..)(..)', '\\1-\\2-\\3')) END""",
    "CREATE OR REPLACE TEMP MACRO vtj_fine(text) AS filled(text) IS NULL "
    "OR vtj_day(text) IS NOT NULL",
    "CREATE OR REPLACE TEMP MACRO vtj_end(text) AS end_day(vtj_day(text)::VARCHAR)",
    """CREATE OR REPLACE TEMP MACRO vtj_flag(text) AS
    CASE trim(text) WHEN '1' THEN true WHEN '0' THEN false END""",
    "CREATE OR REPLACE TEMP MACRO vtj_flag_fine(text) AS filled(text) IS NULL OR "
    "vtj_flag(text) IS NOT NULL",
)
_DATES = [
    "Syntymaaika",
    "Kotikunta.KuntasuhdeAlkupvm",
    "Kuolintiedot.Kuolinpvm",
    "Kuolleeksijulistamistiedot.Kuolleeksijulistamispvm",
    "Turvakielto.TurvakieltoPaattymispvm",
    *(
        f"{name}.{parts[3]}{end}"
        for name, (_, parts) in _PLACES.items()
        for end in ("Alkupvm", "Loppupvm")
    ),
]


def _address(number: int, element: str, kind: str, parts: tuple[str, str, str | None, str]) -> str:
    """Return the query of one kind of address."""
    street, town, country, dates = parts
    of = f"person.{element}."

    def filled(name: str) -> str:
        return f"filled({of}{name})" if name in _fields(*parts) else "NULL::VARCHAR"

    swedish = "{}" in street
    return f"""
    SELECT record_no, {number} AS position, '{kind}' AS kind,
        coalesce({filled(street.format("S"))}, {filled(street.format("R"))}) AS street,
        {filled(street.format("R")) if swedish else "NULL::VARCHAR"} AS street_sv,
        {filled("Postinumero")} AS postcode,
        coalesce({filled(town.format("S"))}, {filled(town.format("R"))}) AS town,
        {filled(town.format("R")) if swedish else "NULL::VARCHAR"} AS town_sv,
        NULL::VARCHAR AS municipality_code,
        {filled(country) if country else "NULL::VARCHAR"} AS country,
        vtj_day({of}{dates}Alkupvm) AS valid_from, vtj_end({of}{dates}Loppupvm) AS valid_to
    FROM vtj_answers"""


_PREPARE = (
    *_MACROS,
    f"""CREATE OR REPLACE TEMP TABLE vtj_answers AS
    SELECT *, answer.Henkilo AS person, identity_code_canonical(filled({_CODE})) AS code,
        identity_code_canonical(filled({_REQUESTED})) AS requested,
        coalesce(payload ->> '$.Paluukoodi."@koodi"', answer.Paluukoodi) AS returned
    FROM (SELECT *, from_json(payload, '{json.dumps(_ANSWER)}') AS answer FROM records)""",
)
_PERSONS = f"""
    SELECT record_no, record_key, delivered_at, code,
        NOT coalesce(trim(returned) = '0001', false) AS known,
        {" AND ".join(f"vtj_fine(person.{name})" for name in _DATES)}
            AND coalesce(died <= latest_moment(delivered_at), true) AS dates_fine,
        vtj_flag_fine(person.Turvakielto.TurvakieltoTieto)
            AND vtj_flag_fine(person.Kuolintiedot.Kuollut) AS flags_fine,
        vtj_day(person.Syntymaaika) AS birth_date,
        CASE WHEN vtj_day(person.Syntymaaika) IS NOT NULL THEN 'day' END AS birth_date_precision,
        lower(filled(person.Asiointikieli.Kielikoodi)) AS language,
        lower(filled(person.Aidinkieli.Kielikoodi)) AS native_language,
        CASE WHEN died IS NOT NULL THEN true
            ELSE vtj_flag(person.Kuolintiedot.Kuollut) END AS deceased,
        died AS death_date, vtj_flag(person.Turvakielto.TurvakieltoTieto) AS protected,
        vtj_end(person.Turvakielto.TurvakieltoPaattymispvm) AS protected_until
    FROM (SELECT *, coalesce(vtj_day(person.Kuolintiedot.Kuolinpvm),
        vtj_day(person.Kuolleeksijulistamistiedot.Kuolleeksijulistamispvm)) AS died
        FROM vtj_answers)"""
_NAMES = """
    SELECT record_no, 1 AS position, 'official' AS kind,
        filled(person.NykyisetEtunimet.Etunimet) AS given_names,
        filled(person.NykyinenSukunimi.Sukunimi) AS family_name,
        NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM vtj_answers"""
# An answer to a former code names the one in force.
_CODES = """
    SELECT record_no, 1 AS position, requested AS value, code AS replaced_by
    FROM vtj_answers WHERE requested <> code"""
_STATED_ADDRESSES = (
    " UNION ALL ".join(
        _address(number, name, kind, parts)
        for number, (name, (kind, parts)) in enumerate(_PLACES.items(), 10)
    )
    + """
    UNION ALL
    SELECT record_no, 20, 'municipality', NULL, NULL, NULL, NULL, NULL,
        filled(person.Kotikunta.Kuntanumero), NULL, vtj_day(person.Kotikunta.KuntasuhdeAlkupvm),
        NULL
    FROM vtj_answers"""
)

ANSWERS = answers(
    "vtj_answers",
    XmlRecords("{http://xml.vrk.fi/schema/vtjkysely}VTJHenkiloVastaussanoma", depth=None),
    code=_CODE,
    codes=(f"[{_REQUESTED}]",),
    own_id="""birth_key(payload ->> '$.Henkilo.NykyisetEtunimet.Etunimet',
        payload ->> '$.Henkilo.NykyinenSukunimi.Sukunimi', payload ->> '$.Henkilo.Syntymaaika')""",
    prepare=_PREPARE,
    persons=_PERSONS,
    names=_NAMES,
    replaced=_CODES,
    addresses=_STATED_ADDRESSES,
    disclosable=_DISCLOSABLE,
    minimise=without_members(
        "Henkilo",
        "Sukupuoli|Kansalaisuus.*|.*[Uu]skon.*|Synty.*kunta.*|Ammatti.*|Siviilisaaty.*|Avioliit.*"
        "|.*[Pp]uoliso.*|.*[Pp]arisuh.*|Lapsi.*|Lapset.*|.*[Hh]uolt.*|.*[Hh]uollet.*|.*[Vv]anhem.*"
        "|Isa|Aiti|.*[Ee]dunvalvon.*|.*[Oo]ttolap.*|Adoptio.*|Ulkomainen.*tunnus.*",
    ),
    without_location=with_only(
        ("Paluukoodi", "Hakuperusteet"),
        Henkilo=(
            "Henkilotunnus",
            "Syntymaaika",
            "NykyinenSukunimi",
            "NykyisetEtunimet",
            "EntinenNimi",
            "Kuolintiedot",
            "Kuolleeksijulistamistiedot",
            "Aidinkieli",
            "Asiointikieli",
            "Turvakielto",
        ),
    ),
    # Any value but 0 and none, whatever stands there instead.
    protection='(?i)turvakieltotieto"\\s*:\\s*("[^"0]|[^"])',
)
