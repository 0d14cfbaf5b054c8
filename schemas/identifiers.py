"""The identifiers of people: the canonical form of each type, and its validity.

Everything that reads, compares or searches an identifier uses these macros: ingest, consents,
prohibition lists, requests, withdrawals, suppression, matching, proof and search. All return null
for null. An identifier is passed around as text `<type>:<canonical value>`.

Usual spellings are canonicalised in SQL; what SQL cannot parse (Unicode, foreign numbers) goes
through the one scalar function `unusual_spelling`, which `install` registers. An engine without it
needs a function of that name, nothing else.

An identity code is a Finnish one, or a Swedish number (personnummer, samordningsnummer) in twelve
digits. Ten digits do not name the century, and look like Finnish codes: they are no identifier.

Source: docs/vendor-formats.md, "Identifiers" (the century sign is part of a Finnish identity code
and never normalised away); docs/decisions/canonical-identifiers.md.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import duckdb
from duckdb.func import ARROW

from schemas.unusual_spellings import function

IDENTIFIER_TYPES = (
    "identity_code",
    "business_id",
    "customer_number",
    "contact_id",
    "email",
    "phone",
    "visitor_id",
    "user_id",
    "contract_number",
    "order_number",
    "visit",
)

# Types with values that can be recognised by their form.
RECOGNISABLE_TYPES = ("identity_code", "email", "phone")

# The country's calling code, and how many digits a national number usually has behind its trunk
# zero.
_NATIONAL = {"FI": ("358", "{5,9}"), "SE": ("46", "{6,8}")}

# What forms and exports write where there is no value: letters and digits of it, in lower case.
PLACEHOLDER_WORDS = (
    "null", "none", "nil", "nan", "na", "nul", "void", "undefined", "unknown", "unspecified",
    "notset", "notavailable", "notapplicable", "notprovided", "notfound", "novalue", "missing",
    "empty", "blank", "default", "dummy", "false", "anonymous", "anon", "guest", "test", "testi",
    "testing", "tbd", "tba", "todo", "value", "ref", "name", "div0", "objectobject", "userid",
    "eiole", "eioo", "eitiedossa", "eitietoa", "eitiedetä", "eitunneta", "eiannettu",
    "eisaatavilla", "tuntematon", "puuttuu", "puuttuva", "tyhjä", "anonyymi", "vieras", "okänd",
    "okänt", "saknas", "finnsej", "finnsinte", "ejangivet", "ejangiven", "ejkänd", "ejkänt",
    "ingen", "inget", "tom", "gäst",
)  # fmt: skip
# No number at all, letters x, and one digit over and over: short ones but noughts may be real
# numbers.
_REPEATED = "|".join(f"{digit}{{8,}}" for digit in "12345678")
_PLACEHOLDER = f"0*|x+|9{{6,}}|{_REPEATED}|{'|'.join(PLACEHOLDER_WORDS)}"
# A template that was not filled in, and a number that stands for no number.
# All that is not ASCII counts as a letter: RE2 takes ten times as long to compile `\pL`, and it is
# compiled wherever a statement mentions an identifier.
_TEMPLATE = (
    r"\{\{.*\}\}|[$#%]?\{[<letter>_. -]*\}|\$[<letter>_]+|%[sd]|%[<letter>_]+%|<[<letter>_ %=.-]*>|"
    r"\[\[?[<letter>_ .-]*\]?\]|__[<letter>_]+__|-(?:1|9+)"
).replace("<letter>", r"A-Za-z\x{80}-\x{10FFFF}")
# Words that stand as mailbox and as domain of addresses that were made up to fill a field.
_NO_MAILBOX = "|".join(
    (
        *PLACEHOLDER_WORDS, "no", "noemail", "nomail", "no[._-](?:e-?)?mail", "ei",
        "eisähköpostia", "ei[._-]ole", "x+", "email", "asdf?",
    )
)  # fmt: skip
_NO_DOMAIN = "|".join(
    (
        *PLACEHOLDER_WORDS, "no", "noemail", "nomail", "no-e?mail", "e?-?mail", "ei", "x+", "asdf?",
        "domain",
    )
)  # fmt: skip

# What a spreadsheet makes of a long number. Without point and plus it may be an id: 1E11.
DAMAGED = r"[-+]?[0-9]+[.,][0-9]*[eE][-+]?[0-9]{1,3}|[-+]?[0-9]+[eE]\+[0-9]{1,3}"

_BETWEEN = "[ ()./-]*"
_USUAL_ADDRESS = "[a-z0-9!#$%&*+/=?^_{|}~.-][a-z0-9!#$%&''*+/=?^_`{|}~.-]*@[a-z0-9.-]*[a-z]"

VALIDITY = r"""
CREATE OR REPLACE MACRO swedish_birth_date(code) AS
    TRY_CAST(
        left(code, 4) || '-' || substr(code, 5, 2) || '-'
        || lpad((TRY_CAST(substr(code, 7, 2) AS INTEGER) % 60)::VARCHAR, 2, '0') AS DATE);

