"""A short campaign: `make campaign` runs a long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaign.disturbances import Kind

FOLDER = Path(__file__).parents[2]


def test_a_disturbed_refresh_loses_nothing_and_says_what_stopped_it(tmp_path: Path) -> None:
    """Once by each; by SIGINT in tests/e2e/test_interrupts.py."""
    kinds = (Kind.TERMINATED, Kind.FULL_DISK)
    command = [sys.executable, "-m", "tests.campaign", "--trials", "2", "--registrants", "40"]
    campaign = subprocess.run(
        [*command, "--steps", "refresh", "--kinds", *kinds, "--folder", str(tmp_path)],
        check=False,
        cwd=FOLDER,
        capture_output=True,
        text=True,
    )
    if "nothing may be mounted here" in campaign.stdout:
        pytest.skip("a full disk is a small disk that is mounted, which this machine forbids")
    assert (campaign.returncode, campaign.stderr) == (0, ""), campaign.stdout
    assert "2 trials" in campaign.stdout
