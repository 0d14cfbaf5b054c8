"""Where Dagster keeps its instance: in the data root, with the settings that are shipped."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from assets.durable import writing
from pipelines.resources import home_path


def prepare_dagster() -> None:
    """Point Dagster at the data root's instance, which is made when missing; before an instance is asked for."""
    home = home_path() / "dagster"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chmod(home, 0o700)
    settings = home / "dagster.yaml"
    shipped = Path(str(files("pipelines"))).parent / "dagster.yaml"
    if not settings.exists():
        with writing(settings) as unfinished:
            unfinished.write_text(shipped.read_text())
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_REDACT_USER_CODE_ERRORS", "1")
