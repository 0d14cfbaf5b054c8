"""The manifest of a delivery, and the codes under which a delivery is refused.

Source: docs/deliveries.md.
"""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import Collection
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

ENCODINGS = {
    "utf-8": "utf-8-sig",
    "iso-8859-1": "iso-8859-1",
    "cp1252": "cp1252",
    "utf-16le": "utf-16-le",
}

# A delivery's name is the vendor's; it may only not be a way out of the folder, nor a hidden or
# control-character name.
SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")

REFUSALS = {
    "DEL-NAME": (
        "the file's name holds other characters than letters, digits, '.', '-' and '_': rename it"
    ),
    "DEL-NOT-A-FILE": "it is a link, a folder or a device: deliver a regular file",
    "DEL-MANIFEST": "the manifest is not JSON of the documented shape",
    "DEL-ENCODING": (
        "the manifest declares an unknown encoding, or the file is not in the declared one"
    ),
    "DEL-SOURCE": "the inbox has a folder or file that is no source of the policy",
    "DEL-DATASET": "the source has no dataset of that name",
    "DEL-DAY": "the folder is not a delivery day (YYYY-MM-DD, from 2015-01-01 up to today)",
    "DEL-SIZE": "the file is not as long as the manifest says",
    "DEL-SHA256": "the file's SHA-256 is not the manifest's",
    "DEL-RECORDS": "the file does not hold as many records as the manifest says",
    "DEL-STRUCTURE": "the file as a whole is not of the dataset's format",
    "DEL-UNREADABLE": "the file cannot be read: give the register's user the right to read it",
    "DEL-EMPTY-SNAPSHOT": "a full snapshot without a record would delete everyone",
}


class RefusedDeliveryError(Exception):
    """The delivery is not what its manifest states; it stays in the inbox.

    The message contains no name or value.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        super().__init__(f"{code}: {detail or REFUSALS[code]}")


def _calendar_date(value: object) -> object:
    """A date as text in the one form of the manifest; never a timestamp or a number of seconds."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError
    return value


CalendarDate = Annotated[date, BeforeValidator(_calendar_date)]


class Days(BaseModel):
    """The first and last calendar date that a delivery covers."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)
    first: Annotated[CalendarDate, Field(alias="from")]
    last: Annotated[CalendarDate, Field(alias="to")]

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.first > self.last:
            raise ValueError
        return self


_WHOLE_NUMBER = "must be a whole number, not below 0"
_DATE = "must be a date, YYYY-MM-DD"
# What a field must be. Messages never quote it, because a manifest may contain anything.
_WANTED = {
    "file": "must be one JSON object, as docs/deliveries.md describes it",
    "dataset": "must be text",
    "schema_version": 'must be "1"',
    "encoding": "must be text",
    "sha256": "must be 64 hexadecimal digits",
    "bytes": _WHOLE_NUMBER,
    "records": _WHOLE_NUMBER,
    "period": "must be an object with `from` and `to`",
    "period.from": _DATE,
    "period.to": _DATE,
    "purpose": "must be text",
}


class Manifest(BaseModel):
    """The manifest's fields; unknown ones are ignored."""

    model_config = ConfigDict(frozen=True)
    dataset: str
    schema_version: Literal["1"] = "1"
    encoding: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$"), AfterValidator(str.lower)]
    bytes: Annotated[int, Field(ge=0, strict=True)]
    records: Annotated[int, Field(ge=0, strict=True)]
    period: Days
    purpose: str

    @classmethod
    def parse(cls, text: builtins.bytes, purposes: Collection[str] | None = None) -> Manifest:
        """Read a manifest.

        Args:
            text: The file's bytes: JSON in UTF-8 or UTF-16, with or without a byte-order mark.
            purposes: The policy's purposes, of which the manifest must name one; None: any.

        Raises:
            RefusedDeliveryError: The message names the fields that are wrong and what they must
                be, never their values.
        """
        try:
            manifest = cls.model_validate_json(_object(text))
        except ValidationError as error:
            raise _wrong(*map(_problem, error.errors())) from None
        if purposes is not None and manifest.purpose not in purposes:
            known = ", ".join(sorted(purposes))
            raise _wrong(f"purpose is none of the policy's: {known}")
        if manifest.encoding.lower() not in ENCODINGS:
            raise RefusedDeliveryError("DEL-ENCODING", f"declare one of {', '.join(ENCODINGS)}")
        return manifest

    @property
    def codec(self) -> str:
        """The Python codec that reads the declared encoding, byte-order mark included."""
        return ENCODINGS[self.encoding.lower()]


def _object(text: builtins.bytes) -> str:
    """The manifest as plain JSON with unique keys; raises RefusedDeliveryError otherwise."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise _wrong("a key comes twice")
        return dict(pairs)

    try:
        return json.dumps(json.loads(text, object_pairs_hook=members), allow_nan=False)
    except (ValueError, RecursionError):
        raise _wrong(f"file {_WANTED['file']}") from None


def _problem(problem: Any) -> str:
    """One validation error as `<field> <what it must be>`."""
    field = ".".join(str(part) for part in problem["loc"]) or "file"
    if field == "period" and problem["type"] == "value_error":
        return "period runs backwards"
    return f"{field} is missing" if problem["type"] == "missing" else f"{field} {_WANTED[field]}"


def _wrong(*problems: str) -> RefusedDeliveryError:
    listed = "; ".join(sorted(set(problems)))
    return RefusedDeliveryError("DEL-MANIFEST", f"manifest fields missing or wrong: {listed}")
