"""Invented people of Finland in one table, with further records of some of them that differ as
records of one person do.

    python -m tests.bench.peers.invented RECORDS OUT

Households share a surname and an address, now and then a mailbox or a telephone; spouses may have a
name of their own, children may be twins. One person in five has another record, one in twenty-five
a third: with slips, after a move or a marriage, from another mailbox, with less filled in. The
columns are those of sampled.py; identity codes are of the series for tests. Drawn by
hashes, so that the same number of records is the same table; ten seconds for a million.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

from tests.bench.peers.sampled import COLUMNS

REFERENCE = Path(__file__).parents[3] / "schemas" / "reference"
RECORDS_PER_PERSON = 1.24
PEOPLE_PER_HOUSEHOLD = 2.17
# A hash of two hashes side by side is not enough: draws must be independent.
MACROS = """
CREATE MACRO drawn(number, salt) AS hash(xor(hash(number), hash(salt))) / 18446744073709551616.0;
CREATE MACRO one_of(several, number,
    salt) AS several[1 + (drawn(number, salt) * len(several) - 0.5)::INTEGER];
CREATE MACRO inside(name, number,
    salt) AS 2 + (drawn(number, salt || ' place') * greatest(length(name) - 2, 1))::INTEGER;
CREATE MACRO slipped(name, spot, way, letter) AS CASE way
    WHEN 0 THEN name[:spot - 1] || name[spot + 1:spot + 1] || name[spot:spot] || name[spot + 2:]
        WHEN 1 THEN name[:spot - 1] || name[spot + 1:]
    WHEN 2 THEN name[:spot] || name[spot:] ELSE name[:spot - 1] || letter || name[spot + 1:] END;
CREATE MACRO misspelt(name, number, salt, share) AS CASE WHEN drawn(number, salt) < share
    THEN slipped(name, inside(name, number, salt),
    one_of([0, 1, 2, 3], number, salt || ' way'),
        one_of(['a', 'e', 'i', 'o', 'u', 'n', 'l', 'k'], number, salt || ' letter')) ELSE name END;
