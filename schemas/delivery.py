"""The manifest that comes with every delivery, and the codes under which a delivery is refused.

Source: docs/deliveries.md.
"""

from __future__ import annotations

import builtins
import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

ENCODINGS = {
    "utf-8": "utf-8-sig",
    "iso-8859-1": "iso-8859-1",
    "cp1252": "cp1252",
    "utf-16le": "utf-16-le",
}

# A delivery's name is the vendor's; it may only not be a way out of the folder, nor a hidden or control-character name.
SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")

REFUSALS = {
    "DEL-NAME": "the file's name holds other characters than letters, digits, '.', '-' and '_': rename it",
    "DEL-NOT-A-FILE": "it is a link, a folder or a device: deliver a regular file",
    "DEL-MANIFEST": "the manifest is not JSON of the documented shape",
    "DEL-ENCODING": "the manifest declares an unknown encoding, or the file is not in the declared one",
    "DEL-SOURCE": "the inbox has a folder or file that is no source of the policy",
    "DEL-DATASET": "the source has no dataset of that name",
    "DEL-DAY": "the folder is not a delivery day (YYYY-MM-DD, from 2015-01-01 up to today)",
    "DEL-SIZE": "the file is not as long as the manifest says",
    "DEL-SHA256": "the file's SHA-256 is not the manifest's",
    "DEL-RECORDS": "the file does not hold as many records as the manifest says",
    "DEL-STRUCTURE": "the file as a whole is not of the dataset's format",
    "DEL-EMPTY-SNAPSHOT": "a full snapshot without a record would delete everyone",
}


class RefusedDeliveryError(Exception):
    """The delivery does not hold what its manifest says; it stays in the inbox. The message carries no name or value."""

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        super().__init__(f"{code}: {detail or REFUSALS[code]}")


class Days(BaseModel):
    """The calendar dates that a delivery covers, both included."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)
    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="to")]


class Manifest(BaseModel):
    """The manifest's fields; unknown ones are ignored."""

    model_config = ConfigDict(frozen=True)
    dataset: str
    schema_version: Literal["1"] = "1"
    encoding: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]
    records: Annotated[int, Field(ge=0)]
    period: Days
    purpose: str

    @classmethod
    def parse(cls, text: builtins.bytes) -> Manifest:
        """Read a manifest; raises RefusedDeliveryError naming the fields that are wrong, never their values."""
        try:
            manifest = cls.model_validate_json(text)
        except ValidationError as error:
            fields = sorted(
                {
                    ".".join(str(part) for part in problem["loc"]) or "file"
                    for problem in error.errors()
                }
            )
            raise RefusedDeliveryError(
                "DEL-MANIFEST", f"manifest fields missing or wrong: {', '.join(fields)}"
            ) from None
        if manifest.encoding.lower() not in ENCODINGS:
            raise RefusedDeliveryError("DEL-ENCODING", f"declare one of {', '.join(ENCODINGS)}")
        return manifest

    @property
    def codec(self) -> str:
        """The Python codec that reads the declared encoding, byte-order mark included."""
        return ENCODINGS[self.encoding.lower()]
