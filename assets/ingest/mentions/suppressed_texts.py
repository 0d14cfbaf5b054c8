"""Texts that mention somebody on the suppression list, known by nothing but keyed hashes: at
intake, and in a backup.

What may be an identifier is cut out of the texts, made canonical, hashed and compared with the
list. Of an unreadable record every token is tried. Of the others, which are nearly all: e-mail
addresses, identity codes, phones with a plus, a trunk zero or a calling code, ids of letters and
digits, and long numbers in running text. A number that is the whole of a field there is a number of
that field's kind.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.ingest.mentions.attribution import SPELLED, THEIRS, attribute, know_others
from assets.ingest.mentions.decoding import readings
from assets.ingest.mentions.redaction import Redaction
from assets.ingest.mentions.scanning import BATCH_ROWS, HIDING, Prefilter, files_with_texts
from assets.ingest.mentions.spellings import OPAQUE, Spellings, tokens
from assets.ingest.record_matching import OWN
from assets.storage.data_root import DataRoot
from assets.storage.quoting import literal
from schemas.token_rules import (
    AT_IN_WORDS,
    CODES,
    DOT,
    DOT_IN_WORDS,
    DOT_THAT_MAY_END,
    EMAIL_TOKEN,
    JOINED_ID,
    NUMBER_GROUPS,
    NUMBER_TOKEN,
    PARTED_ID,
    QUOTED_SIGN,
    SPREADSHEET,
)

# By type: what a token looks like, and what its text must contain so that the expression is tried.
_TOKENS = {
    "email": (EMAIL_TOKEN, "contains(text, '@')"),
    "identity_code": (r"\b[0-9]{6} ?[-+A-FU-Ya-fu-y]? ?[0-9]{3} ?[0-9A-Za-z]\b", "true"),
    "number": (NUMBER_TOKEN, "true"),
    "id": (
        r"\b(?:(?:[A-Za-z]+[-_:])*[A-Za-z]+[-_]?[0-9]|[0-9]+[-_]?[A-Za-z])[0-9A-Za-z_-]*\b",
        "true",
    ),
    "parted_id": (PARTED_ID, "true"),
    "spreadsheet": (SPREADSHEET, "true"),
    "joined_id": (JOINED_ID, "true"),
}
_READ_OTHERWISE = (
    rf"{HIDING}|{AT_IN_WORDS}|{QUOTED_SIGN}|@.*{DOT_IN_WORDS}|{DOT_IN_WORDS}.*@|。|｡"
    rf"|{SPREADSHEET}"
    r"|\p{Cf}|\p{Pd}|−|[0-9@.-]\\+[nrtu]|&(?:[nm]?dash|minus|nbsp|hyphen|commat|period);"
)
_NUMBER_IN_TEXT = r"[A-Za-z=/#] ?([0-9]{8,})\b"
_CHECK = (
    "substr('0123456789ABCDEFHJKLMNPRSTUVWXY', (TRY_CAST(digits AS BIGINT) % 31)::INTEGER + 1, 1)"
)
_SIGNS = list("-+YXWVUABCDEF")
_MOST_GROUPS = 18
_WHOLE_CODE = "[0-9]{6}[-+A-FU-Y]?[0-9]{3}[0-9A-Z]?"


def prepare(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Make `registered_others` and the macro `country_of_phones`; call
    `suppression.prepare` as well.
    """
    know_others(data_root, connection)
    connection.execute(
        f"CREATE OR REPLACE TEMP MACRO country_of_phones() AS '{data_root.policy.country}'"
    )


