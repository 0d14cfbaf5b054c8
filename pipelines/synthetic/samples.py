"""What a module adds to the sample, and finding the modules that add something.

A module of this folder with a `SAMPLE` writes deliveries of its source: nothing else lists it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

import pipelines.synthetic
from pipelines.synthetic.arrow_text import Ints
from pipelines.synthetic.cases import Case
from pipelines.synthetic.contact_points import ContactPoints
from pipelines.synthetic.crm.contacts import ContactKeys
from pipelines.synthetic.formats import Format
from pipelines.synthetic.lives import Lives
from pipelines.synthetic.people import People
from pipelines.synthetic.planting import Chunk, Sequence
from pipelines.synthetic.records import Records


@dataclass(frozen=True)
class Drawn:
    """What is known of a chunk's people before the sources of `SAMPLE`s write about them.

    Attributes:
        visitors: The rows of the people who have visited the website.
        running: The vendors' running numbers, which go on from chunk to chunk.
    """

    people: People
    lives: Lives
    points: ContactPoints
    contact_keys: ContactKeys
    visitors: Ints
    running: dict[str, Sequence]

    def numbers(self, name: str, first: int = 1) -> Sequence:
        """Return the running numbers of this name."""
        return self.running.setdefault(name, Sequence(first))


@dataclass(frozen=True)
class Sample:
    """A module's part of the sample.

    Attributes:
        formats: Its files.
        draw: Makes the records of a chunk, by format.
        cases: What is out of the ordinary in them; `Planting` chooses the rows.
    """

    formats: tuple[Format, ...]
    draw: Callable[[Chunk, Drawn], Iterable[tuple[Format, Records]]]
    cases: tuple[Case, ...] = field(default=())


@cache
def samples() -> tuple[Sample, ...]:
    """Return the `SAMPLE` of each module that has one, by the module's name."""
    names = sorted(
        module.name
        for module in pkgutil.walk_packages(
            pipelines.synthetic.__path__, f"{pipelines.synthetic.__name__}."
        )
    )
    declared = [getattr(import_module(name), "SAMPLE", None) for name in names]
    return tuple(sample for sample in declared if isinstance(sample, Sample))
