"""JSON in the one form that is hashed and signed: sorted keys, no blanks, UTF-8, no key twice."""

from __future__ import annotations

import json
from typing import Any


class NotCanonicalError(ValueError):
    """The bytes are not an object in its one canonical form."""


def canonical(content: object) -> bytes:
    """Return the content's canonical form."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def parse_canonical(text: bytes) -> dict[str, Any]:
    """Parse an object that is byte for byte in its canonical form.

    Raises:
        NotCanonicalError: It is not. A key that occurs twice would silently get the last value.
    """
    try:
        content = json.loads(text)
        if isinstance(content, dict) and canonical(content) == text:
            return content
    except (ValueError, RecursionError):
        pass
    raise NotCanonicalError
