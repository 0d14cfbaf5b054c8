"""At intake, mentions of somebody on the list are recognised by their keyed hashes, in any
spelling that the removal knows.
"""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from assets.ingest import suppression
from assets.ingest.mentions import suppressed_texts
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect
from tests.support.spellings import CODE as WITHOUT_CHECK
from tests.support.spellings import EMAIL, FOREIGN, OTHERS, PHONE, THEIRS

CODE = WITHOUT_CHECK[:-1] + "0"
IDS = ("customer_number:C7000001", "contact_id:880001112223", "user_id:AINO-L77")
# What shows nothing of what it is, or has a mistake and separators, is not known by a hash.
NOT_BY_HASH = {"140285-912", "x140285-9120y"}
WRITTEN = THEIRS | {
    CODE: [text.replace("2A", "20").replace("2 A", "2 0") for text in THEIRS[WITHOUT_CHECK]]
}
MORE = {
    CODE: [
        "14-02-85 9120",
        "14.02.1985-9120",
        "19850214 9120",
        "14.2.1985-9120",
        "hetu140285/9120",
        "1 4 0 2 8 5 - 9 1 2 0",
        "140285-912B",
    ],
    EMAIL: [
        "aino piste lahtija (at) example piste fi",
        "aino.lahtija@example,fi",
        "aino.lahtija@example.fi. Terveisin",
        "/find?q=aino.lahtija@example.fi",
        "=aino.lahtija=40example.fi",
    ],
    PHONE: [
        "0 4 0 9 9 9 0 1 1 1",
        "040/999/0111",
        "040_999_0111",
        "12.5.2026 040 999 0111",
        "0409990111 1",
    ],
    IDS[0]: ["C-7000001", "c 7000001", "/my/c7000001?x"],
    IDS[1]: ["880 001 112 223", "ref 880001112223"],
    IDS[2]: ["account aino-l77 closed", "AINO_L77"],
}


@pytest.fixture(scope="module")
def erased(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    data_root = DataRoot(tmp_path_factory.mktemp("listed") / "data")
    data_root.create()
    with connect(data_root) as connection:
        listed = [CODE, EMAIL, FOREIGN, PHONE, *IDS]
        connection.execute(
            "CREATE TABLE erased_identifiers AS SELECT unnest(?::VARCHAR[]) AS id", [listed]
        )
        query = "SELECT id AS identifier, 'Q1' AS request_id FROM erased_identifiers"
        suppression.add(data_root, connection, query, date(2026, 11, 23))
    return data_root


def listed_in(data_root: DataRoot, text: str) -> set[str]:
    with connect(data_root) as connection:
        suppression.prepare(data_root, connection)
        suppressed_texts.prepare(data_root, connection)
        return suppressed_texts.listed_in(connection, pa.array([f'{{"note": "x {text} x"}}']))


@pytest.mark.parametrize(
    ("identifier", "text"),
    [
        (identifier, text)
        for known in (WRITTEN, MORE)
        for identifier, texts in known.items()
        for text in texts
        if identifier not in ("user_id:aino.lahtija@example.fi", WITHOUT_CHECK)
        and text not in NOT_BY_HASH
    ],
)
def test_a_mention_in_a_readable_record_is_recognised(
    erased: DataRoot, identifier: str, text: str
) -> None:
    assert identifier in listed_in(erased, text)


@pytest.mark.parametrize("text", [text for texts in OTHERS.values() for text in texts])
def test_nothing_of_others_is_kept_out_or_redacted(erased: DataRoot, text: str) -> None:
    """What a token only resembles is decided on the text itself."""
    with connect(erased) as connection:
        suppression.prepare(erased, connection)
        suppressed_texts.prepare(erased, connection)
        rows = pa.table(
            {
                "record_no": pa.array([1], pa.int64()),
                "payload": [f'{{"note": "x {text} x"}}'],
                "identifiers": pa.array([[]], pa.list_(pa.string())),
                "faults": pa.array([[]], pa.list_(pa.string())),
            }
        )
        redaction = suppressed_texts.find_listed(connection, rows)
        theirs = connection.execute("FROM theirs").fetchall()
    assert theirs == []
    if redaction:
        record = redaction.records[1]
        assert redaction.text(rows["payload"][0].as_py(), record) == rows["payload"][0].as_py()
