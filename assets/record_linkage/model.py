"""The estimated parameters of a linkage, as JSON: linking again with them gives the same
weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from assets.record_linkage.fields import Field
from assets.storage.safe_errors import PlainError

VERSION = 1
MIN_RECORDS = 50
TOLERANCE = 0.01
KIND_NAMES = ("careful", "moved", "careless", "household", "random")


class ModelError(PlainError):
    """The model does not fit the roles or this program; the message says what to do."""


@dataclass(frozen=True)
class Model:
    """The parameters of a linkage, for linking again.

    Attributes:
        fields: The names of the fields that were compared.
        levels: The names of each field's levels.
        theta: (kinds, fields, 8): the probability of each level in each kind of pair.
        priors: (kinds,): the share of each kind in all pairs of records.
        agreement: By column, the probability that two random records have the same value.
        slope: Calibrated bits are the weight times this, plus `offset`.
        offset: See `slope`.
        blocking_rules: The names of the rules that found any link.
        records: How many records the parameters were estimated from.
        dependence: By field, how far it follows from the family name (surname_dependence.py).
    """

    fields: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    theta: NDArray[np.float64]
    priors: NDArray[np.float64]
    agreement: dict[str, float] = field(default_factory=dict)
    slope: float = 1.0
    offset: float = 0.0
    blocking_rules: tuple[tuple[str, ...], ...] = ()
    records: int = 0
    dependence: dict[str, float] = field(default_factory=dict)

    def check(self, fields: Sequence[Field]) -> None:
        """Raises ModelError unless the model has these fields and levels."""
        names = tuple(compared.name for compared in fields)
        if self.fields != names or self.levels != level_names(fields):
            raise ModelError(
                f"the model was learned for the fields {', '.join(self.fields)}; the roles give "
                f"{', '.join(names)}; learn it again without --model"
            )

    def check_numbers(self) -> None:
        """Raises ValueError unless all numbers are probabilities, or bits."""
        probabilities = np.concatenate(
            [
                self.theta.ravel(),
                self.priors,
                np.array([*self.agreement.values(), *self.dependence.values()]),
            ]
        )
        sums = [
            self.theta[:, position, 1 : len(names) + 1].sum(axis=1)
            for position, names in enumerate(self.levels)
        ]
        if not (
            ((probabilities >= 0) & (probabilities <= 1 + TOLERANCE)).all()
            and np.isfinite([self.slope, self.offset]).all()
            and self.slope > 0
            and np.allclose(sums, 1, atol=TOLERANCE)
        ):
            raise ValueError

    def check_learned(self) -> None:
        """Raises ModelError if it was learned from so few records that it knows nothing."""
        if 0 < self.records < MIN_RECORDS:
            raise ModelError(
                f"the model was learned from {self.records} records, and {MIN_RECORDS} are needed; "
                "learn it from more, or link without it"
            )

    def to_json(self) -> str:
        """As JSON; numbers are written in full, so that `from_json` gives the same weights."""
        document = {
            "version": VERSION,
            "mix": _by_kind(self.priors),
            "slope": self.slope,
            "offset": self.offset,
            "alike": self.agreement,
            "passes": self.blocking_rules,
            "records": self.records,
            "dependence": self.dependence,
            "fields": [
                {
                    "name": name,
                    "levels": [
                        {"level": level, **_by_kind(self.theta[:, position, number])}
                        for number, level in enumerate(self.levels[position], 1)
                    ],
                }
                for position, name in enumerate(self.fields)
            ],
        }
        return json.dumps(document, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Model:
        """Raises ModelError for anything but a model of this version."""
        try:
            document = json.loads(text)
            if document["version"] != VERSION:
                raise ModelError(
                    f"the model is of version {document['version']}, "
                    f"this program reads version {VERSION}; learn it again"
                )
            fields = document["fields"]
            theta = np.ones((len(KIND_NAMES), len(fields), 8))
            for position, entry in enumerate(fields):
                for number, level in enumerate(entry["levels"], 1):
                    theta[:, position, number] = [float(level[kind]) for kind in KIND_NAMES]
            model = cls(
                fields=tuple(entry["name"] for entry in fields),
                levels=tuple(
                    tuple(level["level"] for level in entry["levels"]) for entry in fields
                ),
                theta=theta,
                priors=np.array([float(document["mix"][kind]) for kind in KIND_NAMES]),
                agreement={name: float(share) for name, share in document["alike"].items()},
                slope=float(document["slope"]),
                offset=float(document["offset"]),
                blocking_rules=tuple(
                    tuple(map(str, names)) for names in document.get("passes", ())
                ),
                records=int(document.get("records", 0)),
                dependence={
                    name: float(share) for name, share in document.get("dependence", {}).items()
                },
            )
            model.check_numbers()
            return model
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ModelError("this is no model; give a file that --model has written") from error


def _by_kind(values: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(KIND_NAMES, values.tolist(), strict=True))


def level_names(fields: Sequence[Field]) -> tuple[tuple[str, ...], ...]:
    """The names of the levels of each field."""
    return tuple(tuple(level.name for level in compared.levels) for compared in fields)