CREATE OR REPLACE MACRO swedish_number_valid(code) AS
    regexp_full_match(code, '(18|19|20)[0-9]{10}')
    -- Luhn's sum over the last ten digits: every second one is doubled.
    AND list_sum(list_transform(string_split(
        translate(regexp_replace(right(code, 10), '(.)(.)', '\1', 'g'),
            '0123456789', '0246813579')
        || regexp_replace(right(code, 10), '(.)(.)', '\2', 'g'), ''),
        lambda digit: coalesce(TRY_CAST(digit AS INTEGER), 0))) % 10 = 0
    AND swedish_birth_date(code) IS NOT NULL;

CREATE OR REPLACE MACRO identity_code_birth_date(code) AS
    CASE WHEN length(code) = 12 THEN swedish_birth_date(code) ELSE
    TRY_CAST(
        CASE
            WHEN substr(code, 7, 1) = '+' THEN '18'
            WHEN contains('-YXWVU', substr(code, 7, 1)) THEN '19'
            WHEN contains('ABCDEF', substr(code, 7, 1)) THEN '20'
        END || substr(code, 5, 2) || '-' || substr(code, 3, 2) || '-' || substr(code, 1, 2)
        AS DATE) END;

CREATE OR REPLACE MACRO identity_code_valid(code) AS
    CASE WHEN length(code) = 12 THEN swedish_number_valid(code)
        WHEN code IS NOT NULL THEN
        regexp_full_match(code, '[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]')
        AND coalesce(TRY_CAST(substr(code, 8, 3) AS INTEGER) >= 2, false)
        AND coalesce(
            substr('0123456789ABCDEFHJKLMNPRSTUVWXY',
                (TRY_CAST(substr(code, 1, 6) || substr(code, 8, 3) AS BIGINT) % 31)::INTEGER + 1,
                1) = substr(code, 11, 1), false)
        AND identity_code_birth_date(code) IS NOT NULL
    END;

CREATE OR REPLACE MACRO business_id_valid(code) AS
    CASE WHEN code IS NULL THEN NULL
        WHEN NOT regexp_full_match(code, '[0-9]{7}-[0-9]') OR code = '0000000-0' THEN false
        ELSE list_contains([0, 11], list_dot_product(
            list_transform(string_split(substr(code, 1, 7), ''),
                lambda digit: coalesce(TRY_CAST(digit AS DOUBLE), 0)),
            [7.0, 9.0, 10.0, 5.0, 8.0, 4.0, 2.0])::INTEGER % 11
            + TRY_CAST(substr(code, 9, 1) AS INTEGER))
    END;

CREATE OR REPLACE MACRO email_placeholder(address) AS
    regexp_full_match(address, '(?:<no_mailbox>)@(?:<no_domain>)(?:\.[a-z]+)?')
    OR ends_with(address, '.invalid');

CREATE OR REPLACE MACRO email_valid(address) AS
    length(address) <= 254 AND strpos(address, '@') <= 65 AND NOT contains(address, '..')
    AND regexp_full_match(address,
        '[^\s\pZ\pC@,;<>"()]+@[a-z0-9][a-z0-9.-]*\.(?:[a-z]+|xn--[a-z0-9-]+)')
    AND NOT email_placeholder(address);

CREATE OR REPLACE MACRO phone_valid(number) AS
    CASE WHEN replace(right(number, 6), right(number, 1), '') <> ''
            THEN regexp_full_match(number, '\+[1-9][0-9]{6,14}')
        ELSE regexp_full_match(number, '\+[1-9][0-9]{6,14}') AND NOT regexp_full_match(number,
            '\+(?:1|7|[1-9][0-9]|[1-9][0-9]{2})(?:0+|1+|2+|3+|4+|5+|6+|7+|8+|9+)') END;

CREATE OR REPLACE MACRO postcode_valid(code) AS
    regexp_full_match(code, '[0-9]{5}') AND code <> '00000';
""".replace("<no_mailbox>", _NO_MAILBOX).replace("<no_domain>", _NO_DOMAIN)

_FORMS = r"""
CREATE OR REPLACE MACRO plain_text(text) AS
    CASE WHEN regexp_full_match(text, '[ -~]*') THEN trim(text)
        ELSE unusual_spelling('plain', text) END;

