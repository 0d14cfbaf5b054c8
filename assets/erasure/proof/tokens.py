"""What in a text may be an identifier, in canonical form, to be compared with keyed hashes.

After an erasure nobody knows whom it was about. So every text is taken apart into all that has the
form of an identity code, an address, a telephone or a number, whatever its spelling, each distinct
one is hashed once, and the hashes are compared with the suppression list.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
from duckdb.func import ARROW

from assets.erasure.proof.text_search import SPECIAL, plain_texts
from assets.storage.data_root import Home

_OPAQUE = ("customer_number", "contact_id", "user_id", "visitor_id")
_CHECK = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_WORD = "[0-9A-Za-z]+(?:[_:-][0-9A-Za-z]+)*"
_EMAIL = r"[\pL\pN.!#$%&''*+/=?^_`{|}~-]+ *(?:@|[(\[] *at *[)\]]| at ) *[\pL\pN-]+(?:\.[\pL\pN-]+)+"
_PHONE = r"(?:\+|0)[ (]*[0-9](?:[ ()./-]*[0-9]){6,14}"
_CODE = "[0-3][0-9] ?[01][0-9] ?[0-9]{2} *[-+A-FU-Y]? *[0-9]{3} ?[0-9A-Z]?"


def prepare(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Make the function `plain_text_of(text)` and the macros that `find` uses."""
    connection.create_function("unescaped_text", _unescaped, ["VARCHAR"], "VARCHAR", type=ARROW)
    connection.execute(
        f"""CREATE OR REPLACE TEMP MACRO plain_text_of(text) AS
        CASE WHEN regexp_full_match(text, '[ -~]*') AND NOT regexp_matches(text, '{SPECIAL}')
            THEN text ELSE unescaped_text(text) END"""
    )


def _unescaped(texts: pa.ChunkedArray) -> pa.Array:
    return plain_texts(texts)


def find(connection: duckdb.DuckDBPyConnection, texts: str) -> None:
    """Make `text_tokens(identifier)`: what may be an identifier in the query `texts` (column
    `text`).

    Each distinct text is taken apart once. `prepare` comes first.
    """
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE plain_texts AS
        SELECT DISTINCT plain_text_of(text) AS text FROM ({texts}) WHERE strlen(text) >= 5"""
    )
    parts = {
        "emails": f"regexp_extract_all(lower(text), '{_EMAIL}')",
        "phones": f"regexp_extract_all(text, '{_PHONE}')",
        "codes": f"regexp_extract_all(upper(text), '{_CODE}')",
        "words": f"regexp_extract_all(text, '{_WORD}')",
    }
    for name, expression in parts.items():
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE {name} AS
            SELECT DISTINCT part FROM (SELECT unnest({expression}) AS part FROM plain_texts)"""
        )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE text_tokens AS
        SELECT DISTINCT identifier FROM (
            {_EMAILS} UNION ALL {_PHONES} UNION ALL {_CODES} UNION ALL {_WORDS})
        WHERE identifier IS NOT NULL"""
    )


# What an address may begin with is also what a URL, a list or a quotation has before it; behind a
# letter or digit it is a part of the address, which is then somebody else's.
_EMAILS = r"""SELECT unnest(['email:' || address, 'user_id:' || address]) AS identifier
    FROM (SELECT email_canonical(regexp_replace(unnest([
            whole, regexp_extract(whole, '[^=&/?@]+@.*'),
            CASE WHEN contains(whole, '=') THEN regexp_extract(whole, '[^=&/?+@]+@.*') END
        ]), '^[^\pL\pN]+', '')) AS address
        FROM (SELECT regexp_replace(part, ' *(?:@|[(\[] *at *[)\]]| at ) *', '@') AS whole
            FROM emails))"""
_PHONES = """SELECT 'phone:' || phone_canonical(part) FROM phones
    UNION ALL
    SELECT 'phone:+' || part
    FROM words WHERE regexp_full_match(part, '[1-9][0-9]{6,14}')"""
# A wrong or missing check character is mended, where the century sign makes it an identity code.
_CODES = f"""SELECT 'identity_code:' || left(digits, 6) || century || right(digits, 3) || proper
    FROM (
        SELECT digits, given, sign, unnest(CASE WHEN sign = '' THEN ['-', 'A', '+'] ELSE [sign] END)
                AS century,
            substr('{_CHECK}', (digits::BIGINT % 31)::INTEGER + 1, 1) AS proper
        FROM (
            SELECT regexp_replace(left(code, length(code) - strlen(given)), '[^0-9]', '', 'g')
                    AS digits,
                regexp_extract(code, '^[0-9]{{6}}([-+A-FU-Y]?)', 1) AS sign, given
            FROM (SELECT code, regexp_extract(code, '^[0-9]{{6}}[-+A-FU-Y]?[0-9]{{3}}(.?)', 1)
                    AS given
                FROM (SELECT replace(part, ' ', '') AS code FROM codes))))
    WHERE length(digits) = 9 AND (sign <> '' OR given = proper)"""
_WORDS = f"""SELECT DISTINCT type || ':' || written
    FROM (
        SELECT unnest(list_distinct([word, upper(word), lower(word)])) AS written
        FROM (
            SELECT part AS word FROM words
            UNION SELECT unnest(regexp_extract_all(part, '[0-9A-Za-z]+')) FROM words
            WHERE NOT regexp_matches(part, '[0-9][A-Za-z]*[_:-][A-Za-z]*[0-9]'))
        WHERE strlen(word) BETWEEN 5 AND 64 AND regexp_matches(word, '[0-9].*[0-9].*[0-9]')),
        (SELECT unnest({list(_OPAQUE)}) AS type)"""
