"""Which pairs of records are worth comparing: the records made comparable, and exact keys that likely pairs share.

Each pass gives every record a key or a few; records with one key are a block. A block of more than `CAP` records is
dropped and counted, so that the pairs are at most passes x CAP x records, whatever the data hold. Works on the tables
`bases(id, base, code)`, `persons_known(id, ...)` and `held(id, type, value)` that linkage.py makes.
"""

from __future__ import annotations

import duckdb

from assets.register.agreement import EMAIL, PHONE, SHARES, SOLE_EMAIL, SOLE_PHONE, level_of

CAP = 50
# A mailbox or telephone of this many people says nothing about who someone is.
TOO_MANY_PEOPLE = 3
# So many records on one contact are not a family; they are not looked at one by one.
CONTACT_CAP = 60
# Street name and house number: up to the first number after a letter (3. linja 5 A 12 -> 3. linja 5), else all of it.
NAME_AND_NUMBER = "regexp_extract(street, '^.*?\\pL.*?\\d+|^.*')"
# How many imaginary people of ordinary names smooth the shares of small data.
SMOOTHING = 1000

# Each gives `key, id`. First names come in all forms that a record might be found by (`names`: first, call name, ...).
PASSES = (
    # Name mistyped or changed.
    "SELECT hash(1, birth, family[1:3]) AS key, id FROM personae WHERE birth IS NOT NULL AND family IS NOT NULL",
    # Married, moved.
    "SELECT hash(2, birth, name) AS key, id FROM (SELECT id, birth, unnest(names) AS name FROM personae WHERE birth IS NOT NULL)",
    # Surname changed or mistyped, no birth date; initials.
    """SELECT hash(3, postcode, building, initial) AS key, id FROM (
        SELECT id, postcode, building, unnest(list_distinct(list_transform(names, lambda name: name[1]))) AS initial
        FROM personae WHERE postcode IS NOT NULL AND building IS NOT NULL)""",
    # Street written otherwise; first name and surname in either order.
    """SELECT hash(4, postcode, least(family, name), greatest(family, name)) AS key, id FROM (
        SELECT id, postcode, family, unnest(names) AS name FROM personae WHERE postcode IS NOT NULL AND family IS NOT NULL)""",
    # Postcode wrong or missing.
    """SELECT hash(5, building, town, least(family, name), greatest(family, name)) AS key, id FROM (
        SELECT id, building, town, family, unnest(names) AS name FROM personae
        WHERE building IS NOT NULL AND town IS NOT NULL AND family IS NOT NULL)""",
    # Names swapped, address unknown; whoever is the same way round shares the second pass's key.
    """SELECT hash(6, birth, family) AS key, id FROM personae WHERE birth IS NOT NULL AND family IS NOT NULL
        UNION ALL SELECT hash(6, birth, given) AS key, id FROM personae WHERE birth IS NOT NULL AND given IS NOT NULL""",
)


