"""Encrypted marts: who opens them, how keys are exchanged, and what the proof reads in them."""

from __future__ import annotations

import grp
import os
import stat
from pathlib import Path

import duckdb
import pytest

from assets.erasure.proof import mart_files
from assets.erasure.proof.byte_search import RequestedIdentifiers, in_file
from assets.marts import encrypting
from assets.marts.building import mart_path
from assets.requests.ledger import Request
from assets.storage import mart_encryption, recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.mart_encryption import MartKeyError, attach_new, opened
from assets.storage.mart_readers import ReadersError
from assets.storage.safe_errors import describe
from assets.storage.sessions import connect

MART = "customer_care"
EMAIL = "maija.esimerkki@example.fi"


def publish(data_root: DataRoot) -> Path:
    """A published mart of one table, written as marts are."""
    path = mart_path(data_root, MART)
    with connect(data_root) as connection, recorded_files.writing(path) as unfinished:
        attach_new(data_root, connection, unfinished, "mart", MART)
        connection.execute(
            f"""CREATE TABLE mart.registrants AS
            SELECT '{EMAIL}' AS email, 'a row of many that compress well' AS text
            FROM range(5000)"""
        )
        connection.execute("COMMENT ON COLUMN mart.registrants.email IS 'Where they read'")
        connection.execute("DETACH mart")
    return path


@pytest.fixture
def mart(data_root: DataRoot) -> Path:
    """A mart that has been encrypted after it was published."""
    path = publish(data_root)
    assert encrypting.encrypt(data_root, [MART]) == [MART]
    return path


def rows(data_root: DataRoot) -> int:
    with opened(data_root, mart_path(data_root, MART)) as connection:
        return len(connection.execute("SELECT email FROM registrants").fetchall())


def refused(path: Path, option: str = "") -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.Error, match=r"key|encrypted"):
        connection.execute(f"ATTACH '{path}' AS mart (READ_ONLY{option})")


def test_without_a_key_nobody_opens_it_and_its_bytes_show_nothing(
    data_root: DataRoot, mart: Path
) -> None:
    refused(mart)
    refused(mart, f", ENCRYPTION_KEY '{'0' * 64}'")
    assert EMAIL.encode() not in mart.read_bytes()
    assert rows(data_root) == 5000
    recorded_files.check(mart)


def test_the_statement_that_is_printed_opens_it_in_any_duckdb(
    data_root: DataRoot, mart: Path
) -> None:
    with duckdb.connect() as connection:
        connection.execute(encrypting.statement(data_root, MART))
        assert connection.execute(f"SELECT count(*) FROM {MART}.registrants").fetchone() == (5000,)
        comment = "SELECT comment FROM duckdb_columns() WHERE column_name = 'email'"
        assert connection.execute(comment).fetchone() == ("Where they read",)


def test_a_mart_is_built_encrypted_from_then_on(data_root: DataRoot, mart: Path) -> None:
    publish(data_root)
    refused(mart)
    assert rows(data_root) == 5000


def test_what_nobody_encrypts_is_opened_as_ever(data_root: DataRoot) -> None:
    path = publish(data_root)
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM registrants").fetchone() == (5000,)
    assert not mart_encryption.is_on(data_root)
    assert rows(data_root) == 5000


def test_a_rotated_key_opens_nothing_any_more(data_root: DataRoot, mart: Path) -> None:
    (before,) = mart_encryption.keys(data_root, MART)
    encrypting.encrypt(data_root, [MART])
    (after,) = mart_encryption.keys(data_root, MART)
    assert before != after
    refused(mart, f", ENCRYPTION_KEY '{before}'")
    assert rows(data_root) == 5000


def test_a_rotation_that_is_killed_before_the_rewrite_leaves_it_open_and_is_repeated(
    data_root: DataRoot, mart: Path
) -> None:
    mart_encryption.add_key(data_root, MART)
    assert rows(data_root) == 5000
    encrypting.encrypt(data_root, [MART])
    assert len(mart_encryption.keys(data_root, MART)) == 1
    assert rows(data_root) == 5000