CREATE OR REPLACE MACRO identity_code_canonical(text) AS
    CASE WHEN regexp_full_match(text, '[0-9]{6}[-+A-Z][0-9]{3}[0-9A-Z]') THEN text
        WHEN regexp_full_match(text, '(18|19|20)[0-9]{6}[-+][0-9]{4}')
            THEN left(text, 8) || right(text, 4)
        ELSE upper(nfc_normalize(replace(plain_text(text), ' ', ''))) END;

CREATE OR REPLACE MACRO hyphenated_business_id(code) AS
    CASE WHEN regexp_full_match(code, '[0-9]{6,7}-[0-9]') THEN lpad(code, 9, '0')
        WHEN regexp_full_match(code, '[0-9]{7,8}')
            THEN lpad(left(code, length(code) - 1) || '-' || right(code, 1), 9, '0')
        ELSE code END;

CREATE OR REPLACE MACRO business_id_canonical(text) AS
    CASE WHEN regexp_full_match(text, '[0-9]{7}-[0-9]') THEN text
        ELSE hyphenated_business_id(
            regexp_replace(upper(nfc_normalize(replace(plain_text(text), ' ', ''))),
                '^FI-?([0-9])', '\1')) END;

CREATE OR REPLACE MACRO email_canonical(text) AS
    CASE WHEN text IS NULL THEN NULL
        WHEN regexp_full_match(text, '<usual address>') AND NOT contains(text, 'xn--') THEN text
        WHEN regexp_full_match(text, '(?i) *<usual address> *')
            AND NOT contains(lower(text), 'xn--')
            THEN lower(trim(text))
        ELSE unusual_spelling('email', text) END;

CREATE OR REPLACE MACRO email_shown(text) AS
    CASE WHEN text IS NULL THEN NULL
        WHEN regexp_full_match(text, '(?i) *<usual address> *')
            AND NOT contains(lower(text), 'xn--')
            THEN trim(text)
        ELSE unusual_spelling('email_shown', text) END;

CREATE OR REPLACE MACRO phone_canonical(text) AS
    CASE WHEN text IS NULL THEN NULL
        <usual phones>
        ELSE unusual_spelling('phone', text) END;

CREATE OR REPLACE MACRO placeholder(text) AS
    regexp_full_match(regexp_replace(lower(text), '[^\pL\pN]+', '', 'g'), '<placeholder>')
    OR regexp_full_match(text, '<template>')
    OR contains(lower(text), '[redacted]');

CREATE OR REPLACE MACRO damaged_number(text) AS
    CASE WHEN regexp_full_match(plain_text(text), '<damaged>') THEN plain_text(text) END;

CREATE OR REPLACE MACRO unusual_opaque_id(text) AS
    CASE WHEN placeholder(text) OR regexp_full_match(text, '<damaged>') THEN NULL
        ELSE regexp_replace(text, '^([0-9]{1,15})[.,]0+$', '\1') END;

CREATE OR REPLACE MACRO opaque_id(text) AS
    CASE WHEN regexp_full_match(text, '(?:[A-Za-z0-9][A-Za-z0-9_:-]*)?[1-8][A-Za-z0-9_:-]*')
            AND (length(text) < 8 OR replace(text, left(text, 1), '') <> '') THEN text
        ELSE unusual_opaque_id(plain_text(text)) END;

-- Salesforce's checksum of an id of 15 characters: which of them are capitals.
CREATE OR REPLACE MACRO salesforce_suffix(id) AS array_to_string(
    list_transform([1, 6, 11], lambda start: substr('ABCDEFGHIJKLMNOPQRSTUVWXYZ012345',
        1 + list_sum(list_transform([0, 1, 2, 3, 4], lambda bit:
            CASE WHEN ascii(substr(id, start + bit, 1)) BETWEEN 65 AND 90
                THEN 1 << bit ELSE 0 END))::INTEGER, 1)), '');

-- A contact of Salesforce has one id in two lengths; that of 18 characters counts.
CREATE OR REPLACE MACRO contact_id_canonical(text) AS
    CASE WHEN regexp_full_match(trim(text), '003[A-Za-z0-9]{12}')
            THEN trim(text) || salesforce_suffix(trim(text))
        ELSE opaque_id(text) END;

CREATE OR REPLACE MACRO visitor_id_canonical(text) AS lower(opaque_id(text));

CREATE OR REPLACE MACRO customer_number_canonical(text) AS upper(opaque_id(text));

CREATE OR REPLACE MACRO user_id_canonical(text) AS
    CASE WHEN contains(plain_text(text), '@')
            THEN CASE WHEN NOT email_placeholder(email_canonical(text))
                THEN email_canonical(text) END
        ELSE customer_number_canonical(text) END;

