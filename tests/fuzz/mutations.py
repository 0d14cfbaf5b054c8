"""Odd records as they are delivered: with one odd value, one field changed, or the text damaged.

A mutation knows what it is about without its value: `field` and `what` may be printed.
"""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from assets.sources.all_sources import SOURCES
from assets.sources.formats import Csv
from tests.fuzz.values import Odd, catalogue, random_values
from tests.fuzz.whole_records import KINDS, Make, Record

Path = tuple[str | int, ...]
_HERE = "@@odd value here@@"
CSV = {
    (source.name, dataset.name)
    for source in SOURCES
    for dataset in source.datasets
    if isinstance(dataset.format, Csv)
}


@dataclass(frozen=True)
class Mutation:
    """One odd record. `kind` names the ordinary record, `number` its person."""

    source: str
    dataset: str
    kind: str
    field: str
    what: str
    alone: bool
    change: tuple[str, Path, str | None]
    number: int = 0

    @property
    def place(self) -> str:
        return f"{self.dataset}.{self.field}"

    def about(self, number: int) -> Mutation:
        return replace(self, number=number)

    def text(self) -> str:
        """The record as delivered: JSON, or a CSV row with its line break."""
        make = next(
            candidate
            for candidate in KINDS[self.source, self.dataset]
            if candidate.__name__ == self.kind
        )
        how, path, value = self.change
        return _CHANGES[how](make(self.number), path, value)

    def header(self) -> list[str]:
        """The columns of its file; for CSV."""
        record = KINDS[self.source, self.dataset][0](0)
        how, path, value = self.change
        names = list(record)
        if how == "no column":
            names.remove(str(path[0]))
        elif how == "column renamed":
            names[names.index(str(path[0]))] = value or ""
        elif how == "extra column":
            names.append(value or "")
        return names


def row(cells: list[str]) -> str:
    """A row of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def as_json(record: Record) -> str:
    return json.dumps(record, ensure_ascii=False)


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every path in a record: of its values, and of the lists and objects on the way to them."""
    if path:
        yield path
    members = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, member in members:
        yield from leaves(member, (*path, name))


def spelled(path: Path, record: Record) -> str:
    """The path as a person reads it: groups by their name."""
    text, value = "", record
    for step in path:
        value = value[step]  # type: ignore[index]
        named = (
            value.get("tietoryhma") if isinstance(value, dict) and isinstance(step, int) else None
        )
        text += f"[{named or step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def _at(record: Record, path: Path) -> Any:
    value: Any = record
    for step in path:
        value = value[step]
    return value


def _put(record: Record, path: Path, value: Any) -> Record:
    _at(record, path[:-1])[path[-1]] = value
    return record


def _odd_value(record: Record, path: Path, value: str | None) -> str:
    text = as_json(_put(record, path, _HERE))
    return text.replace(json.dumps(_HERE), value or "", 1)


def _missing(record: Record, path: Path, _: str | None) -> str:
    del _at(record, path[:-1])[path[-1]]
    return as_json(record)


def _renamed(record: Record, path: Path, value: str | None) -> str:
    """The key itself takes another spelling."""
    parent = _at(record, path[:-1])
    renamed = {_HERE if name == path[-1] else name: member for name, member in parent.items()}
    text = as_json(_put(record, path[:-1], renamed) if len(path) > 1 else renamed)
    return text.replace(json.dumps(_HERE), value or "", 1)


def _added(record: Record, path: Path, value: str | None) -> str:
    """A member more, as JSON text, behind the field."""
    member = as_json(_at(record, path))
    text = as_json(_put(record, path, _HERE))
    return text.replace(json.dumps(_HERE), f"{member}, {value}", 1)


def _whole(record: Record, _: Path, value: str | None) -> str:
    return (value or "").replace(_HERE, as_json(record))


def _cell(record: Record, path: Path, value: str | None) -> str:
    return row([str(member) for member in {**record, path[0]: value or ""}.values()])


def _cells(record: Record, _: Path, value: str | None) -> str:
    """A row of another number of cells, or of damaged text."""
    whole = row([str(member) for member in record.values()])
    return (value or "").replace(_HERE, whole.removesuffix("\r\n")) + "\r\n"


def _without_column(record: Record, path: Path, _: str | None) -> str:
    return row([str(member) for name, member in record.items() if name != path[0]])


def _same_row(record: Record, _: Path, __: str | None) -> str:
    return row([str(member) for member in record.values()])


def _longer_row(record: Record, _: Path, __: str | None) -> str:
    return row([*(str(member) for member in record.values()), "odd"])


