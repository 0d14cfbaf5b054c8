"""What the package calls tables, columns, rules and values, in the registrant's language; what the
policy names is called as there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from assets.rights.access.redaction import REDACTED
from schemas import eligibility, profiles
from schemas.policy.model import Policy
from schemas.vocabulary import Language

# Columns whose values are words of the register's own.
_OF_CLOSED_LISTS = (
    "kind",
    "op",
    "choice",
    "status",
    "birth_date_precision",
    "channel",
    "purpose",
    "language",
    "native_language",
)


@cache
def words() -> Mapping[str, Any]:
    """The names that `labels.yaml` gives, by kind and key."""
    texts: Mapping[str, Any] = yaml.safe_load(
        files("assets.rights.access").joinpath("labels.yaml").read_text(encoding="utf-8")
    )
    return texts


def text(key: str, language: Language) -> str:
    """A sentence or word of the page. Raises KeyError for one that is not there."""
    return str(words()["texts"][key][language])


def name(kind: str, key: str, language: Language) -> str:
    """What a table or column is called; the system's own name where the words have none."""
    return str(words()[kind].get(key, words()["texts"].get(key, {})).get(language, key))


def value(column: str, stored: str, language: Language) -> str:
    """What a word of a closed list is called; any other value as it is stored, with what is
    redacted in it in the language.
    """
    if column in ("type", "subject_type"):
        return name("columns", stored, language)
    words_of = words()["values"]
    known = words_of["language"] if column in ("language", "native_language") else words_of["any"]
    if column in _OF_CLOSED_LISTS and stored in known:
        return str(known[stored][language])
    return redacted(stored, language)


def redacted(text_with: str, language: Language) -> str:
    """The text, with what is redacted in it marked in the language."""
    return text_with.replace(REDACTED, text("redacted", language))


def meaning(code: str, language: Language) -> str:
    """The meaning of a rule; in English where the texts have none."""
    numbers = {
        "engagement": profiles.ENGAGEMENT_DAYS,
        "consumption": profiles.CONSUMPTION_DAYS,
        "times": profiles.INTEREST_TIMES,
    }
    english = {**eligibility.CODES, **profiles.CODES}.get(code, code)
    template = words()["rules"].get(code, {}).get(language)
    return str(template).format(**numbers) if template else str(english)


def chosen(policy: Policy, wished: str | None) -> Language:
    """The policy's language for a registrant who wishes for `wished`; English, or the policy's
    first language, if the policy is not in that one.
    """
    if wished in policy.languages:
        return wished  # type: ignore[return-value]
    return "en" if wished and "en" in policy.languages else policy.languages[0]