CREATE OR REPLACE MACRO identifier_canonical(type, text) AS CASE type
    WHEN 'identity_code' THEN identity_code_canonical(text)
    WHEN 'business_id' THEN business_id_canonical(text)
    WHEN 'email' THEN email_canonical(text)
    WHEN 'phone' THEN phone_canonical(text)
    WHEN 'customer_number' THEN customer_number_canonical(text)
    WHEN 'visitor_id' THEN visitor_id_canonical(text)
    WHEN 'contact_id' THEN contact_id_canonical(text)
    WHEN 'user_id' THEN user_id_canonical(text)
    WHEN 'visit' THEN text
    ELSE opaque_id(text) END;

CREATE OR REPLACE MACRO identifier_valid(type, value) AS coalesce(CASE type
    WHEN 'identity_code' THEN identity_code_valid(value)
    WHEN 'business_id' THEN business_id_valid(value)
    WHEN 'email' THEN email_valid(value)
    WHEN 'phone' THEN phone_valid(value)
    ELSE value <> '' END, false);

CREATE OR REPLACE MACRO finnish_postcode(text) AS
    regexp_replace(
        regexp_replace(upper(text), '^(?:FIN?|AX)[ -]*([0-9])', '\1'),
        '^([0-9]{2,5})[.,]0+$', '\1');

CREATE OR REPLACE MACRO postcode_canonical(text, country) AS
    CASE WHEN regexp_full_match(text, '[0-9]{5}') AND text <> '00000' THEN text
        WHEN placeholder(plain_text(text)) THEN NULL
        WHEN country IS NOT NULL THEN plain_text(text)
        WHEN regexp_full_match(finnish_postcode(plain_text(text)), '[0-9]{2,4}')
            THEN lpad(finnish_postcode(plain_text(text)), 5, '0')
        ELSE finnish_postcode(plain_text(text)) END;
"""


def macros(country: str) -> str:
    """Return the SQL of all macros; they need `unusual_spelling`.

    National telephone numbers are those of `country`.
    """
    forms = _FORMS
    for place, text in {
        "<usual phones>": _usual_phones(country),
        "<usual address>": _USUAL_ADDRESS,
        "<placeholder>": _PLACEHOLDER,
        "<template>": _TEMPLATE,
        "<damaged>": DAMAGED,
    }.items():
        forms = forms.replace(place, text)
    return VALIDITY + forms


def _usual_phones(country: str) -> str:
    """SQL branches for regular numbers: a known calling code, or the trunk zero of the country.

    The branch depends on the text as it is, so that it is cleaned once.
    """
    branches = []
    for code, (calling, rest) in _NATIONAL.items():
        trunk = "|0" if code == country else ""
        digits = "".join(f"{digit}{_BETWEEN}" for digit in calling)
        prefix = rf"{_BETWEEN}(?:(?:\+|0{_BETWEEN}0){_BETWEEN}{digits}0?{trunk}){_BETWEEN}"
        branches.append(
            f"""WHEN regexp_full_match(text, '{prefix}[1-9](?:{_BETWEEN}[0-9]){rest}{_BETWEEN}')
            THEN regexp_replace(regexp_replace(text, '{_BETWEEN[:-1]}', '', 'g'),
                '^(?:(?:\\+|00){calling}0?{trunk})([1-9][0-9]*)$', '+{calling}\\1')"""
        )
    return "\n        ".join(branches)


def install(
    connection: duckdb.DuckDBPyConnection,
    country: str = "FI",
    time_zone: str = "Europe/Helsinki",
    own: Collection[str] = ("qvik.com",),
) -> None:
    """Register the macros and `unusual_spelling`, once per database; cursors share them.

    Also `local_day(moment)`, the day in the controller's time zone, and `of_controller(contact)`,
    whether a canonical address or number is the controller's.

    Args:
        own: The controller's domains, addresses and telephone numbers.
    """
    connection.create_function(
        "unusual_spelling", function(country), ["VARCHAR", "VARCHAR"], "VARCHAR", type=ARROW
    )
    connection.execute(macros(country))
    connection.execute(
        f"CREATE OR REPLACE MACRO local_day(moment) AS (moment AT TIME ZONE '{time_zone}')::DATE"
    )
    connection.execute(_of_controller(own))


def _of_controller(own: Collection[str]) -> str:
    """The macro `of_controller`."""
    domains = "|".join(re.escape(each) for each in own if "@" not in each and each[0] != "+")
    contacts = [
        f"{'email' if '@' in each else 'phone'}_canonical('{each.replace(chr(39), chr(39) * 2)}')"
        for each in own
        if "@" in each or each[0] == "+"
    ]
    return f"""CREATE OR REPLACE MACRO of_controller(contact) AS
        contact IN ({", ".join(contacts) or "''"})
        OR regexp_full_match(contact, '.*[@.](?:{domains or "-"})')"""