CREATE MACRO plain(name) AS regexp_replace(strip_accents(lower(name)), '[^a-z]', '', 'g');
"""
WEIGHTED = """CREATE TEMP TABLE {name} AS
    SELECT *, coalesce(sum(weight) OVER (PARTITION BY {part}
        ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
        / sum(weight) OVER (PARTITION BY {part}) AS begins
    FROM (SELECT * REPLACE (weight::DOUBLE AS weight), row_number() OVER () AS number
        FROM read_csv('{file}', all_varchar = true) WHERE {only})"""
STREETS = (
    "CREATE TEMP TABLE streets AS SELECT fi, row_number() OVER () - 1 AS number FROM "
    "read_csv('{file}', all_varchar = true)"
)
HOUSEHOLDS = """CREATE TEMP TABLE households AS
    SELECT h, people, family.name AS family, places.postcode, places.town_fi AS town,
        streets.fi || ' ' || (1 + (drawn(h, 'house') * 90)::INTEGER) || flat AS street,
        CASE WHEN drawn(h, 'mailbox') < 0.08 THEN 'perhe.' || plain(family.name) || h
            || '@example.fi' END AS mailbox,
        CASE WHEN drawn(h, 'telephone') < 0.03 THEN '+3584990'
            || lpad((h % 1000000)::VARCHAR, 6, '0') END AS telephone
    FROM (
        SELECT h, drawn(h, 'family') AS named, drawn(h, 'place') AS placed,
            (drawn(h, 'street') * 89)::INTEGER AS way,
            if(drawn(h, 'flat') < 0.4, ' ' || one_of(['A', 'B', 'C'], h, 'stairs') || ' '
                || (1 + (drawn(h, 'door') * 60)::INTEGER), '') AS flat,
            CASE WHEN drawn(h, 'people') < 0.35 THEN 1 WHEN drawn(h, 'people') < 0.70 THEN 2
                WHEN drawn(h, 'people') < 0.83 THEN 3
                WHEN drawn(h, 'people') < 0.95 THEN 4 ELSE 5 END AS people
        FROM range($households) AS range(h))
    ASOF JOIN family ON named >= family.begins ASOF JOIN places ON placed >= places.begins
        JOIN streets ON streets.number = way"""
PEOPLE = """CREATE TEMP TABLE people AS
    WITH members AS (SELECT *, unnest(range(people)) AS k FROM households),
    twins AS (
        SELECT *, h * 5 + k AS p, h * 5 + if(k > 2 AND drawn(h, 'twins') < 0.1, 2, k) AS birth,
            1932 + (drawn(h, 'head') * 62)::INTEGER AS head,
            if(k = 1, drawn(h * 5, 'sex') >= 0.5, drawn(h * 5 + k, 'sex') < 0.5) AS man
                FROM members),
    years AS (
        SELECT *, CASE k WHEN 0 THEN head WHEN 1
            THEN head - 5 + (drawn(birth, 'year') * 10)::INTEGER
            ELSE least(head + 21 + (drawn(birth, 'year') * 16)::INTEGER, 2025) END AS born_in
                FROM twins),
    drawn AS (
        SELECT *, make_date(born_in, 1 + (drawn(birth, 'month') * 11)::INTEGER,
            1 + (drawn(birth, 'day') * 27)::INTEGER) AS born,
            if(man, 'm', 'f') AS sex, drawn(p, 'first') AS one, drawn(p, 'second') AS two,
                drawn(p, 'another') AS three FROM years)
    SELECT p, born, man, first.name AS first, second.name AS second,
        if(k = 1 AND drawn(p, 'own name') < 0.25, own.name, drawn.family) AS family,
        own.name AS another, street, postcode, town, mailbox, telephone,
            row_number() OVER (PARTITION BY born ORDER BY hash(p)) - 1 AS nth
    FROM drawn ASOF JOIN given AS first ON first.sex = drawn.sex AND one >= first.begins
    ASOF JOIN given AS second ON second.sex = drawn.sex AND two >= second.begins ASOF
        JOIN family AS own ON three >= own.begins"""
RECORDS = """CREATE TEMP TABLE records AS
    WITH copied AS (
        SELECT *, unnest(range(CASE WHEN drawn(p, 'copies') < 0.04 THEN 3
            WHEN drawn(p, 'copies') < 0.2 THEN 2 ELSE 1 END)) AS copy FROM people),
    numbered AS (
        SELECT *, p * 3 + copy AS e, if(copy > 0, 1, 0) AS again,
            (drawn(p * 3 + copy, 'where') * ($households - 1))::BIGINT AS elsewhere,
            copy > 0 AND drawn(p * 3 + copy, 'moved') < 0.15 AS moved, copy > 0
                AND drawn(p * 3 + copy, 'other e-mail') < 0.25 AS other_mail,
            copy > 0 AND drawn(p * 3 + copy, 'other telephone') < 0.2 AS other_phone,
                drawn(p * 3 + copy, 'no address') >= 0.08 AS placed FROM copied),
    homes AS (
        SELECT numbered.* REPLACE (if(moved, new.street, numbered.street) AS street,
            if(moved, new.postcode, numbered.postcode) AS postcode,
            if(moved, new.town, numbered.town) AS town)
        FROM numbered JOIN households AS new ON new.h = elsewhere),
    coded AS (SELECT *, strftime(born, '%d%m%y') AS day, if(year(born) < 2000, '-', 'A') AS century,
        (900 + nth)::VARCHAR AS individual FROM homes)
    SELECT e, p AS cluster,
        if(drawn(e, 'initial') < 0.04 * again, first[1], misspelt(first, e, 'first', 0.06 * again))
            || if(drawn(e, 'second told') < 0.6 - 0.3 * again, ' ' || second, '') AS given_names,
        misspelt(if(copy > 0 AND NOT man AND drawn(p, 'married') < 0.08, another, family), e,
            'family', 0.05 * again) AS family_name,
        CASE WHEN drawn(e, 'no birth') < 0.08 THEN NULL WHEN drawn(e, 'birth') < 0.02 * again
            THEN strftime(born + 1, '%Y-%m-%d')
            WHEN drawn(e, 'birth') < 0.04 * again THEN strftime(born - INTERVAL 10 YEAR, '%Y-%m-%d')
                ELSE strftime(born, '%Y-%m-%d') END AS birth_date,
        if(placed, misspelt(street, e, 'street', 0.05 * again), NULL) AS street,
            if(placed, postcode, NULL) AS postcode, if(placed, town, NULL) AS town,
        if(drawn(e, 'no e-mail') < 0.4, NULL, coalesce(mailbox,
            if(other_mail, plain(first)[1] || plain(family) || e, plain(first) || '.'
                || plain(family) || p % 1000)
            || one_of(['@example.fi', '@example.com', '@example.net'], p, 'provider'))) AS email,
        if(drawn(e, 'no telephone') < 0.4, NULL, coalesce(telephone,
            '+35840990' || lpad((if(other_phone, hash(e), hash(p)) % 10000000)::VARCHAR, 7,
                '0'))) AS phone,
        if(nth < 100 AND drawn(e, 'code told') < 0.6,
            day || century || individual
                || '0123456789ABCDEFHJKLMNPRSTUVWXY'[(day || individual)::BIGINT % 31 + 1],
                NULL) AS identity_code
    FROM coded"""
INTO_FILE = """COPY (SELECT row_number() OVER (ORDER BY hash(e)) AS uid, {columns}, cluster
    FROM records ORDER BY uid)
    TO '{out}' (FORMAT parquet, COMPRESSION zstd)"""


def write_people(records: int, out: Path) -> int:
    """Write about so many records, in an order without meaning; return how many."""
    households = max(round(records / RECORDS_PER_PERSON / PEOPLE_PER_HOUSEHOLD), 1)
    weighted = (
        ("given", "given_names", "sex", "language = 'fi'"),
        ("family", "family_names", "1", "true"),
        ("places", "postcodes", "1", "true"),
    )
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        for name, file, part, only in weighted:
            connection.execute(
                WEIGHTED.format(name=name, file=REFERENCE / f"{file}.csv", part=part, only=only)
            )
        connection.execute(STREETS.format(file=REFERENCE / "streets.csv"))
        for query in (HOUSEHOLDS, PEOPLE, RECORDS):
            connection.execute(query, {"households": households} if "$households" in query else {})
        connection.execute(INTO_FILE.format(columns=", ".join(COLUMNS), out=out))
        row = connection.execute("SELECT count(*) FROM records").fetchone()
        return int(row[0]) if row else 0


if __name__ == "__main__":
    print(write_people(int(sys.argv[1]), Path(sys.argv[2])))
