"""Names of columns and keys, compared as people read them rather than by their code points.

Exports write one name in many ways: no-break and zero-width spaces, decomposed or full-width
letters, other capitals. What looks the same compares as equal here; no name is ever shown unless
a dataset declares it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

# Passwords are dropped at intake (P5.1 names them; never stored).
_SECRET = re.compile(r"passw|pass[\W_]word|sala[\W_]?sana|losen[\W_]?ord")


def trimmed(name: str) -> str:
    """Return the name without white space and invisible characters around it."""
    visible = [place for place, letter in enumerate(name) if not _is_blank(letter)]
    return name[visible[0] : visible[-1] + 1] if visible else ""


def folded(name: str) -> str:
    """Return the form in which two columns of one file are compared with each other."""
    return _folded("NFC", name)


def compatible(name: str) -> str:
    """Return the form in which a column is compared with declared ones; folds full width."""
    return _folded("NFKC", name)


def is_secret(name: str) -> bool:
    """Return whether the name means that its values are passwords, in any Unicode form."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    return bool(_SECRET.search("".join(letter for letter in letters if not _is_mark(letter))))


def _folded(form: Literal["NFC", "NFKC"], name: str) -> str:
    """Case-folded, without invisible characters, with one space for any white space between."""
    visible = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")
    folded_name = unicodedata.normalize(form, visible).casefold()
    return unicodedata.normalize(form, " ".join(folded_name.split()))


def _is_blank(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter) in {"Cf", "Cc"}


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter) in {"Cf", "Cc", "Mn", "Me"}