def test_decrypted_it_is_as_before(data_root: DataRoot, mart: Path) -> None:
    encrypting.decrypt(data_root, [MART])
    with duckdb.connect(str(mart), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM registrants").fetchone() == (5000,)
    assert not mart_encryption.is_on(data_root)


def test_a_lost_key_is_a_line_that_says_what_to_do(data_root: DataRoot, mart: Path) -> None:
    mart_encryption.destroy(data_root, MART)
    with pytest.raises(MartKeyError, match=rf"{MART}: bring the key back") as raised:
        rows(data_root)
    assert EMAIL not in describe(raised.value)


def test_without_the_extension_the_line_says_what_to_install(
    data_root: DataRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mart_encryption, "find_spec", lambda _: None)
    monkeypatch.setenv("HOME", str(tmp_path))
    with duckdb.connect() as connection, pytest.raises(MartKeyError, match="extra `encryption`"):
        mart_encryption.load_cipher(connection)


def test_what_is_spilled_is_encrypted_once_a_mart_is(data_root: DataRoot, mart: Path) -> None:
    with connect(data_root) as connection:
        connection.execute("SET memory_limit = '20MB'")
        connection.execute("SET threads = 1")
        connection.execute(
            f"""CREATE TEMP TABLE spilled AS
            SELECT '{EMAIL}' || hash(range) AS text
            FROM range(900000)"""
        )
        spilled = [path for path in data_root.spill.rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in spilled) > 1_000_000
        assert not any(EMAIL.encode() in path.read_bytes() for path in spilled)


class TestProof:
    def test_an_identifier_is_found_behind_the_encryption(
        self, data_root: DataRoot, mart: Path
    ) -> None:
        request = Request("Q1", "erasure", "written", "2026-11-20", given=(f"email:{EMAIL}",))
        findings = in_file(data_root, RequestedIdentifiers([request]), mart, f"marts.{MART}")
        assert [(finding.code, finding.request_id) for finding in findings] == [
            ("PROOF-BYTES", "Q1")
        ]

    def test_a_mart_that_was_rewritten_has_no_fault(self, data_root: DataRoot, mart: Path) -> None:
        assert mart_files.check(data_root, mart, f"marts.{MART}") == []

    def test_a_row_deleted_in_place_is_found(self, data_root: DataRoot, mart: Path) -> None:
        """Encrypted or not, the older header of such a file gives the row back."""
        (key,) = mart_encryption.keys(data_root, MART)
        with duckdb.connect() as connection:
            mart_encryption.load_cipher(connection)
            connection.execute(f"ATTACH '{mart}' AS mart (ENCRYPTION_KEY '{key}')")
            connection.execute("DELETE FROM mart.registrants WHERE rowid < 3000")
            connection.execute("DETACH mart")
        codes = {each.code for each in mart_files.check(data_root, mart, f"marts.{MART}")}
        assert "PROOF-OLDER-HEADER" in codes

    def test_without_its_key_it_is_unreadable_and_proves_nothing(
        self, data_root: DataRoot, mart: Path
    ) -> None:
        mart_encryption.destroy(data_root, MART)
        request = Request("Q1", "erasure", "written", "2026-11-20", given=(f"email:{EMAIL}",))
        for findings in (
            mart_files.check(data_root, mart, "marts"),
            in_file(data_root, RequestedIdentifiers([request]), mart, "marts"),
        ):
            assert [finding.code for finding in findings] == ["PROOF-UNREADABLE"]


class TestReaders:
    @pytest.fixture
    def group(self) -> str:
        """A group that exists and that this user is in."""
        return grp.getgrgid(os.getegid()).gr_name

    def modes(self, data_root: DataRoot) -> dict[str, str]:
        places = (data_root.root, data_root.marts, data_root.secrets, data_root.lake)
        return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in places}

    def test_a_group_reads_its_mart_and_key_and_passes_through_the_folders(
        self, data_root: DataRoot, mart: Path, group: str
    ) -> None:
        data_root.readers.write_text(f"{MART}: {group}\n")
        data_root.create()
        encrypting.share(data_root)
        key = mart_encryption.keys_folder(data_root) / MART
        for path in (mart, key):
            assert stat.S_IMODE(path.stat().st_mode) == 0o640
            assert path.stat().st_gid == grp.getgrnam(group).gr_gid
        assert stat.S_IMODE(key.parent.stat().st_mode) == 0o711
        assert stat.S_IMODE((data_root.secrets / "pepper").stat().st_mode) == 0o600
        assert self.modes(data_root) == {
            "data": "0o711", "marts": "0o711", "secrets": "0o711", "lake": "0o700",
        }  # fmt: skip

    def test_without_the_file_all_is_its_owner_s_again(
        self, data_root: DataRoot, mart: Path, group: str
    ) -> None:
        data_root.readers.write_text(f"{MART}: {group}\n")
        encrypting.share(data_root)
        data_root.readers.unlink()
        data_root.create()
        encrypting.share(data_root)
        assert stat.S_IMODE(mart.stat().st_mode) == 0o600
        assert set(self.modes(data_root).values()) == {"0o700"}

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            (f"{MART}: no-such-group-here", "no such group"),
            ("everything: users", "each line is a mart"),
            ("- a list", "each line is a mart"),
            ("a: [", "each line is a mart"),
        ],
    )
    def test_what_cannot_be_followed_is_refused(
        self, data_root: DataRoot, mart: Path, text: str, why: str
    ) -> None:
        data_root.readers.write_text(text)
        with pytest.raises(ReadersError, match=why):
            encrypting.share(data_root)


def test_marts_are_written_for_duckdbs_of_years(data_root: DataRoot) -> None:
    """The version in a file's header: 64 is read by 1.0 and later, 68 by 1.5 and later."""
    path = publish(data_root)
    assert path.read_bytes()[12] == 64
    encrypting.encrypt(data_root, [MART])
    assert path.read_bytes()[12] == 68
