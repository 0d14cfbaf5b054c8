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

from assets.ingest.mentions.attribution import attribute, know_others
from assets.ingest.mentions.decoding import readings
from assets.ingest.mentions.redaction import Redaction
from assets.ingest.mentions.scanning import BATCH_ROWS, HIDING, Prefilter, files_with_texts
from assets.ingest.mentions.spellings import OPAQUE, Spellings, tokens
from assets.ingest.mentions.tokens import phone_tokens
from assets.storage.data_root import Home
from schemas.token_rules import AT_IN_WORDS, QUOTED_SIGN

_LETTER = r"A-Za-z0-9\x{80}-\x{10ffff}"
# By type: what a token looks like, and what its text must contain so that the expression is tried.
_TOKENS = {
    "email": (rf"[{_LETTER}._%+''-]+ ?@ ?[{_LETTER}][{_LETTER}.-]+", "contains(text, '@')"),
    "identity_code": (r"\b[0-9]{6} ?[-+A-FU-Ya-fu-y]? ?[0-9]{3} ?[0-9A-Za-z]\b", "true"),
    "phone": (r"(?:\+|\b00|\b0|\b358|\b46)[1-9(][0-9 ()./+-]{4,22}[0-9]\b", "true"),
    "id": (r"\b(?:[A-Za-z]+[-_]?[0-9]|[0-9]+[-_]?[A-Za-z])[0-9A-Za-z_-]{3,}\b", "true"),
}
_READ_OTHERWISE = f"{HIDING}|{AT_IN_WORDS}|{QUOTED_SIGN}|。|｡"
_NUMBER_IN_TEXT = r"[A-Za-z=/#] ?([0-9]{8,})\b"
_CHECK = (
    "substr('0123456789ABCDEFHJKLMNPRSTUVWXY', (TRY_CAST(digits AS BIGINT) % 31)::INTEGER + 1, 1)"
)
_SIGNS = list("-+YXWVUABCDEF")


def prepare(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Make known to the connection who is in the register, and the country; `suppression.prepare`
    comes besides.
    """
    know_others(home, connection)
    connection.execute(
        f"CREATE OR REPLACE TEMP MACRO country_of_phones() AS '{home.policy.country}'"
    )


def find_listed(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> Redaction | None:
    """Make `theirs(record_no)`, records to keep out; returns how to redact the others, or None when
    nobody is mentioned.

    Args:
        rows: Records as raw has them.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE theirs (record_no BIGINT)")
    texts = rows["payload"].combine_chunks()
    unreadable = texts.filter(pc.greater(pc.list_value_length(rows["faults"]), 0).combine_chunks())
    identifiers = listed_in(connection, texts, unreadable.to_pylist())
    if not identifiers:
        return None
    spellings = Spellings(identifiers, _country(connection))
    found = rows.take(pa.array(Prefilter(spellings.fragments).candidates(texts)))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE spelled AS SELECT unnest($1::VARCHAR[]) AS identifier",
        [sorted(identifiers)],
    )
    records = attribute(connection, found, spellings)
    return Redaction(spellings, records) if records else None


def _country(connection: duckdb.DuckDBPyConnection) -> str:
    row = connection.execute("SELECT country_of_phones()").fetchone()
    return str(row[0]) if row else ""


def listed_in(
    connection: duckdb.DuckDBPyConnection, texts: pa.Array, unreadable: Iterable[str] = ()
) -> set[str]:
    """The identifiers in texts that are on the list and have not come back; every token of those
    that are `unreadable`.
    """
    connection.register("texts", pa.table({"text": _decoded(texts)}))
    cut = [
        f"""SELECT '{kind}' AS kind, unnest(regexp_extract_all(text, '{pattern}')) AS token
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
    _find_phones(connection)
    rows = connection.execute(
        f"""WITH codes AS (
            SELECT *, left(code, 6) || left(substr(code, if(signed, 8, 7)), 3) AS digits
            FROM (
                SELECT code, regexp_matches(code, '^[0-9]{{6}}[-+A-FU-Y]') AS signed
                FROM (SELECT upper(replace(plain_text(token), ' ', '')) AS code FROM cut
                    WHERE kind = 'identity_code')
                WHERE regexp_full_match(code, '[0-9]{{6}}[-+A-FU-Y]?[0-9]{{3}}[0-9A-Z]?')
                    AND TRY_CAST(left(code, 2) AS INTEGER) BETWEEN 1 AND 31
                    AND TRY_CAST(substr(code, 3, 2) AS INTEGER) BETWEEN 1 AND 12)),
        named AS (
            SELECT unnest(['email:' || form, 'user_id:' || form]) AS identifier
            FROM (SELECT email_canonical(ltrim(token, '''.')) AS form FROM cut WHERE kind = 'email')
            UNION ALL
            SELECT 'phone:' || form FROM phones
            UNION ALL
            SELECT type || ':' || identifier_canonical(type, token)
            FROM cut CROSS JOIN (SELECT unnest({list(OPAQUE)!r}) AS type) WHERE kind = 'id'
            UNION ALL
            SELECT 'identity_code:' || left(code, 7) || right(digits, 3) || {_CHECK}
            FROM codes WHERE signed
            UNION ALL
            SELECT 'identity_code:' || left(digits, 6) || unnest({_SIGNS}) || right(digits, 3)
                || {_CHECK}
            FROM codes WHERE NOT signed AND right(code, 1) = {_CHECK})
        SELECT DISTINCT identifier
        FROM (SELECT identifier, unnest(listed_forms(identifier)) AS form
            FROM (SELECT DISTINCT identifier FROM named WHERE identifier IS NOT NULL))
        JOIN suppressed ON token = suppression_token(form) WHERE NOT returned"""
    ).fetchall()
    return {identifier for (identifier,) in rows}


def listed_in_lake(home: Home, connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The identifiers on the list that any text of raw or staged mentions. Reads all of them."""
    found: set[str] = set()
    for _, path, columns in files_with_texts(home):
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
                    found |= listed_in(connection, texts, odd)
    return found


def _find_phones(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `phones(token, form)`: of a token that is no phone as a whole, the parts that may be
    one.
    """
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE phones AS
        SELECT token, phone_canonical(token) AS form FROM cut WHERE kind = 'phone'"""
    )
    rows = connection.execute(
        """SELECT token FROM phones
        WHERE contains(token, ' ') AND NOT coalesce(phone_valid(form), false)"""
    ).fetchall()
    parts = {
        token[number.begin : number.end] for (token,) in rows for number in phone_tokens(token)
    } - {token for (token,) in rows}
    if parts:
        connection.execute(
            """INSERT INTO phones SELECT token, phone_canonical(token)
            FROM (SELECT unnest($1::VARCHAR[]) AS token)""",
            [sorted(parts)],
        )


def _decoded(texts: pa.Array) -> pa.Array:
    hiding = pc.match_substring_regex(texts, _READ_OTHERWISE)
    plain = [
        "\n".join(reading.text for reading in readings(text))
        for text in texts.filter(hiding).to_pylist()
    ]
    return pc.replace_with_mask(texts, hiding, pa.array(plain, texts.type)) if plain else texts
