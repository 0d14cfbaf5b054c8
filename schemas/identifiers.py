"""The identifiers that people are known by: their one canonical form, and when they are valid.

Written once, as DuckDB macros, so that sources, matching, suppression and validation cannot disagree. All are
null-safe: null in, null out. An identifier is handed around as text `<type>:<canonical value>`.

Source: formats.md, section 2 (the century sign is part of a Finnish identity code and never normalised away);
e-mail addresses keep their local part as written where they are shown, the matching key is lower-case.
"""

from __future__ import annotations

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

# Those with a canonical form and a validity of their own: the macros `<type>_canonical` and `<type>_valid`.
CANONICAL = ("identity_code", "email", "phone")

MACROS = """
CREATE OR REPLACE MACRO identity_code_canonical(text) AS upper(trim(text));

CREATE OR REPLACE MACRO identity_code_birth_date(code) AS
    TRY_CAST(
        CASE
            WHEN substr(code, 7, 1) = '+' THEN '18'
            WHEN contains('-YXWVU', substr(code, 7, 1)) THEN '19'
            WHEN contains('ABCDEF', substr(code, 7, 1)) THEN '20'
        END || substr(code, 5, 2) || '-' || substr(code, 3, 2) || '-' || substr(code, 1, 2) AS DATE);

CREATE OR REPLACE MACRO identity_code_valid(code) AS
    CASE WHEN code IS NOT NULL THEN
        regexp_full_match(code, '[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]')
        AND coalesce(TRY_CAST(substr(code, 8, 3) AS INTEGER) >= 2, false)
        AND coalesce(substr('0123456789ABCDEFHJKLMNPRSTUVWXY',
                     (TRY_CAST(substr(code, 1, 6) || substr(code, 8, 3) AS BIGINT) % 31)::INTEGER + 1, 1)
                     = substr(code, 11, 1), false)
        AND identity_code_birth_date(code) IS NOT NULL
    END;

CREATE OR REPLACE MACRO business_id_canonical(text) AS
    CASE WHEN length(trim(text)) < 9 THEN lpad(upper(trim(text)), 9, '0') ELSE upper(trim(text)) END;

CREATE OR REPLACE MACRO business_id_valid(code) AS
    CASE WHEN code IS NULL THEN NULL
        WHEN NOT regexp_full_match(code, '[0-9]{7}-[0-9]') OR code = '0000000-0' THEN false
        ELSE list_contains([0, 11], list_dot_product(
            list_transform(string_split(substr(code, 1, 7), ''), lambda digit: coalesce(TRY_CAST(digit AS DOUBLE), 0)),
            [7.0, 9.0, 10.0, 5.0, 8.0, 4.0, 2.0])::INTEGER % 11 + TRY_CAST(substr(code, 9, 1) AS INTEGER))
    END;

CREATE OR REPLACE MACRO email_canonical(text) AS lower(trim(text));

CREATE OR REPLACE MACRO email_valid(address) AS
    length(address) <= 254 AND strpos(address, '@') <= 65 AND NOT contains(address, '..')
    AND regexp_full_match(address, '[^\\s@,;<>"()]+@[\\pL\\pN][\\pL\\pN.-]*\\.[\\pL]+');

CREATE OR REPLACE MACRO phone_canonical(text) AS
    regexp_replace(regexp_replace(regexp_replace(
        regexp_replace(trim(text), '^(\\+\\s*358\\s*\\(0\\))', '+358'),
        '[\\s()/.-]', '', 'g'), '^00', '+'), '^0', '+358');

CREATE OR REPLACE MACRO phone_valid(number) AS regexp_full_match(number, '\\+[1-9][0-9]{6,14}');
"""
