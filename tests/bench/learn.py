"""Learns the register's linkage model again: `python -m tests.bench.learn REGISTER_HOME` writes
assets/register/model.json.

The data root holds `register sample --registrants 100000`, taken in. What is written are levels,
weights and blocking rules.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import assets.register
from assets.register import membership, source_statements
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect


def learn(root: Path, today: date) -> str:
    """The model that the people of a data root teach, as JSON."""
    data_root = DataRoot(root)
    with connect(data_root) as connection:
        source_statements.gather(data_root, connection, today)
        membership.make_source_persons(data_root, connection, today)
        membership.make_people(connection)
        return membership.prepare(data_root, connection).learn().to_json()


if __name__ == "__main__":
    model = learn(Path(sys.argv[1]), date.today())  # noqa: DTZ011  (ages do not matter)
    Path(assets.register.__file__).with_name("model.json").write_text(
        model + "\n", encoding="utf-8"
    )
