"""What was learned of a data set, as JSON: used again, a link weighs the same next time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from assets.record_linkage.fields import Field
from assets.storage.safe_errors import PlainError

VERSION = 1
KIND_NAMES = ("careful", "moved", "careless", "household", "random")


class ModelError(PlainError):
    """The model does not fit the roles or this program; the message says what to do."""


@dataclass(frozen=True)
class Model:
    """`theta` (kinds, fields, 8): how often each level occurs in each kind of pair; `mix` (kinds): their shares of all pairs.

    `alike`: how likely two random records share a value of a column. `slope` and
    `offset` turn a weight into calibrated bits. `passes` and `records`: which keys found anybody, and of how many records it was learned, for
    linkage that is repeated with it.
    """

    fields: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    theta: NDArray[np.float64]
    mix: NDArray[np.float64]
    alike: dict[str, float] = field(default_factory=dict)
    slope: float = 1.0
    offset: float = 0.0
    passes: tuple[tuple[str, ...], ...] = ()
    records: int = 0

    def check(self, fields: Sequence[Field]) -> None:
        """Raises ModelError unless it was learned for these fields and levels."""
        if self.fields != tuple(one.name for one in fields) or self.levels != levels_of_fields(
            fields
        ):
            raise ModelError(
                f"the model was learned for the fields {', '.join(self.fields)}; "
                f"the roles give {', '.join(one.name for one in fields)}; learn it anew without --model"
            )

    def to_json(self) -> str:
        """As text; numbers are written in full, so that reading it back gives the same weights."""
        said = {
            "version": VERSION,
            "mix": dict(zip(KIND_NAMES, self.mix.tolist(), strict=True)),
            "slope": self.slope,
            "offset": self.offset,
            "alike": self.alike,
            "passes": self.passes,
            "records": self.records,
            "fields": [
                {
                    "name": name,
                    "levels": [
                        {
                            "level": level,
                            **dict(
                                zip(KIND_NAMES, self.theta[:, place, number].tolist(), strict=True)
                            ),
                        }
                        for number, level in enumerate(self.levels[place], 1)
                    ],
                }
                for place, name in enumerate(self.fields)
            ],
        }
        return json.dumps(said, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Model:
        """Raises ModelError for what is no model of this version."""
        try:
            said = json.loads(text)
            if said["version"] != VERSION:
                raise ModelError(
                    f"the model is of version {said['version']}, this program reads version {VERSION}; learn it anew"
                )
            theta = np.ones((len(KIND_NAMES), len(said["fields"]), 8))
            for place, one in enumerate(said["fields"]):
                for number, level in enumerate(one["levels"], 1):
                    theta[:, place, number] = [float(level[kind]) for kind in KIND_NAMES]
            return cls(
                fields=tuple(one["name"] for one in said["fields"]),
                levels=tuple(
                    tuple(level["level"] for level in one["levels"]) for one in said["fields"]
                ),
                theta=theta,
                mix=np.array([float(said["mix"][kind]) for kind in KIND_NAMES]),
                alike={name: float(share) for name, share in said["alike"].items()},
                slope=float(said["slope"]),
                offset=float(said["offset"]),
                passes=tuple(tuple(map(str, names)) for names in said.get("passes", ())),
                records=int(said.get("records", 0)),
            )
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ModelError("this is no model; give a file that --model has written") from error


def levels_of_fields(fields: Sequence[Field]) -> tuple[tuple[str, ...], ...]:
    """The names of the levels of each field."""
    return tuple(tuple(level.name for level in one.levels) for one in fields)
