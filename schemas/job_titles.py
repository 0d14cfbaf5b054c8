"""Duties by job title: whole words in Finnish, Swedish and English, and words that rule them out.

A contact person of a company is marketed to without consent only for what they do there (917/2014,
202 §). The list `reference/job_titles.csv` names duties, and the words of a title that show them;
under `not` the words of people who serve somebody with such duties, had them, or are learning them:
a secretary of the managing director is none. `*` stands for the beginning of a word.

A hyphen parts words, a colon or apostrophe does not: `VD:n` and `CEO's` are about somebody else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from schemas.reference.tables import read_reference

EXCLUDED = "not"


@lru_cache
def duties() -> dict[str, tuple[str, ...]]:
    """Duties -> the words of job titles that show them; `not` has those that rule them out."""
    listed: dict[str, tuple[str, ...]] = {}
    for row in read_reference("job_titles.csv"):
        listed[row["duties"]] = (*listed.get(row["duties"], ()), row["words"])
    return listed


def titles_with_duties(title: str, wanted: Iterable[str]) -> str:
    """Return whether a job title shows one of the duties, as SQL.

    Args:
        title: The title, as SQL.
        wanted: Duties of the list; any other is itself the words of a title.
    """
    listed = duties()
    words = [word for duty in wanted for word in listed.get(duty, (duty,))]
    if not words:
        return "false"
    written = f"""(' ' || regexp_replace(
        lower(nfc_normalize({title})), '[^\\pL\\pN:''’]+', ' ', 'g') || ' ')"""
    return f"""coalesce(regexp_matches({written}, '{_pattern(words)}')
        AND NOT regexp_matches({written}, '{_pattern(listed[EXCLUDED])}'), false)"""


def _pattern(words: Iterable[str]) -> str:
    """Return a pattern of any of the words, in a title between blanks.

    A word with a star is the end of one. All of them are behind one class of letters, which takes
    milliseconds to compile.
    """
    plain = [" ".join(word.lower().replace("-", " ").split()) for word in words]
    whole = [_escaped(word) for word in plain if not word.startswith("*")]
    ends = [_escaped(word[1:]) for word in plain if word.startswith("*")]
    each = [*whole, *([rf"\pL*({'|'.join(ends)})"] if ends else [])]
    return f" ({'|'.join(each)}) ".replace("'", "''")


def _escaped(word: str) -> str:
    return re.escape(word).replace(r"\*", r"\pL*")
