"""The documentation holds together: links, anchors, mentioned pages and mentioned modules exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
PAGES = sorted([*HOUSE.glob("*.md"), *(HOUSE / "docs").rglob("*.md")])
CODE = sorted(
    path
    for folder in ("schemas", "assets", "pipelines", "tests")
    for ending in ("py", "sql", "yaml", "jinja", "md")
    for path in (HOUSE / folder).rglob(f"*.{ending}")
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
MENTIONED_PAGE = re.compile(r"(?<![\w{}*<>/.-])[\w./-]*\w\.md\b(?![.(])")
MENTIONED_PATH = re.compile(r"`((?:assets|schemas|pipelines|tests|docs)/[\w./-]*)`")
MENTIONED_MODULE = re.compile(r"`(\w+\.py)`")
# The source that docs/adding-a-source.md adds as an example.
EXAMPLE = "prohibition_list"
# What commands of the access package and of the notices write.
WRITTEN = {"notice.md"}


def name_of(path: Path) -> str:
    return str(path.relative_to(HOUSE))


def headings(page: Path) -> Iterator[str]:
    """The anchors of a page, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in set(headings(target))):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("path", [*PAGES, *CODE], ids=name_of)
def test_every_page_that_is_mentioned_exists(path: Path) -> None:
    names = {page.name for page in PAGES} | {page.name for page in CODE} | WRITTEN
    mentioned = set(MENTIONED_PAGE.findall(path.read_text(encoding="utf-8")))
    missing = {
        page
        for page in mentioned
        if not any((folder / page).exists() for folder in (HOUSE, HOUSE / "docs", path.parent))
        and ("/" in page or page not in names)
    }
    assert sorted(missing) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_module_that_a_page_mentions_exists(page: Path) -> None:
    mentioned = MENTIONED_PATH.findall(page.read_text(encoding="utf-8"))
    missing = {path for path in mentioned if EXAMPLE not in path and not (HOUSE / path).exists()}
    modules = {path.name for path in CODE}
    missing |= set(MENTIONED_MODULE.findall(page.read_text(encoding="utf-8"))) - modules
    assert sorted(missing) == []


def test_the_index_of_decisions_lists_every_page() -> None:
    folder = HOUSE / "docs" / "decisions"
    listed = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert {page.name for page in folder.glob("*.md")} - {"README.md"} == listed


def test_the_readme_names_every_folder_of_assets() -> None:
    readme = (HOUSE / "README.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in (HOUSE / "assets").glob("*/__init__.py")}
    assert sorted(name for name in folders if f"`assets/{name}/`" not in readme) == []


def test_the_readme_names_no_folder_that_is_not_there() -> None:
    readme = (HOUSE / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([\w/]+)/`", readme, re.MULTILINE)
    assert named
    assert [name for name in named if not (HOUSE / name).is_dir()] == []
