"""What every connector has: its settings, its secrets, and what a fetch returns.

A connector is the model of its section of `connectors.yaml`. It says which source and datasets its
records are of, and fetches what is new since its watermark.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from assets.connectors import watermarks
from assets.connectors.watermarks import Mark
from assets.connectors.web_api import Clock, FetchError
from assets.sources.all_sources import SOURCES
from assets.sources.source import Source
from assets.storage.data_root import DataRoot

LARGEST_SECRET = 65_536


class Settings(BaseModel):
    """A part of `connectors.yaml`: no other fields than those declared."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Secret(Settings):
    """Where a secret is: in a file or in a variable of the environment; never the secret itself."""

    file: Path | None = None
    env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Secret:
        if (self.file is None) == (self.env is None):
            raise ValueError
        return self

    def read(self) -> str:
        """Return the secret, without blanks around it.

        Raises:
            FetchError: There is none.
        """
        try:
            if self.file is not None:
                with self.file.open("rb") as file:
                    text = file.read(LARGEST_SECRET).decode().strip()
            else:
                text = os.environ.get(self.env or "", "").strip()
        except (OSError, UnicodeDecodeError):
            text = ""
        if not text:
            raise FetchError("FETCH-SECRET")
        return text


@dataclass(frozen=True)
class Fetching:
    """What a fetch works with.

    Attributes:
        locked: Returns the writer's lock, which is taken for moments only: a server may be slow.
        since: The day from which to fetch, in place of the watermark.
    """

    data_root: DataRoot
    locked: Callable[[], AbstractContextManager[None]]
    clock: Clock = field(default_factory=Clock)
    since: date | None = None

    @property
    def today(self) -> date:
        """The delivery day, in the policy's time zone."""
        return self.clock.now().astimezone(self.data_root.policy.zone).date()

    def mark(self, name: str) -> Mark:
        """Return the watermark of a connector."""
        return watermarks.read(self.data_root, name)

    def advance(self, name: str, mark: Mark) -> None:
        """Move the watermark, after what is before it is durable in the inbox."""
        if mark != self.mark(name):
            with self.locked():
                watermarks.write(self.data_root, name, mark)


@dataclass
class Fetched:
    """What a fetch has done, as counts.

    Attributes:
        requests: Requests to an API, or files copied.
        redelivered: Deliveries that were in the inbox or taken in already, byte for byte.
    """

    deliveries: int = 0
    records: int = 0
    requests: int = 0
    redelivered: int = 0


class Connector(Settings, ABC):
    """A section of `connectors.yaml`.

    Attributes:
        purpose: The policy's purpose of its deliveries; the source's own if it is left out.
    """

    purpose: str | None = None

    @property
    @abstractmethod
    def origin(self) -> str:
        """The source that its deliveries are of."""

    @property
    @abstractmethod
    def dataset_names(self) -> tuple[str, ...]:
        """The datasets that its deliveries are of."""

    @abstractmethod
    def fetch(self, name: str, fetching: Fetching) -> Fetched:
        """Fetch what is new into the inbox.

        Raises:
            FetchError: Something could not be fetched; what was delivered before stays delivered.
        """

    @property
    def source(self) -> Source:
        return next(source for source in SOURCES if source.name == self.origin)

    @property
    def purpose_in_force(self) -> str:
        return self.purpose or self.source.purpose

    def unknown(self) -> str:
        """Return the source, or its dataset, that no module declares; empty if there is none."""
        source = next((each for each in SOURCES if each.name == self.origin), None)
        if source is None:
            return self.origin
        missing = [name for name in self.dataset_names if source.dataset(name) is None]
        return f"{self.origin}/{missing[0]}" if missing else ""
