"""What a source module hands to the writer: vendor records as text, and the truth behind each."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.synthetic.arrow_text import Ints, Text
from pipelines.synthetic.cases import case_code

NOBODY = 0


@dataclass(frozen=True)
class Records:
    """Records of a dataset, an element each: the file's text, the delivery day and the truth."""

    text: Text
    day: Ints  # index of the delivery day
    native_key: Text  # null where the record has none
    person: Ints  # NOBODY where no registrant stands behind it
    case: Ints  # index into cases.every_case(), -1 none
    about: Ints  # the calendar day of the record's content (days since 1970), for manifests

    def __len__(self) -> int:
        return len(self.text)

    def take(self, rows: Ints) -> Records:
        """The records at these rows, in their order."""
        arrow = pa.array(rows)
        return Records(
            self.text.take(arrow),
            self.day[rows],
            self.native_key.take(arrow),
            self.person[rows],
            self.case[rows],
            self.about[rows],
        )

    @staticmethod
    def concat(parts: list[Records]) -> Records:
        """The parts' records one after the other."""
        columns = {}
        for field in fields(Records):
            values = [getattr(part, field.name) for part in parts]
            arrow = isinstance(values[0], (pa.Array, pa.ChunkedArray))
            columns[field.name] = pa.concat_arrays(values) if arrow else np.concatenate(values)
        return Records(**columns)

    def with_duplicates(self, rows: Ints, case: str) -> Records:
        """These records followed by exact copies of some of them, in the same files."""
        copies = self.take(rows)
        copies.case[:] = case_code(case)
        return Records.concat([self, copies])

    def shuffled(self, rng: np.random.Generator) -> Records:
        """The same records in another order."""
        return self.take(rng.permutation(len(self)))


def nullable(text: Text) -> Text:
    """Empty texts as null."""
    return pc.if_else(pc.equal(text, ""), None, text)
