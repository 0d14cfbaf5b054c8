"""What identifies people is unreadable without its key, and its key can be destroyed."""

from __future__ import annotations

import base64
import os

import pytest

from assets.requests import encrypted_identity
from assets.storage.atomic_files import UNFINISHED
from assets.storage.data_root import DataRoot

IDENTITY = {"given": ["email:maija.esimerkki@example.fi"]}


def test_an_encrypted_identity_is_decrypted_unchanged(data_root: DataRoot) -> None:
    locked = encrypted_identity.encrypt(data_root, {"Q1": IDENTITY})["Q1"]
    assert encrypted_identity.decrypt(data_root, "Q1", locked) == IDENTITY
    assert b"maija" not in base64.b64decode(locked)
    assert encrypted_identity.key_path(data_root, "Q1").stat().st_mode & 0o077 == 0


def test_without_its_key_every_copy_is_unreadable(data_root: DataRoot) -> None:
    earlier, later = (
        encrypted_identity.encrypt(data_root, {"Q1": IDENTITY})["Q1"] for _ in range(2)
    )
    assert earlier != later
    encrypted_identity.destroy(data_root, ["Q1", "Q2"])
    assert encrypted_identity.decrypt(data_root, "Q1", earlier) is None
    assert encrypted_identity.decrypt(data_root, "Q1", later) is None
    assert list((data_root.secrets / "request-keys").iterdir()) == []


def test_the_key_s_bytes_are_overwritten_before_it_goes(data_root: DataRoot) -> None:
    encrypted_identity.encrypt(data_root, {"Q1": IDENTITY})
    path = encrypted_identity.key_path(data_root, "Q1")
    kept = path.with_name("still-open")
    kept.hardlink_to(path)
    encrypted_identity.destroy(data_root, ["Q1"])
    assert kept.read_bytes() == bytes(encrypted_identity.KEY_BYTES)


@pytest.mark.parametrize("wrong", ["changed", "another's", "another key"])
def test_what_is_not_as_it_was_written_is_refused(data_root: DataRoot, wrong: str) -> None:
    locked = encrypted_identity.encrypt(data_root, {"Q1": IDENTITY, "Q2": IDENTITY})
    whole = bytearray(base64.b64decode(locked["Q1"]))
    if wrong == "changed":
        whole[-1] ^= 1
    if wrong == "another key":
        encrypted_identity.key_path(data_root, "Q1").write_bytes(bytes(32))
    text = locked["Q2"] if wrong == "another's" else base64.b64encode(bytes(whole)).decode()
    with pytest.raises(encrypted_identity.DecryptionError) as error:
        encrypted_identity.decrypt(data_root, "Q1", text)
    assert "maija" not in str(error.value)


def test_a_key_that_a_killed_run_left_unfinished_goes_with_the_next_run(
    data_root: DataRoot,
) -> None:
    encrypted_identity.encrypt(data_root, {"Q1": {"given": ["email:aino@example.fi"]}})
    kept = encrypted_identity.key_path(data_root, "Q1")
    of_the_dead, of_the_living = (
        kept.with_name(f"{UNFINISHED}{process}-0a1b2c3d-key")
        for process in (2**22 + 1, os.getppid())
    )
    for unfinished in (of_the_dead, of_the_living):
        unfinished.write_bytes(kept.read_bytes())
    data_root.sweep()
    assert [path.exists() for path in (kept, of_the_dead, of_the_living)] == [True, False, True]