_CHANGES = {
    "value": _odd_value,
    "missing": _missing,
    "renamed": _renamed,
    "added": _added,
    "whole": _whole,
    "cell": _cell,
    "cells": _cells,
    "no column": _without_column,
    "column renamed": _same_row,
    "extra column": _longer_row,
}
_WHOLE = {
    "null": "null", "true": "true", "number": "1", "text": '"odd"', "empty list": "[]",
    "empty object": "{}", "list around": f"[{_HERE}]", "object around": f'{{"record":{_HERE}}}',
    "white space": f"\t{_HERE}\t ", "no-break space": f"\u00a0{_HERE}", "twice": f"{_HERE}{_HERE}",
    "not JSON": "odd", "NaN": "NaN", "comment": f"/* odd */{_HERE}",
    "byte order mark": f"\ufeff{_HERE}", "NUL": f"{_HERE}\x00", "semicolon": f"{_HERE};",
    "number of 5000 digits": "7" * 5000,
}  # fmt: skip
_WHOLE_ALONE = {
    "empty": "", "cut": '{"odd":"odd', "closing bracket": f"{_HERE}]",
    "line break": f"\n{_HERE}\n\n", "trailing comma": f"{_HERE},",
}  # fmt: skip
_CELLS = {
    "fewer cells": "odd",
    "more cells": f"{_HERE},odd",
    "many more cells": _HERE + ",odd" * 500,
}
_CELLS_ALONE = {
    "unclosed quote": f'"{_HERE}', "quote inside": f'odd"{_HERE}', "blank row": "",
    "blanks only": " ", "NUL": f"{_HERE}\x00", "carriage return": f"{_HERE}\r{_HERE}",
    "quote after quote": f'"a"b,{_HERE}', "byte order mark": f"\ufeff{_HERE}",
}  # fmt: skip


def every_mutation() -> Iterator[Mutation]:
    """Each field of each kind of record with each odd value, and with each change of form."""
    values = catalogue()
    for source, dataset, kind, make in _kinds():
        record = make(0)
        if (source, dataset) in CSV:
            for field in record:
                yield from _of_cell(source, dataset, kind, field, values)
        else:
            for path in leaves(record):
                yield from _of_value(source, dataset, kind, path, record, values)
        yield from _of_whole(source, dataset, kind)


# Fields by which a record is about somebody, or is brought to somebody.
IDENTIFYING = (
    ("crm", "contacts", "contact", ("Record ID", "Email", "Phone Number", "Customer number")),
    (
        "crm",
        "contracts",
        "contract",
        ("contract_number", "contact_id", "customer_number", "identity_code"),
    ),
    ("crm", "orders", "order", ("order_number", "contact_id", "customer_number")),
    ("consents", "consent_log", "consent", ("subject_key",)),
    ("consents", "consent_log", "consent_by_cookie", ("subject_key",)),
    ("website", "visits", "visit", ("userId", "visitorId", "fingerprint", "idVisit")),
    ("credit_bureau", "credit_reports", "credit_report", ("socialSecurityNumber",)),
    ("credit_bureau", "credit_reports", "company_report", ("businessId",)),
    ("self", "edits", "edit", ("subject_key", "changes.email", "changes.phone")),
    ("self", "corrections", "correction", ("subject_key",)),
    (
        "population_register",
        "perustiedot",
        "perustiedot",
        (
            "henkilotunnus",
            "tietoryhmat[HENKILOTUNNUS_KORJAUS].muutettuHenkilotunnus",
            "tietoryhmat[HENKILOTUNNUS_KORJAUS].aktiivinenHenkilotunnus",
            "tietoryhmat[HENKILOTUNNUS_KORJAUS].edellisetHenkilotunnukset[0]",
            "tietoryhmat[SAHKOPOSTIOSOITE].sahkopostiosoite",
        ),
    ),
    (
        "population_register",
        "muutokset",
        "muutokset",
        (
            "henkilotunnus",
            "tietoryhmat[HENKILOTUNNUS_KORJAUS].muutettuHenkilotunnus",
            "tietoryhmat[HENKILOTUNNUS_KORJAUS].aktiivinenHenkilotunnus",
        ),
    ),
)


def shared_mutations(odd: Odd, times: int = 2) -> Iterator[Mutation]:
    """The same odd value in each field that identifies, in records of several persons."""
    for source, dataset, kind, fields in IDENTIFYING:
        record = next(
            candidate for candidate in KINDS[source, dataset] if candidate.__name__ == kind
        )(0)
        if (source, dataset) in CSV:
            mutations_by_place = [_of_cell(source, dataset, kind, field, [odd]) for field in fields]
        else:
            paths = [path for path in leaves(record) if spelled(path, record) in fields]
            mutations_by_place = [
                _of_value(source, dataset, kind, path, record, [odd]) for path in paths
            ]
        for mutations in mutations_by_place:
            for mutation in mutations:
                yield from [mutation] * times


