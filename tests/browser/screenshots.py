"""The pictures of the documentation, taken of the real UI on invented data: `make screenshots`.

A refresh of 300 invented people and one waiting request for erasure, in a data root that is thrown
away. Needs Chromium, as `make browser` does.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.browser.chromium import Page, chromium
from tests.support.commands import console_script
from tests.support.ui import running_ui

IMAGES = Path(__file__).parents[2] / "docs" / "images"
LARGEST = 200_000
"""Bytes of a picture in the repository."""


class Picture(NamedTuple):
    """A page of the UI, what must be on it, and the button that opens the dialog to show."""

    path: str
    shows: str
    press: str = ""


_REFRESH, _ERASURE = "/locations/register/jobs/refresh", "/locations/register/jobs/erasure_backfill"
PICTURES = {
    "automation": Picture("/automation", "nightly_refresh"),
    "refresh-days": Picture(_REFRESH, "Materialize all", "Materialize all"),
    "backfill-days": Picture("/assets/staged/crm", "Materialize", "Materialize"),
    "columns": Picture("/assets/marts/customer_care", "registrants.given_names"),
    "conservation-check": Picture(
        "/assets/staged/crm?view=checks&checkDetail=conservation", "delivered"
    ),
    "erasure-launch": Picture(_ERASURE, "Materialize all", "Materialize all"),
}


def press(page: Page, text: str) -> None:
    """Press the first button with a text that begins so."""
    find = (
        "[...document.querySelectorAll('button')]"
        f".find(button => button.innerText.trim().startsWith({json.dumps(text)}))"
    )
    page.wait(f"{find} && !{find}.disabled")
    page.value(f"{find}.click()")


def invented(root: Path) -> None:
    """Fill a data root with 300 invented people and a request."""
    asked = ("--channel", "written", "--customer-number", "C0000001")
    for command in (("run", "--registrants", "300"), ("request", "erasure", *asked)):
        ended = console_script(root, *command)
        assert ended.code == 0, ended.err


def take(root: Path) -> None:
    """Take every picture of a data root; fail for one that is too large to commit."""
    with running_ui(root) as ui, chromium("unused.example") as page:
        page.open(ui.link())
        for name, picture in PICTURES.items():
            page.open(
                f"{ui.address}{picture.path}",
                f"document.body.innerText.includes({json.dumps(picture.shows)})",
            )
            if picture.press:
                press(page, picture.press)
                page.wait("document.body.innerText.includes('Partition selection')")
            page.wait("!document.body.innerText.includes('Loading')")
            file = IMAGES / f"{name}.png"
            page.capture(file)
            size = file.stat().st_size
            assert size < LARGEST, (name, size)
            print(f"{file.name}: {size:,} bytes")


def main() -> None:
    """Take the pictures of the data root that is named, or of one made for them."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(sys.argv[1]) if sys.argv[1:] else Path(folder) / "data"
        if not root.exists():
            invented(root)
        take(root)


if __name__ == "__main__":
    main()