def find_listed(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> Redaction | None:
    """Make `theirs(record_no)`, records to keep out; returns how to redact the others, or None when
    nobody is mentioned.

    Args:
        rows: Records as raw has them.
    """
    connection.execute(THEIRS.create_empty())
    texts = rows["payload"].combine_chunks()
    unreadable = texts.filter(pc.greater(pc.list_value_length(rows["faults"]), 0).combine_chunks())
    identifiers = listed_in(connection, texts, unreadable.to_pylist())
    if not identifiers:
        return None
    spellings = Spellings(map(as_mentioned, identifiers), _country(connection))
    candidates = rows.take(pa.array(Prefilter(spellings.fragments).candidates(texts)))
    connection.execute(
        f"{SPELLED.create} AS SELECT unnest($1::VARCHAR[]) AS identifier",
        [sorted(identifiers)],
    )
    records = attribute(connection, candidates, spellings)
    return Redaction(spellings, records) if records else None


def as_mentioned(identifier: str) -> str:
    """The identifier as texts have it, of one that is listed as an account's own."""
    return identifier.removeprefix("own_")


def _country(connection: duckdb.DuckDBPyConnection) -> str:
    row = connection.execute("SELECT country_of_phones()").fetchone()
    return str(row[0]) if row else ""


def listed_in(
    connection: duckdb.DuckDBPyConnection, texts: pa.Array, unreadable: Iterable[str] = ()
) -> set[str]:
    """The identifiers in texts that are on the list and have not come back; every token of those
    that are `unreadable`. An account of two people is listed, and returned, as its own
    (`record_matching.OWN`): it is redacted, and attributes nothing.
    """
    connection.register("texts", pa.table({"text": _decoded(texts)}))
    cut = [
        f"""SELECT '{kind}' AS kind, unnest(regexp_extract_all(text, {literal(pattern)})) AS token
        FROM texts WHERE {condition}"""
        for kind, (pattern, condition) in _TOKENS.items()
    ]
    cut.append(f"SELECT 'id', unnest(regexp_extract_all(text, '{_NUMBER_IN_TEXT}', 1)) FROM texts")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE cut AS SELECT DISTINCT * FROM ({' UNION ALL '.join(cut)})"
    )
    connection.unregister("texts")
    more = {
        ("id" if kind in OPAQUE else kind, token)
        for text in unreadable
        for kind, token in tokens(text)
    }
    if more:
        connection.execute(
            "INSERT INTO cut SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[])",
            [list(column) for column in zip(*sorted(more), strict=True)],
        )
    for name, query in (
        ("spreadsheet_numbers", _SPREADSHEET_NUMBERS),
        ("numbers", _NUMBERS),
        ("phones", _PHONES),
        ("codes", _CODES),
        ("emails", _EMAILS),
        ("ids", _IDS),
    ):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
    rows = connection.execute(
        f"""WITH named AS (
            SELECT unnest(['email:' || form, 'user_id:' || form]) AS identifier
            FROM (SELECT email_canonical(address) AS form FROM emails)
            UNION ALL
            SELECT 'phone:' || phone_canonical(number) FROM phones
            UNION ALL
            SELECT unnest(['customer_number:' || upper(id), 'contact_id:' || id,
                CASE WHEN NOT parted THEN 'user_id:' || upper(id) END,
                CASE WHEN NOT parted THEN 'visitor_id:' || lower(id) END])
            FROM (SELECT opaque_id(token) AS id, parted FROM ids)
            UNION ALL
            SELECT 'identity_code:' || left(digits, 6)
                || unnest(CASE WHEN sign = '' THEN {_SIGNS} ELSE [sign] END)
                || right(digits, 3) || {_CHECK}
            FROM codes WHERE (sign <> '' AND compact) OR given = {_CHECK})
        SELECT DISTINCT identifier
        FROM (SELECT identifier, unnest(listed_forms(identifier)) AS form
            FROM (SELECT identifier FROM named WHERE identifier IS NOT NULL
                UNION SELECT 'own_' || identifier FROM named
                    WHERE 'own_' || split_part(identifier, ':', 1) IN {OWN}))
        JOIN suppressed ON token = suppression_token(form) WHERE NOT returned"""
    ).fetchall()
    return {identifier for (identifier,) in rows}


# `spreadsheet_numbers(digits)`: those of which a spreadsheet has dropped no digit.
_SPREADSHEET_NUMBERS = """SELECT DISTINCT mantissa[1] || substr(mantissa, 3) AS digits
    FROM (
        SELECT split_part(lower(token), 'e', 1) AS mantissa,
            TRY_CAST(ltrim(split_part(lower(token), 'e', 2), '+') AS INTEGER) AS exponent
        FROM cut WHERE kind = 'spreadsheet')
    WHERE strlen(mantissa) = exponent + 2"""
# `numbers(number, rest)`: what may be one number of a number token; `rest` goes on to its end.
_NUMBERS = f"""SELECT DISTINCT array_to_string(list_slice(groups, first, last), '') AS number,
        last = len(groups) OR last = first + {_MOST_GROUPS - 1} AS rest
    FROM (
        SELECT groups, first,
            unnest(range(first, least(first + {_MOST_GROUPS}, len(groups) + 1))) AS last
        FROM (
            SELECT groups, unnest(range(1, len(groups) + 1)) AS first
            FROM (
                SELECT DISTINCT regexp_extract_all(token, '{NUMBER_GROUPS}') AS groups
                FROM cut WHERE kind = 'number')))
    WHERE last = len(groups) OR last = first + {_MOST_GROUPS - 1}
        OR groups[first][1] IN ('+', '0', '3', '4')"""