def random_mutations(rng: random.Random, count: int) -> Iterator[Mutation]:
    """Random values in random fields."""
    kinds = list(_kinds())
    for _ in range(count):
        source, dataset, kind, make = rng.choice(kinds)
        record = make(rng.randrange(1000))
        if (source, dataset) in CSV:
            path: Path = (rng.choice(list(record)),)
        else:
            path = rng.choice(list(leaves(record)))
        original = _at(record, path)
        text = original if isinstance(original, str) else as_json(original)
        (odd,) = random_values(rng, text, 1)
        mutations = (
            _of_cell(source, dataset, kind, str(path[0]), [odd])
            if (source, dataset) in CSV
            else _of_value(source, dataset, kind, path, record, [odd])
        )
        yield next(iter(mutations))


def _kinds() -> Iterator[tuple[str, str, str, Make]]:
    for (source, dataset), makes in KINDS.items():
        for make in makes:
            yield source, dataset, make.__name__, make


def _of_value(
    source: str, dataset: str, kind: str, path: Path, record: Record, values: list[Odd]
) -> Iterator[Mutation]:
    field = spelled(path, record)

    def mutation(what: str, how: str, value: str | None, alone: bool = False) -> Mutation:
        return Mutation(source, dataset, kind, field, what, alone, (how, path, value))

    for odd in values:
        yield mutation(odd.what, "value", odd.json_text, odd.alone)
    if len(values) == 1:
        return
    yield mutation("field missing", "missing", None)
    if len(path) == 1:
        for odd in values:
            if odd.cell is None:
                twice = f'"odd": 1, "odd": {odd.json_text}'
                escaped = f'"\\u006fdd": {odd.json_text}'
                yield mutation(f"{odd.what} beside, key twice", "added", twice, odd.alone)
                yield mutation(f"{odd.what} beside, key escaped", "added", escaped, odd.alone)
    if isinstance(path[-1], str):
        name = path[-1]
        escaped = "".join(f"\\u{ord(letter):04x}" for letter in name[:1]) + name[1:]
        again = as_json(_at(record, path))
        yield mutation("key with an escape", "renamed", f'"{escaped}"')
        yield mutation("key in capitals", "renamed", json.dumps(name.swapcase()))
        yield mutation("key with a blank", "renamed", json.dumps(name + " "))
        yield mutation("key with zero-width space", "renamed", json.dumps("\u200b" + name))
        yield mutation("key twice", "added", f"{json.dumps(name)}: {again}")
        yield mutation("key twice, other value", "added", f'{json.dumps(name)}: "odd"')
        yield mutation("key twice, once escaped", "added", f'"{escaped}": {again}')
        yield mutation("unknown field beside", "added", '"odd field": {"odd": [1, null]}')
        yield mutation("blank key beside", "added", '"": ""')


def _of_cell(
    source: str, dataset: str, kind: str, field: str, values: list[Odd]
) -> Iterator[Mutation]:
    def mutation(what: str, how: str, value: str | None, alone: bool) -> Mutation:
        return Mutation(source, dataset, kind, field, what, alone, (how, (field,), value))

    for odd in values:
        if odd.cell is not None:
            # NUL and carriage returns are the reader's business for the file as a whole.
            yield mutation(odd.what, "cell", odd.cell, "\x00" in odd.cell)
    if len(values) == 1:
        return
    yield mutation("column missing", "no column", None, True)
    for name in (
        field.swapcase(),
        f" {field} ",
        f"\u200b{field}",
        f"{field}_1",
        "",
        "rows",
        "payload",
    ):
        yield mutation(f"column called {name!r}", "column renamed", name, True)
    for name in (field, field.upper(), f"{field} ", f"{field}_1", "odd", ""):
        yield mutation(f"extra column called {name!r}", "extra column", name, True)


def _of_whole(source: str, dataset: str, kind: str) -> Iterator[Mutation]:
    tables = (_CELLS, _CELLS_ALONE) if (source, dataset) in CSV else (_WHOLE, _WHOLE_ALONE)
    how = "cells" if (source, dataset) in CSV else "whole"
    for alone, table in enumerate(tables):
        for what, text in table.items():
            yield Mutation(source, dataset, kind, "(record)", what, bool(alone), (how, (), text))
