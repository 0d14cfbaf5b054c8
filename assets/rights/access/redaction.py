"""Taking everybody else out of what is handed to a registrant (GDPR 15(4)).

What a source's declaration does not read is withheld whole: it is not known who it concerns. In
what it reads, every identifier of somebody else becomes `REDACTED`: those that the record is known
to carry, what has the form of an identity code, an e-mail address or a phone number and is not the
registrant's, and the full names of other registrants.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import duckdb

from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.rights.access.belonging import Own
from assets.sources.source import Dataset
from assets.storage.data_root import DataRoot

REDACTED = "[redacted]"
# Numbers of things, not of people: a record's own.
OF_THINGS = ("business_id", "contract_number", "order_number", "visit")
_CODE = re.compile(r"(?<![0-9A-Za-z])[0-9]{6}[-+A-Fa-fU-Yu-y][0-9]{3}[0-9A-Za-z](?![0-9A-Za-z])")
_EMAIL = re.compile(r"[^\s@,;:<>\"'()\[\]/?&=]{1,64}(?:@|%40)[\w.-]{1,253}\.\w{2,}")
_PHONE = re.compile(
    r"(?<![\w.:+-])(?:\+|00|%2[Bb])[1-9][0-9](?:[ ()/.-]{0,3}[0-9]){5,12}(?![\w-])"
    r"|(?<![\w.:+-])0[1-9](?:[ /-]?[0-9]){5,10}(?![\w:.-])"
)
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")


class Redaction:
    """What may stay in texts for one registrant.

    `names` are pairs of words that are full names of others, `near` single names of those who share
    an address with the registrant, `kept` what the register has about the registrant; all in lower
    case.
    """

    def __init__(
        self,
        mine: Own,
        names: Iterable[tuple[str, str]] = (),
        near: Iterable[str] = (),
        kept: Iterable[str] = (),
    ) -> None:
        self.mine = mine
        self._near, self._kept = frozenset(near), frozenset(kept)
        self._own = frozenset(identifier.partition(":")[2].lower() for identifier in mine.known_by)
        self._digits = frozenset(
            re.sub(r"[^0-9]", "", identifier.partition(":")[2])[-9:].lstrip("0")
            for identifier in mine.known_by
            if identifier.startswith("phone:")
        )
        self._names = frozenset(names)

    def text(self, value: str, carried: Iterable[str] = ()) -> str:
        """The text without anybody else; `carried` are the identifiers that its record is known to
        carry.
        """
        if value.lower() in self._own:
            return value
        for other in carried:
            kind, _, identifier = other.partition(":")
            if other not in self.mine.known_by and kind not in OF_THINGS and identifier:
                value = re.sub(
                    rf"(?<![^\W_]){re.escape(identifier)}(?![^\W_])",
                    REDACTED,
                    value,
                    flags=re.IGNORECASE,
                )
        value = _CODE.sub(self._unless(lambda word: word.lower() in self._own), value)
        value = _EMAIL.sub(
            self._unless(lambda word: word.lower().replace("%40", "@") in self._own), value
        )
        value = _PHONE.sub(
            self._unless(
                lambda word: (
                    re.sub(r"[^0-9]", "", word.removeprefix("%2B").removeprefix("%2b"))[-9:].lstrip(
                        "0"
                    )
                    in self._digits
                )
            ),
            value,
        )
        value = self._without_names(value)
        if not self._near or value.lower() in self._kept:
            return value
        return _WORD.sub(self._unless(lambda word: word.lower() not in self._near), value)

    def _unless(self, own: Callable[[str], bool]) -> Callable[[re.Match[str]], str]:
        return lambda match: match.group() if own(match.group()) else REDACTED

    def _without_names(self, value: str) -> str:
        words = list(_WORD.finditer(value)) if self._names else []
        for first, second in reversed(list(itertools.pairwise(words))):
            pair = (first.group().lower(), second.group().lower())
            if (pair in self._names or pair[::-1] in self._names) and re.fullmatch(
                r"[\s,._+]+|%20", value[first.end() : second.start()]
            ):
                value = value[: first.start()] + REDACTED + value[second.end() :]
        return value

    def identifier(self, kind: str, value: str) -> str:
        """An identifier that stands in a column of its own."""
        return value if kind in OF_THINGS or f"{kind}:{value}" in self.mine.known_by else REDACTED


def disclosed(dataset: Dataset, payload: str) -> tuple[Any, list[tuple[str, Any]]]:
    """What of a record is about the registrant alone, by the source's declaration; and the fields
    that are withheld, each with its place.
    """
    withheld: list[tuple[str, Any]] = []
    kept = _kept(json.loads(payload), dataset.disclosable, dataset.disclosable_parts, "", withheld)
    return kept, withheld


def _kept(
    content: Any,
    shape: Any,
    parts: Mapping[str, tuple[str, tuple[str, ...]]],
    path: str,
    withheld: list[tuple[str, Any]],
) -> Any:
    if isinstance(shape, Mapping) and isinstance(content, dict):
        below = {name: f"{path}.{name}".removeprefix(".") for name in content}
        withheld += [
            (below[name], value)
            for name, value in content.items()
            if name not in shape and value not in (None, "", [], {})
        ]
        return {
            name: _part(name, value, shape[name], parts, below[name], withheld)
            for name, value in content.items()
            if name in shape
        }
    if isinstance(shape, list) and isinstance(content, list):
        return [
            _kept(element, shape[0], parts, f"{path}[{number}]", withheld)
            for number, element in enumerate(content)
        ]
    if isinstance(shape, (Mapping, list)) or isinstance(content, (dict, list)):
        withheld += [(path, content)] if content is not None else []
        return None
    return content


def _part(
    name: str,
    value: Any,
    shape: Any,
    parts: Mapping[str, tuple[str, tuple[str, ...]]],
    path: str,
    withheld: list[tuple[str, Any]],
) -> Any:
    """Of a list of elements that state their kind, those that are about the registrant alone."""
    if name not in parts or not isinstance(value, list):
        return _kept(value, shape, parts, path, withheld)
    field, allowed = parts[name]
    theirs = {
        number: isinstance(element, dict) and element.get(field) in allowed
        for number, element in enumerate(value)
    }
    withheld += [
        (f"{path}[{number}]", element) for number, element in enumerate(value) if not theirs[number]
    ]
    return [
        _kept(element, shape[0], parts, f"{path}[{number}]", withheld)
        for number, element in enumerate(value)
        if theirs[number]
    ]


def every_text(value: Any) -> Iterator[str]:
    """Every text in a nested value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from every_text(part)
    elif isinstance(value, list):
        for part in value:
            yield from every_text(part)