def personae(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `personae`: what is compared of each record of `persons_known`, folded, with each value's share in the data.

    Letters lose case and accents; names fall into words, hyphenated ones stay whole; a street keeps its name and number.
    """

    def words(name: str) -> str:
        return f"regexp_extract_all(strip_accents(lower(replace({name}, '''', ''))), '\\pL+(?:-\\pL+)*')"

    def plain(text: str) -> str:
        return f"nullif(regexp_replace(strip_accents(lower({text})), '[^\\pL\\d]', '', 'g'), '')"

    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE folded AS
        WITH split AS (
            SELECT id, {words("given_names")} AS tokens, {words("call_name")}[1] AS called,
                nullif(array_to_string({words("family_name")}, ''), '') AS family,
                list_transform(former_family_names, lambda name: array_to_string({words("name")}, '')) AS former,
                CASE WHEN year(birth_date) BETWEEN 1000 AND 9999 THEN birth_date::VARCHAR END AS birth,
                {plain("postcode")} AS postcode, {plain("town")} AS town,
                {plain(NAME_AND_NUMBER)} AS building
            FROM persons_known)
        SELECT id, building || ' ' || coalesce(postcode, town) AS place, coalesce(tokens[1], called) AS given, called, coalesce(called, tokens[1]) AS used,
            coalesce(tokens, []) AS tokens, family, birth, postcode, town, building,
            CASE WHEN called IS NULL THEN list_distinct(tokens[1:3]) ELSE list_distinct([coalesce(tokens[1], called), called]) END
                AS names,
            list_filter(list_distinct(list_concat(string_split(family, '-'), coalesce(former, []))), lambda name: length(name) > 2)
                AS family_names
        FROM split"""
    )
    people = max(_count(connection, "SELECT count(*) FROM folded"), 1)
    shares = ", ".join(
        f"(greatest({value}_rows.rows, 1) + {SMOOTHING * ordinary}) / {people + SMOOTHING} AS {value}_share" for value, ordinary in SHARES.items()
    )
    counted = " ".join(
        f"LEFT JOIN (SELECT {column} AS value, count(*) AS rows FROM folded WHERE {column} IS NOT NULL GROUP BY ALL) "
        f"AS {column}_rows ON {column}_rows.value = folded.{column}"
        for column in (*SHARES, "used")
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE personae AS
        SELECT folded.*, {shares}, coalesce(used_rows.rows, 0) AS used_count, coalesce(family_rows.rows, 0) AS family_count,
            false AS has_email, false AS has_phone
        FROM folded {counted}"""
    )
    connection.execute("DROP TABLE folded")


def contacts(connection: duckdb.DuckDBPyConnection) -> int:
    """Make `live_contacts(type, key, id, sole)`, the e-mails and telephones that few enough people share; counts the others.

    Those that hold a contact are counted as people by first names that disagree (Matti and M. are one), and by codes.
    """
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE contact_rows AS
        SELECT DISTINCT type, hash(value) AS key, id FROM (
            SELECT 'email' AS type, unnest(emails) AS value, id FROM persons_known
            UNION ALL SELECT 'phone', unnest(phones), id FROM persons_known
            UNION ALL SELECT type, value, id FROM held SEMI JOIN persons_known USING (id) WHERE type IN ('email', 'phone'))
        WHERE value IS NOT NULL"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE contact_people AS
        WITH held_by AS (
            SELECT type, key, count(*) AS records, count(DISTINCT code) AS codes, count(DISTINCT (given, called)) AS spellings
            FROM contact_rows JOIN personae USING (id) JOIN bases USING (id) GROUP BY ALL HAVING min(base) <> max(base)),
        named AS (
            SELECT type, key, min(id) AS id FROM contact_rows JOIN personae USING (id)
            SEMI JOIN (FROM held_by WHERE spellings > 1 AND records <= {CONTACT_CAP}) USING (type, key)
            WHERE given IS NOT NULL GROUP BY type, key, given, called),
        like_an_earlier AS (
            SELECT type, key, other, bool_or(given <> 'differs') AS alike FROM (
                SELECT one.type, one.key, other.id AS other, {level_of("given")} AS given
                FROM named AS one JOIN named AS other ON one.type = other.type AND one.key = other.key AND one.id < other.id
                JOIN personae AS l ON l.id = one.id JOIN personae AS r ON r.id = other.id)
            GROUP BY ALL),
        persons AS (SELECT type, key, 1 + count(*) FILTER (NOT alike) AS persons FROM like_an_earlier GROUP BY ALL)
        SELECT type, key, CASE WHEN records > {CONTACT_CAP} THEN records ELSE greatest(coalesce(persons, 1), codes) END AS persons
        FROM held_by LEFT JOIN persons USING (type, key)"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE live_contacts AS
        SELECT type, key, id, persons = 1 AS sole FROM contact_rows LEFT JOIN contact_people USING (type, key)
        WHERE coalesce(persons, 1) < {TOO_MANY_PEOPLE}"""
    )
    for kind in ("email", "phone"):
        connection.execute(f"UPDATE personae SET has_{kind} = true WHERE id IN (SELECT id FROM live_contacts WHERE type = '{kind}')")
    return _count(connection, f"SELECT count(*) FROM contact_people WHERE persons >= {TOO_MANY_PEOPLE}")


def candidates(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Make `candidates(one, other, contact)`; answers how many there are, and how many keys were dropped as oversized.

    Leaves out pairs that are joined already and pairs that both have a code: those are decided. So only blocks with a
    record without code are opened.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE paired (one INTEGER, other INTEGER, contact UTINYINT)")
    dropped = 0
    for keys in PASSES:
        dropped += _open_blocks(connection, f"SELECT key, id, 0 AS contact FROM ({keys})")
    _open_blocks(
        connection,
        f"""
        SELECT key, id, CASE type WHEN 'email' THEN CASE WHEN sole THEN {EMAIL | SOLE_EMAIL} ELSE {EMAIL} END
            ELSE CASE WHEN sole THEN {PHONE | SOLE_PHONE} ELSE {PHONE} END END AS contact
        FROM live_contacts SEMI JOIN contact_people USING (type, key)""",
        cap=CONTACT_CAP,
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE candidates AS
        SELECT one, other, bit_or(contact) AS contact FROM paired GROUP BY one, other"""
    )
    connection.execute("DROP TABLE paired")
    return _count(connection, "SELECT count(*) FROM candidates"), dropped


def _open_blocks(connection: duckdb.DuckDBPyConnection, keys: str, cap: int = CAP) -> int:
    """Add the pairs of each block of `keys` (key, id, contact) to `paired`; answers how many keys were oversized."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE blocks AS
        SELECT key, id, contact, base, code IS NULL AS uncoded FROM ({keys}) JOIN bases USING (id)"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE sizes AS
        SELECT key, count(*) AS records FROM blocks GROUP BY key HAVING min(base) <> max(base) AND bool_or(uncoded)"""
    )
    connection.execute(
        f"""INSERT INTO paired
        SELECT least(l.id, r.id), greatest(l.id, r.id), l.contact
        FROM (FROM blocks SEMI JOIN (FROM sizes WHERE records <= {cap}) USING (key) WHERE uncoded) AS l
        JOIN blocks AS r ON l.key = r.key AND l.base <> r.base AND (NOT r.uncoded OR l.id < r.id)"""
    )
    dropped = _count(connection, f"SELECT count(*) FROM sizes WHERE records > {cap}")
    connection.execute("DROP TABLE blocks; DROP TABLE sizes")
    return dropped


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    counted = connection.execute(query).fetchone()
    return int(counted[0]) if counted else 0
