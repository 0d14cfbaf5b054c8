"""Answers of a partner that monitors persons in the Finnish population register (JSON lines).

Source: docs/vendor-formats.md, "Population register". A line is everything that is known of its
person; `_op` Delete means that the partner does not monitor them any more, so nothing of it is in
force. The warning Prc_Disclaimer means protected identity. The partner never states that one has
ended, so nothing of it ends one.
"""

from __future__ import annotations

import json

from assets.sources.formats import JsonLines
from assets.sources.person_answers import answers, with_only, without_members

_ADDRESS = dict.fromkeys(
    [
        "addressPriorityType", "streetAddress", "postCode", "postOffice", "countryCode",
        "startDate", "endDate",
    ],
    "VARCHAR",
)  # fmt: skip
_FACTS = (
    "_op", "socialSecurityNumber", "dateOfBirth", "firstName", "lastName", "languageCode", "isDead",
    "dateOfDeath",
)  # fmt: skip
_PERSON: dict[str, object] = {
    **dict.fromkeys(_FACTS, "VARCHAR"),
    "homeMunicipality": dict.fromkeys(["code", "name", "startedAt"], "VARCHAR"),
    "warnings": [{"code": "VARCHAR"}],
    "allAddresses": [_ADDRESS],
}
_MACROS = (
    # A day, or the midnight of one.
    "CREATE OR REPLACE TEMP MACRO partner_day(text) AS "
    "calendar_day(regexp_replace(trim(text), 'T00:00:00([.]0+)?(Z|[+]00:00)?$', ''))",
    "CREATE OR REPLACE TEMP MACRO partner_fine(text) AS "
    "filled(text) IS NULL OR partner_day(text) IS NOT NULL OR is_end_day(text)",
    """CREATE OR REPLACE TEMP MACRO partner_flag(text) AS
    CASE lower(trim(text)) WHEN 'true' THEN true WHEN 'false' THEN false END""",
)
_PREPARE = (
    *_MACROS,
    f"""CREATE OR REPLACE TEMP TABLE monitored AS
    SELECT *, identity_code_canonical(filled(person.socialSecurityNumber)) AS code,
        lower(trim(person._op)) IS DISTINCT FROM 'delete' AS counts,
        coalesce(person.allAddresses, []) AS addresses
    FROM (SELECT *, from_json(payload, '{json.dumps(_PERSON)}') AS person FROM records)""",
)
_PERSONS = """
    SELECT record_no, record_key, delivered_at, code, true AS known,
        partner_fine(person.dateOfBirth) AND partner_fine(person.dateOfDeath)
            AND partner_fine(person.homeMunicipality.startedAt)
            AND list_bool_and(list_transform(addresses, lambda place:
                coalesce(partner_fine(place.startDate) AND partner_fine(place.endDate), true)))
                    IS DISTINCT FROM false
            AND coalesce(partner_day(person.dateOfDeath) <= latest_moment(delivered_at), true)
            AS dates_fine,
        filled(person.isDead) IS NULL OR partner_flag(person.isDead) IS NOT NULL AS flags_fine,
        CASE WHEN counts THEN partner_day(person.dateOfBirth) END AS birth_date,
        CASE WHEN counts AND partner_day(person.dateOfBirth) IS NOT NULL THEN 'day' END
            AS birth_date_precision,
        CASE WHEN counts THEN lower(filled(person.languageCode)) END AS language,
        NULL::VARCHAR AS native_language,
        CASE WHEN counts THEN partner_flag(person.isDead)
            OR (partner_day(person.dateOfDeath) IS NOT NULL) END AS deceased,
        CASE WHEN counts THEN partner_day(person.dateOfDeath) END AS death_date,
        CASE WHEN contains(lower(payload), 'prc_disclaimer') THEN true END AS protected,
        NULL::DATE AS protected_until
    FROM monitored"""
_NAMES = """
    SELECT record_no, 1 AS position, 'official' AS kind, filled(person.firstName) AS given_names,
        filled(person.lastName) AS family_name, NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM monitored WHERE counts"""
_CODES = """
    SELECT 0 AS record_no, 0 AS position, NULL::VARCHAR AS value, NULL::VARCHAR AS replaced_by
    WHERE false"""
# An address that ends before it starts is believed to have ended.
_STATED_ADDRESSES = """
    SELECT record_no, 1 + nth AS position,
        CASE WHEN regexp_matches(lower(place.addressPriorityType), 'temp|tilap') THEN 'temporary'
            WHEN regexp_matches(lower(place.addressPriorityType), 'post|mail') THEN 'postal'
            ELSE 'permanent' END
        || CASE WHEN upper(filled(place.countryCode)) NOT IN ('FI', 'FIN', 'AX') THEN '_abroad'
            ELSE '' END AS kind,
        filled(place.streetAddress) AS street, NULL::VARCHAR AS street_sv,
        filled(place.postCode) AS postcode, filled(place.postOffice) AS town,
        NULL::VARCHAR AS town_sv, NULL::VARCHAR AS municipality_code,
        CASE WHEN upper(filled(place.countryCode)) NOT IN ('FI', 'FIN', 'AX')
            THEN upper(filled(place.countryCode)) END AS country,
        CASE WHEN NOT coalesce(partner_day(place.endDate) < partner_day(place.startDate), false)
            THEN partner_day(place.startDate) END AS valid_from,
        end_day(partner_day(place.endDate)::VARCHAR) AS valid_to
    FROM (
        SELECT record_no, unnest(addresses) AS place, generate_subscripts(addresses, 1) AS nth
        FROM monitored WHERE counts)
    UNION ALL
    SELECT record_no, 1, 'municipality', NULL, NULL, NULL, NULL, NULL,
        filled(person.homeMunicipality.code), NULL,
        partner_day(person.homeMunicipality.startedAt), NULL
    FROM monitored WHERE counts"""

ANSWERS = answers(
    "person_monitoring",
    JsonLines(),
    code="payload ->> '$.socialSecurityNumber'",
    codes=(),
    own_id="""birth_key(payload ->> '$.firstName', payload ->> '$.lastName',
        replace(payload ->> '$.dateOfBirth', '-', ''))""",
    prepare=_PREPARE,
    persons=_PERSONS,
    names=_NAMES,
    replaced=_CODES,
    addresses=_STATED_ADDRESSES,
    disclosable=_PERSON,
    minimise=without_members(
        "", "gender|sex|nationality|citizenship|maritalStatus|spouse|children"
    ),
    without_location=with_only((*_FACTS, "warnings")),
    protection="(?i)prc_disclaimer",
)