_PHONES = """SELECT number FROM numbers
    WHERE regexp_full_match(number, '(?:\\+|00?|358|46)[1-9][0-9]{5,15}')
    UNION SELECT token FROM cut WHERE kind = 'phone'
    UNION SELECT '+' || digits FROM spreadsheet_numbers"""
_ENDS = ", ".join(
    f"regexp_replace({ended}, {literal(DOT)}, '.', 'g')"
    for ended in ("domain", "parts[1]", "parts[1] || '.' || parts[2]")
)
_EMAILS = rf"""SELECT DISTINCT regexp_replace(begun, '^[^\pL\pN]+', '') || '@' || ended AS address
    FROM (
        SELECT ended, unnest(list_distinct([local, regexp_extract(local, '[^=&/?`]+$'),
            CASE WHEN contains(local, '=') THEN regexp_extract(local, '[^=&/?`+]+$') END]))
                AS begun
        FROM (
            SELECT rtrim(split_part(token, '@', 1)) AS local,
                unnest(list_distinct([{_ENDS},
                    regexp_replace(domain, '-[^.]*$', '')])) AS ended
            FROM (
                SELECT token, ltrim(split_part(token, '@', 2)) AS domain,
                    regexp_split_to_array(ltrim(split_part(token, '@', 2)),
                        {literal(DOT_THAT_MAY_END)}) AS parts
                FROM cut WHERE kind = 'email')))"""
# Digits in groups that begin with a zero, or are a day, are no id.
_IDS = """SELECT token, false AS parted
    FROM cut WHERE kind = 'id' AND strlen(token) BETWEEN 5 AND 64
    UNION SELECT regexp_replace(token, '[^0-9A-Za-z]', '', 'g'), true
    FROM cut WHERE kind = 'parted_id'
        AND NOT regexp_matches(token, '^0|^(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}')
    UNION SELECT digits, false FROM spreadsheet_numbers
    UNION SELECT unnest([regexp_replace(token, '[._/#]', '-'),
        regexp_replace(token, '[./#-]', '_')]), false
    FROM cut WHERE kind = 'joined_id' AND strlen(token) BETWEEN 5 AND 64"""
_READ_CODES = ", ".join(
    f"CASE WHEN regexp_matches(code, '{pattern}')"
    f" THEN regexp_replace(code, '{pattern}', '{form}') END"
    for pattern, form in CODES
)
# A wrong check character is a mistake in a code that shows its sign, as a whole token.
_CODES = f"""SELECT DISTINCT parts[1] || parts[3] AS digits, parts[2] AS sign, parts[4] AS given,
        false AS compact
    FROM (
        SELECT string_split(unnest([{_READ_CODES}]), '|') AS parts
        FROM (SELECT DISTINCT upper(number) AS code FROM numbers
            WHERE rest AND strlen(number) >= 9))
    WHERE parts IS NOT NULL
    UNION ALL
    SELECT left(code, 6) || left(substr(code, if(signed, 8, 7)), 3), if(signed, code[7], ''),
        right(code, 1), signed
    FROM (
        SELECT code, regexp_matches(code, '^[0-9]{{6}}[-+A-FU-Y]') AS signed
        FROM (SELECT upper(replace(plain_text(token), ' ', '')) AS code FROM cut
            WHERE kind = 'identity_code')
        WHERE regexp_full_match(code, '{_WHOLE_CODE}')
            AND TRY_CAST(left(code, 2) AS INTEGER) BETWEEN 1 AND 31
            AND TRY_CAST(substr(code, 3, 2) AS INTEGER) BETWEEN 1 AND 12)"""


def listed_in_lake(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The identifiers on the list that any text of raw or staged mentions. Reads all of them."""
    identifiers: set[str] = set()
    for _, path, columns in files_with_texts(data_root):
        with pq.ParquetFile(path) as file:
            readable = "faults" not in file.schema_arrow.names
            for batch in file.iter_batches(
                BATCH_ROWS, columns=columns if readable else [*columns, "faults"]
            ):
                for column in columns:
                    texts = batch.column(column).drop_null()
                    odd = (
                        []
                        if readable
                        else batch.filter(pc.greater(pc.list_value_length(batch["faults"]), 0))[
                            column
                        ].to_pylist()
                    )
                    identifiers |= listed_in(connection, texts, odd)
    return identifiers


def _decoded(texts: pa.Array) -> pa.Array:
    hiding = pc.match_substring_regex(texts, _READ_OTHERWISE)
    plain = [
        "\n".join(reading.text for reading in readings(text))
        for text in texts.filter(hiding).to_pylist()
    ]
    return pc.replace_with_mask(texts, hiding, pa.array(plain, texts.type)) if plain else texts
