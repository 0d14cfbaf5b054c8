"""After an erasure, an identifier of theirs in any text is found by the keyed hashes alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from assets.erasure.proof import identifiers, tokens
from assets.ingest import suppression
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect
from schemas.quarantine import Quarantine
from schemas.raw import Raw
from schemas.staged import CANONICAL
from tests.support.proof_texts import put

ERASED = (
    "identity_code:140285-9120",
    "identity_code:010203A913F",
    "email:aino@example.fi",
    "email:aino@xn--ljy-rna.example",
    "phone:+358409990111",
    "customer_number:C7000001",
    "visitor_id:a1a1a1a1a1a1a1a1",
    "user_id:AINO-L77",
    "contact_id:880001112223",
)
TEXTS = {
    ERASED[0]: [
        *("x 140285-9120", "140285 -912 0", "1402859120", "140285-912B", "140285-912"),
        *("14.02.1985-9120", "14-02-85 912 0", "1 4 0 2 8 5 9 1 2 0", "19850214-9120"),
        *("14.2.1985 9120", "hetu140285/9120", "040 999 0112 140285 9120"),
    ],
    ERASED[1]: ["010203a913f", "010203913F", "01 02 2003 A 913 F"],
    ERASED[2]: [
        "AINO@Example.FI",
        "mailto:aino%40example.fi",
        "aino%2540example.fi",
        r"aino\\u0040example.fi",
        "aino&#64;example.fi",
        "aino (at) example.fi",
        "ａｉｎｏ＠example.fi",
        "ai\u200bno@example.fi",
        "else@example.fi;aino@example.fi",
        *("aino ät example piste fi", "mail at aino@example.fi", "aino@example,fi"),
        *("aino@example.fi. Terveisin", "aino@example.fi-osoite", "aino=40example.fi"),
    ],
    ERASED[3]: ["aino@öljy.example"],
    ERASED[4]: [
        *("040 999 0111", "tel:+358-40-999-0111", "00358 (0)40 9990111", "358409990111"),
        *("0 4 0 9 9 9 0 1 1 1", "040/999/0111", "040_999_0111", "12.5.2026 040 999 0111"),
        *("0409990111 1", "040 999 0112 040 999 0111", "+358.40.999.0111"),
    ],
    ERASED[5]: ["customer c7000001.", "/my?id=C7000001&page=2", "C-7000001", "c 7000001"],
    ERASED[6]: ["A1A1A1A1A1A1A1A1"],
    ERASED[7]: ["account aino-l77", "/u/AINO-L77/x", "AINO_L77"],
    ERASED[8]: ["880 001 112 223", "880-001-112-223"],
}


@pytest.fixture(scope="module")
def erased(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    data_root = DataRoot(tmp_path_factory.mktemp("erased") / "data")
    data_root.create()
    with connect(data_root) as connection:
        connection.execute(
            "CREATE TABLE erased_identifiers AS SELECT unnest(?::VARCHAR[]) AS identifier",
            [list(ERASED)],
        )
        query = "SELECT identifier, 'Q1' AS request_id FROM erased_identifiers"
        suppression.add(data_root, connection, query, date(2026, 11, 23))
    return data_root


@pytest.fixture
def data_root(erased: DataRoot, tmp_path: Path) -> DataRoot:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    for path in (suppression.path(erased), erased.secrets / "pepper"):
        copy = data_root.root / path.relative_to(erased.root)
        copy.write_bytes(path.read_bytes())
    return data_root


def raw(data_root: DataRoot, text: str, **more: str) -> None:
    quoted = "'" + text.replace("'", "''") + "'"
    path = data_root.lake / "raw/crm/2026-11-20/a.parquet"
    put(data_root, Raw, path, record_no="0", payload=quoted, **{"faults": "['REC-JSON']", **more})


def findings(data_root: DataRoot, *, whole: bool) -> list[tuple[str, int]]:
    with connect(data_root) as connection:
        identifiers.prepare(data_root, connection)
        return [
            (finding.where, finding.count)
            for finding in identifiers.in_texts(data_root, connection, whole=whole)
        ]


@pytest.mark.parametrize(
    ("identifier", "text"),
    [(identifier, text) for identifier, texts in TEXTS.items() for text in texts],
)
def test_an_identifier_in_a_text_is_taken_for_what_it_is(
    erased: DataRoot, identifier: str, text: str
) -> None:
    with connect(erased) as connection:
        tokens.prepare(erased, connection)
        connection.execute("CREATE TABLE texts AS SELECT ? AS text", [text])
        tokens.find(connection, "FROM texts")
        read = {row[0] for row in connection.execute("FROM text_tokens").fetchall()}
    assert identifier in read


def test_an_unreadable_record_that_names_somebody_erased_is_found_each_night(
    data_root: DataRoot,
) -> None:
    raw(data_root, "broken,AINO%40EXAMPLE.FI,row")
    assert findings(data_root, whole=False) == [("raw.raw", 1)]
    assert [finding.code for finding in identifiers.remaining_in_register(data_root)] == [
        "PROOF-SUPPRESSED"
    ]


def test_a_quarantined_record_that_names_them_in_a_note_is_found_each_night(
    data_root: DataRoot,
) -> None:
    raw(data_root, '{"note": "call 040 999 0111"}', faults="[]")
    assert findings(data_root, whole=False) == []
    quarantined = data_root.lake / "quarantine/crm/2026-11-20/a.parquet"
    put(data_root, Quarantine, quarantined, record_no="0", scope="'record'")
    assert findings(data_root, whole=False) == [("raw.raw", 1)]


def test_a_mention_in_a_record_about_somebody_else_is_found_by_the_whole_proof(
    data_root: DataRoot,
) -> None:
    raw(data_root, '{"note": "spouse of 140285-9120"}', faults="[]", identifiers="['contact_id:1']")
    assert findings(data_root, whole=False) == []
    assert findings(data_root, whole=True) == [("raw.raw", 1)]


def test_a_mention_in_a_staged_text_is_found_by_the_whole_proof(data_root: DataRoot) -> None:
    raw(data_root, "{}", faults="[]")
    path = data_root.lake / "staged/website/2026-11-20/a/visits.parquet"
    put(
        data_root,
        CANONICAL["visits"],
        path,
        record_no="0",
        referrer_url="'/find?q=aino%40example.fi'",
    )
    assert findings(data_root, whole=True) == [("staged.visits", 1)]


def test_what_a_record_is_known_by_is_judged_by_its_identifiers(data_root: DataRoot) -> None:
    raw(data_root, "aino@example.fi", faults="[]", identifiers="['email:aino@example.fi']")
    assert findings(data_root, whole=True) == []


def test_texts_about_others_are_clean(data_root: DataRoot) -> None:
    raw(data_root, "maino@example.fi 040 999 0112 140285-9142 C70000012 a1a1a1a1a1a1a1a2")
    assert findings(data_root, whole=True) == []
