"""The form of a request that is delivered as a file, one JSON object."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.requests import IDENTIFIERS, Channel, Right
from schemas.vocabulary import CHANNELS, REGISTRANT_PURPOSES

IdentifierValue = Annotated[str, Field(min_length=1, max_length=254)]


class InboxRequest(BaseModel):
    """One file of `requests/inbox/`.

    `received` is the day of the letter or conversation; without it the day of the file. `verified`
    is how the system that wrote the file made sure who asks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    right: Right
    channel: Channel = "other"
    received: date | None = None
    verified: Literal["strong_identification", "signed_in"] | None = None
    identifiers: Annotated[
        dict[Literal[IDENTIFIERS], IdentifierValue],  # type: ignore[valid-type]
        Field(min_length=1),
    ]
    purpose: Literal[REGISTRANT_PURPOSES] | None = None  # type: ignore[valid-type]
    by: Literal[CHANNELS] = "all"  # type: ignore[valid-type]
    situation: Annotated[str, Field(max_length=20_000)] = ""
    values: dict[
        Annotated[str, Field(pattern="^[a-z_]{1,40}$")], Annotated[str, Field(max_length=1_000)]
    ] = {}
