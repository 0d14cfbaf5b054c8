"""What in a text may be an identifier, in canonical form, to be compared with keyed hashes.

After an erasure its registrant is no longer known. So every text is split into all that has the
form of an identity code, an address, a telephone or a number, whatever its spelling, each distinct
one is hashed once, and the hashes are compared with the suppression list. Rather too much is cut
than too little: what is on the list is confirmed on the text (`spellings`).
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
from duckdb.func import ARROW

from assets.erasure.proof.text_search import READ_OTHERWISE, SPECIAL, plain_texts
from assets.storage.data_root import DataRoot
from assets.storage.quoting import literal
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import not_used_again
from schemas.token_rules import (
    AT_IN_WORDS,
    CODES,
    DOT,
    DOT_IN_WORDS,
    DOT_THAT_MAY_END,
    EMAIL_IN_WORDS,
    EMAIL_TOKEN,
    JOINED_ID,
    NUMBER_GROUPS,
    NUMBER_TOKEN,
    PARTED_ID,
    WORD,
)

_CHECK = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_CENTURIES = list("-+YXWVUABCDEF")
_MOST_GROUPS = 18
_CODE = "[0-3][0-9] ?[01][0-9] ?[0-9]{2} *[-+A-FU-Y]? *[0-9]{3} ?[0-9A-Z]?"

TEXT_TOKENS = Relation(
    name="text_tokens",
    summary="What may be an identifier in texts of a mart or file.",
    columns={"identifier": "VARCHAR"},
    scope=Scope.COMPONENT,
)


def prepare(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Make the function `plain_text_of(text)` and the macros that `find` uses."""
    not_used_again(connection)
    connection.create_function("unescaped_text", _unescaped, ["VARCHAR"], "VARCHAR", type=ARROW)
    hidden = f"{SPECIAL}|{READ_OTHERWISE}"
    connection.execute(
        f"""CREATE OR REPLACE TEMP MACRO plain_text_of(text) AS
        CASE WHEN regexp_full_match(text, '[ -~]*') AND NOT regexp_matches(text, {literal(hidden)})
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
        "emails": f"regexp_extract_all(lower(text), {literal(EMAIL_TOKEN)})",
        "emails_in_words": f"regexp_extract_all(lower(text), {literal(EMAIL_IN_WORDS)})",
        "numbers": f"regexp_extract_all(text, {literal(NUMBER_TOKEN)})",
        "codes": f"regexp_extract_all(upper(text), '{_CODE}')",
        "words": f"regexp_extract_all(text, '{WORD}')",
        "parted": f"regexp_extract_all(text, {literal(PARTED_ID)})",
        "joined": f"regexp_extract_all(text, {literal(JOINED_ID)})",
    }
    for name, expression in parts.items():
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE {name} AS
            SELECT DISTINCT part FROM (SELECT unnest({expression}) AS part FROM plain_texts)"""
        )
    for name, query in (("number_groups", _NUMBER_GROUPS), ("number_ends", _NUMBER_ENDS)):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
    identifiers = (_EMAILS, _PHONES, _CODES, _CODES_IN_GROUPS, _WORDS, _PARTED)
    connection.execute(
        f"""{TEXT_TOKENS.create} AS
        SELECT identifier FROM ({" UNION ALL ".join(identifiers)})
        WHERE identifier IS NOT NULL"""
    )


# What an address may begin with is also what a URL, a list or a quotation has before it; behind a
# letter or digit it is a part of the address, which is then somebody else's. A domain may end where
# a sentence does.
_ENDS = ", ".join(
    f"regexp_replace({ended}, {literal(DOT)}, '.', 'g')"
    for ended in ("domain", "parts[1]", "parts[1] || '.' || parts[2]")
)
_EMAILS = rf"""SELECT unnest(['email:' || address, 'user_id:' || address]) AS identifier
    FROM (
        SELECT email_canonical(regexp_replace(begun, '^[^\pL\pN]+', '') || '@' || ended) AS address
        FROM (
            SELECT ended, unnest(list_distinct([local, regexp_extract(local, '[^=&/?`]+$'),
                CASE WHEN contains(local, '=') THEN regexp_extract(local, '[^=&/?`+]+$') END]))
                    AS begun
            FROM (
                SELECT local, unnest(list_distinct([{_ENDS},
                    regexp_replace(domain, '-[^.]*$', '')])) AS ended
                FROM (
                    SELECT *, regexp_split_to_array(domain, {literal(DOT_THAT_MAY_END)}) AS parts
                    FROM (
                        SELECT ltrim(split_part(whole, '@', 2)) AS domain,
                            regexp_replace(rtrim(split_part(whole, '@', 1)),
                                {literal(DOT_IN_WORDS)}, '.', 'g') AS local
                        FROM (
                            SELECT part AS whole FROM emails
                            UNION SELECT regexp_replace(part, {literal(AT_IN_WORDS)}, '@')
                            FROM emails_in_words))))))"""
