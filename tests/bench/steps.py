"""Where a refresh spent its time: step by step out of the Dagster instance, and the register's own
parts.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from pathlib import Path


def step_seconds(root: Path) -> dict[str, float]:
    """Seconds per step, summed over the runs of a data root, longest first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dagster as dg

        total: Counter[str] = Counter()
        with dg.DagsterInstance.from_config(str(root / "dagster")) as instance:
            for run in instance.get_runs():
                for step in instance.get_run_step_stats(run.run_id):
                    if step.start_time and step.end_time:
                        seconds = step.end_time - step.start_time
                        total[step.step_key] += seconds  # type: ignore[assignment]
    return dict(total.most_common())


def register_seconds(root: Path) -> dict[str, float]:
    """The parts of building the register, as the last build noted them."""
    noted: dict[str, float] = json.loads((root / "lake" / "register" / "built.json").read_text())[
        "counts"
    ]["seconds"]
    return noted