def everywhere(value: Any, change: Callable[[str], str]) -> Any:
    """The nested value with every text of it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: everywhere(part, change) for name, part in value.items()}
    return [everywhere(part, change) for part in value] if isinstance(value, list) else value


def names_of_others(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    registrant_id: str,
    texts: Iterable[str],
) -> set[tuple[str, str]]:
    """Which neighbouring words of the texts are given and family name of somebody else, and not of
    the registrant, in lower case.

    Cost: one look at the names of the register.
    """
    pairs = set()
    for text in texts:
        words = [match.group().lower() for match in _WORD.finditer(text)]
        pairs |= {
            pair
            for first, second in itertools.pairwise(words)
            for pair in ((first, second), (second, first))
        }
    if not pairs:
        return set()
    for table in ("registrants", "names"):
        read_register(data_root, connection, table, TABLES[table])
    ordered = sorted(pairs)
    names = connection.execute(
        """WITH requested_names AS (
            SELECT unnest($1::VARCHAR[]) AS given, unnest($2::VARCHAR[]) AS family),
        called AS (
            SELECT registrant_id, lower(given_names) AS given_names, lower(family_name) AS family
                FROM registrants
            UNION ALL SELECT registrant_id, lower(call_name), lower(family_name) FROM registrants
                WHERE call_name IS NOT NULL
            UNION ALL SELECT now.registrant_id, lower(now.given_names), lower(was.family_name)
                FROM registrants AS now JOIN names AS was USING (registrant_id)
                WHERE was.family_name IS NOT NULL
            UNION ALL SELECT registrant_id, lower(given_names), lower(family_name) FROM names
                WHERE given_names IS NOT NULL AND family_name IS NOT NULL),
        named AS (
            SELECT registrant_id, unnest(string_split(given_names, ' ')) AS given, family
                FROM called SEMI JOIN requested_names USING (family))
        SELECT DISTINCT given, family FROM named SEMI JOIN requested_names USING (given, family)
        WHERE registrant_id <> $3 AND (given, family) NOT IN (SELECT (given, family) FROM named
            WHERE registrant_id = $3)""",
        [[first_word for first_word, _ in ordered], [other for _, other in ordered], registrant_id],
    ).fetchall()
    return {(given, family) for given, family in names}


def names_of_those_near(connection: duckdb.DuckDBPyConnection, registrant_id: str) -> set[str]:
    """Every single name, in lower case, of those who share a home, an e-mail address or a phone
    with the registrant, and is not the registrant's.

    Reads the register's tables, which the connection has under their names.
    """
    words = connection.execute(
        """WITH near AS (
            SELECT other.registrant_id FROM registrants AS own JOIN registrants AS other
                USING (street, postcode) WHERE own.registrant_id = $1
            UNION SELECT other.registrant_id FROM contact_points AS own
                JOIN contact_points AS other USING (kind, match_key) WHERE own.registrant_id = $1),
        called AS (
            SELECT registrant_id, unnest(string_split(lower(concat_ws(' ', given_names, call_name,
                family_name)), ' ')) AS word FROM registrants
            UNION SELECT registrant_id, unnest(string_split(lower(concat_ws(' ', given_names,
                family_name)), ' ')) FROM names)
        SELECT DISTINCT word FROM called SEMI JOIN near USING (registrant_id)
        WHERE registrant_id <> $1 AND strlen(word) > 2 AND word NOT IN (SELECT word FROM called
            WHERE registrant_id = $1)""",
        [registrant_id],
    ).fetchall()
    return {word for (word,) in words}