# `number_groups(rest)`: a number token from each of its groups on; `number_ends(number)`: what may
# be one telephone of it.
_GROUPS = f"SELECT regexp_extract_all(part, '{NUMBER_GROUPS}') AS groups FROM numbers"
_NUMBER_GROUPS = f"""SELECT DISTINCT
        array_to_string(list_slice(groups, first, first + {_MOST_GROUPS}), '') AS rest
    FROM (SELECT groups, unnest(range(1, len(groups) + 1)) AS first FROM ({_GROUPS}))
    WHERE groups[first][1] BETWEEN '0' AND '9'"""
_NUMBER_ENDS = f"""SELECT DISTINCT number
    FROM (
        SELECT array_to_string(list_slice(groups, first, last), '') AS number
        FROM (
            SELECT groups, first,
                unnest(range(first, least(first + {_MOST_GROUPS}, len(groups) + 1))) AS last
            FROM (SELECT groups, unnest(range(1, len(groups) + 1)) AS first FROM ({_GROUPS}))
            WHERE groups[first][1] IN ('+', '0', '3', '4')))
    WHERE regexp_full_match(number, '(?:\\+|00?|358|46)[1-9][0-9]{{5,15}}')"""
_PHONES = """SELECT 'phone:' || phone_canonical(number) AS identifier FROM number_ends
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
# In groups, or with its century: the check character must be right.
_READ_CODES = ", ".join(
    f"CASE WHEN regexp_matches(code, '{pattern}')"
    f" THEN regexp_replace(code, '{pattern}', '{form}') END"
    for pattern, form in CODES
)
_CODES_IN_GROUPS = f"""SELECT 'identity_code:' || parts[1]
        || unnest(CASE WHEN parts[2] = '' THEN {_CENTURIES} ELSE [parts[2]] END)
        || parts[3] || parts[4]
    FROM (
        SELECT DISTINCT string_split(unnest([{_READ_CODES}]), '|') AS parts
        FROM (SELECT upper(rest) AS code FROM number_groups WHERE strlen(rest) >= 9))
    WHERE parts[4] =
        substr('{_CHECK}', ((parts[1] || parts[3])::BIGINT % 31)::INTEGER + 1, 1)"""
_WORDS = """SELECT unnest(list_distinct(['customer_number:' || upper(word),
        'customer_number:' || lower(word), 'user_id:' || upper(word), 'user_id:' || lower(word),
        'contact_id:' || CASE
            WHEN length(word) = 15 AND starts_with(word, '003') THEN contact_id_canonical(word)
            ELSE word END, 'visitor_id:' || lower(word)])) AS identifier
    FROM (
        SELECT part AS word FROM words
        UNION SELECT unnest(regexp_extract_all(part, '[0-9A-Za-z]+')) FROM words
        WHERE NOT regexp_full_match(part, '[0-9A-Za-z]+')
            AND NOT regexp_matches(part, '[0-9][A-Za-z]*[_:-][A-Za-z]*[0-9]')
        UNION SELECT unnest([regexp_replace(part, '[._/#]', '-'),
            regexp_replace(part, '[./#-]', '_')]) FROM joined)
    WHERE strlen(word) BETWEEN 5 AND 64
        AND NOT regexp_matches(word, '^[0-9]{4}-[0-9]{2}-[0-9]{2}')
        AND regexp_matches(word, '[0-9].*[0-9].*[0-9]|[A-Za-z].*[0-9]|[0-9].*[A-Za-z]')"""
_PARTED = """SELECT unnest(['customer_number:' || upper(joined), 'contact_id:' || joined])
    FROM (SELECT DISTINCT regexp_replace(part, '[^0-9A-Za-z]', '', 'g') AS joined FROM parted)"""
