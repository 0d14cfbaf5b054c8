"""An attack on an erasure: odd records in odd spellings, and then every byte of the data root
searched by other means.

What was planted is removed, redacted within records of others, or counted on the certificate. The
search here is plain Python and shares nothing with the product: every text is unescaped and reduced
to letters and digits.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from assets.storage.data_root import DataRoot
from schemas.marts import MARTS
from tests.support.commands import Ended, register
from tests.support.data_roots import mart_tables, parquet_rows
from tests.support.deliveries import csv, put
from tests.support.erasing import TODAY, cleared
from tests.support.namesakes import (
    AGAIN,
    FIRST_DAY,
    LEAVES,
    SECOND_DAY,
    STAYS,
    contact,
    deliver,
    visit,
)
from tests.support.registers import refresh

EMAIL, PHONE, CODE = LEAVES.email, LEAVES.phone, LEAVES.identity_code
WIDE = "".join(
    chr(ord(character) + 0xFEE0) if character.isalnum() else character for character in EMAIL
)
MARKER = "zqmarker"
"""In every planted record, with a number: records that are theirs must be gone with all that is in
them.
"""

UNREADABLE = [
    EMAIL.upper(),
    quote(EMAIL, safe=""),
    quote(quote(EMAIL, safe=""), safe=""),
    EMAIL.replace("@", r"\u0040"),
    EMAIL.replace("@", "&#64;"),
    WIDE,
    EMAIL.replace("@", "\u200b@"),
    f"mailto:{EMAIL}?subject=x",
    f"else.where@example.fi;{EMAIL}",
    "040 999 0111",
    "(040) 999-0111",
    "00358 40 9990111",
    f"tel:{PHONE}",
    CODE.replace("-", " -"),
    CODE.replace("-", ""),
    CODE[:-1] + "Y",
    "0 4 0 9 9 9 0 1 1 1",
    "040_999_0111",
    EMAIL.replace("@", " [at] "),
    EMAIL.replace("@", "=40"),
    f"hetu{CODE}",
    CODE.replace("-", "--"),
    f"{CODE[:2]}.{CODE[2:4]}.19{CODE[4:]}",
    LEAVES.customer_number.lower(),
]
MENTIONS = [
    EMAIL,
    EMAIL.upper(),
    quote(EMAIL, safe=""),
    "040 999 0111",
    CODE,
    "40.999.0111",
    "040_999_0111",
    EMAIL.replace("@", "(at)"),
    EMAIL.replace("@", "=40"),
    EMAIL.replace(".fi", "。fi"),
    f"hetu{CODE}",
    CODE.replace("-", "//"),
    f"{LEAVES.customer_number[:1]}-{LEAVES.customer_number[1:]}",
]
BYSTANDERS = [f"m{EMAIL}", f"{PHONE}2", f"{LEAVES.customer_number}7"]


def plant(data_root: DataRoot) -> None:
    """Unreadable and quarantined records of theirs, mentions in others' records, and a record that
    is only near.
    """
    odd = contact("880001118888", "Aino", f"{MARKER}kaima", f"{EMAIL}; x@example.fi", "")
    rows, width = csv([odd]), len(odd)
    near = '"x","Aino Kaima, s. 14.2.1985"' + ',"x"' * width + "\n"
    broken = "".join(
        f'"{MARKER}{number}","{text}"' + ',"x"' * width + "\n"
        for number, text in enumerate([*UNREADABLE, *BYSTANDERS])
    )
    count = 2 + len(UNREADABLE) + len(BYSTANDERS)
    put(data_root, "crm", SECOND_DAY, "contacts", rows + (near + broken).encode(), count)
    lines = [f'{{"socialSecurityNumber": "{text}", "{MARKER}": }}' for text in UNREADABLE[:5]]
    put(
        data_root,
        "credit_bureau",
        SECOND_DAY,
        "credit_reports",
        "\n".join(lines).encode(),
        len(lines),
    )
    visits = []
    for number, text in enumerate(MENTIONS):
        url = f"https://www.example.fi/kept{number}?to={text}"
        visited = visit(STAYS.visit + 100 + number, STAYS.visitor_id, None, 7200 + number)
        visits.append({**visited, "actionDetails": [{"type": "action", "url": url}]})
    put(data_root, "website", SECOND_DAY, "visits", json.dumps(visits).encode(), len(visits))
    event = {
        "event_ts": "2026-10-04T08:00:00Z",
        "purpose": "direct_marketing",
        "channel": "email",
        "status": "granted",
        "source": "web-form",
        "text_version": "2025-03",
        "language": "fi",
    }
    events = [
        {**event, "subject_key_type": "pigeon", "subject_key": EMAIL, "evidence": MARKER},
        {
            **event,
            "subject_key_type": "email",
            "subject_key": STAYS.email,
            "evidence": f"kept {CODE}",
        },
    ]
    put(data_root, "consents", SECOND_DAY, "consent_log", csv(events), len(events))


@dataclass(frozen=True)
class Attacked:
    """What the files of the data root have after the erasure, by path, and the output of the
    commands.
    """

    left: dict[str, str]
    erased: Ended
    verified: Ended
    certificate: dict[str, Any]


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Attacked:
    root = tmp_path_factory.mktemp("attacked") / "data"
    deliver(root, FIRST_DAY, SECOND_DAY)
    plant(DataRoot(root))
    refresh(DataRoot(root), TODAY, MARTS)
    assert {"raw", "staged", "register"} <= {
        Path(path).parts[1] for path in files_containing(reduced(root))
    }
    request_id = register(
        root, "request", "erasure", "--channel", "written", "--identity-code", CODE
    ).out.strip()
    cleared(DataRoot(root), [request_id])
    erased = register(root, "erase", "--as-of", AGAIN)
    verified = register(root, "verify", "--json")
    path = root / "requests" / "certificates" / f"{request_id}.json"
    certified = json.loads(path.read_bytes())["certificate"] if path.exists() else {}
    return Attacked(reduced(root), erased, verified, certified)


def texts(path: Path) -> Iterator[str]:
    if path.suffix == ".parquet":
        yield from (str(value) for row in parquet_rows(path) for value in row if value)
    elif path.suffix == ".duckdb":
        for rows in mart_tables(path).values():
            yield from (str(value) for row in rows for value in row if value)
    yield path.read_bytes().decode("utf-8", "ignore")


def squeezed(text: str) -> str:
    """A text without escapes, marks and everything but letters and digits; zero bytes and line ends
    are kept apart.
    """
    for _ in range(3):
        text = re.sub(r"\\u([0-9a-f]{4})", lambda unit: chr(int(unit[1], 16)), html.unescape(text))
        text = unquote(text)
    return re.sub(r"[^a-z0-9\n]", "", unicodedata.normalize("NFKC", text).lower())


THEIRS = {
    re.sub(r"[^a-z0-9]", "", text.lower())
    for text in (EMAIL, LEAVES.customer_number, LEAVES.contact_id, LEAVES.visitor_id, CODE[:10])
} | {
    PHONE.removeprefix("+358"),
    *(hashlib.sha256(contact.encode()).hexdigest() for contact in (EMAIL, PHONE)),
    *(
        hashlib.md5(f"{kind}:{identifier}".encode(), usedforsecurity=False).hexdigest()
        for kind, identifier in (("identity_code", CODE), ("email", EMAIL), ("phone", PHONE))
    ),
}
OF_BYSTANDERS = [re.sub(r"[^a-z0-9]", "", bystander.lower()) for bystander in BYSTANDERS]


def reduced(root: Path) -> dict[str, str]:
    """Every file but the inbox's in letters and digits, without what is longer than theirs and a
    bystander's.
    """
    files = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and "inbox" not in path.relative_to(root).parts:
            text = "\n".join(map(squeezed, texts(path)))
            for longer in OF_BYSTANDERS:
                text = text.replace(longer, "\n")
            files[str(path.relative_to(root))] = text
    return files


def files_containing(files: dict[str, str], identifiers: set[str] = THEIRS) -> list[str]:
    return [
        path
        for path, text in files.items()
        if any(identifier in text for identifier in identifiers)
    ]


def test_the_erasure_is_proven_and_certified(attacked: Attacked) -> None:
    assert (attacked.erased.code, attacked.erased.err) == (0, "")
    assert (attacked.verified.code, attacked.verified.data["findings"]) == (0, [])


def test_no_spelling_of_any_identifier_is_left_in_any_byte(attacked: Attacked) -> None:
    assert files_containing(attacked.left) == []


def test_of_their_odd_records_nothing_else_is_left_either(attacked: Attacked) -> None:
    """A code without its sign, or a number in small letters, may be another's: that is redacted,
    and its record stays.
    """
    unsure = (CODE.replace("-", ""), LEAVES.customer_number.lower())
    sure = [number for number, text in enumerate(UNREADABLE) if text not in unsure]
    odd = {f"{MARKER}{number}" for number in sure if number > 9}
    assert files_containing(attacked.left, odd) == []


def test_unreadable_records_of_bystanders_and_others_records_stay(attacked: Attacked) -> None:
    kept = {f"{MARKER}{len(UNREADABLE) + number}" for number in range(len(BYSTANDERS))}
    kept |= {f"kept{number}" for number in range(len(MENTIONS))}
    assert [text for text in sorted(kept) if not files_containing(attacked.left, {text})] == []


def test_what_remains_is_counted_with_its_reason(attacked: Attacked) -> None:
    remains = {
        remaining["what"]: remaining["count"] for remaining in attacked.certificate["remains"]
    }
    assert [count for what, count in remains.items() if "records near" in what] == [1]
    assert remains["rows of category order, without their person"] == 1
    assert sum(attacked.certificate["redacted"].values()) >= len(MENTIONS) + 1
