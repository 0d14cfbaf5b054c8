"""`register access`, `portability` and `rectify` as an operator has them, on the sample: nobody
else is in the package's bytes.
"""

from __future__ import annotations

import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assets.requests import ledger
from assets.rights import verification
from assets.storage.data_root import DataRoot
from tests.support.commands import Ended, Refreshed, console_script, register
from tests.support.data_roots import copied, mart_tables, parquet_rows

CODE = re.compile(r"[0-9]{6}[-+A-FU-Y]9[0-9]{2}[0-9A-Y]")


def ask(root: Path, right: str, identifier: str) -> str:
    now = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    request_id = ledger.receive(DataRoot(root), right, "written", [identifier], now)
    verification.verified(DataRoot(root), request_id, "identity_document", now)
    return request_id


def registrants(root: Path) -> list[dict[str, str]]:
    """Customers with an identity code, an e-mail address and a phone of their own."""
    import duckdb

    path = root / "lake/register/registrants.parquet"
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"""SELECT registrant_id, identity_code, customer_number, email, phone, family_name,
                given_names FROM read_parquet('{path}') AS one
            WHERE identity_code IS NOT NULL AND customer_number IS NOT NULL AND email IS NOT NULL
                AND phone IS NOT NULL AND NOT protected
            ORDER BY identity_code"""
        ).fetchall()
    return [
        dict(
            zip(
                (
                    "registrant_id",
                    "identity_code",
                    "customer_number",
                    "email",
                    "phone",
                    "family_name",
                    "given_names",
                ),
                row,
                strict=True,
            )
        )
        for row in rows
    ]


def files(root: Path) -> list[str]:
    """Every file but the requests themselves, their keys and the lock."""
    aside = {"requests", "request-keys", "writer.lock"}
    return sorted(
        str(path) for path in root.rglob("*") if path.is_file() and not aside & set(path.parts)
    )


def others(root: Path, registrant_id: str) -> set[str]:
    """Everything that anybody else is known by and the registrant is not."""
    known = [
        (row[0], row[1], row[2]) for row in parquet_rows(root / "lake/register/identifiers.parquet")
    ]
    known += [
        (row[0], row[1], row[3])
        for row in parquet_rows(root / "lake/register/contact_points.parquet")
    ]
    own = {value for holder, _, value in known if holder == registrant_id}
    return {
        value for holder, kind, value in known if holder != registrant_id and kind != "business_id"
    } - own


@pytest.fixture(scope="module")
def root(refreshed: Refreshed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(refreshed.root, tmp_path_factory.mktemp("access") / "data")


def written(root: Path, right: str, identity_code: str, out: Path) -> Ended:
    ended = register(
        root, right, ask(root, right, f"identity_code:{identity_code}"), "--out", str(out), "--json"
    )
    assert (ended.code, ended.err) == (0, "")
    return ended


@pytest.mark.parametrize("right", ["access", "portability"])
def test_no_identifier_of_anybody_else_is_in_the_unzipped_bytes(
    root: Path, tmp_path: Path, right: str
) -> None:
    chosen = registrants(root)
    for number, registrant in enumerate([chosen[0], chosen[len(chosen) // 2]]):
        out = tmp_path / f"{number}.zip"
        ended = written(root, right, registrant["identity_code"], out)
        assert out.stat().st_mode & 0o777 == 0o600
        with zipfile.ZipFile(out) as archive:
            whole = "\n".join(archive.read(name).decode() for name in archive.namelist())
        words = set(re.findall(r"[\w.+@-]+", whole))
        assert (
            sorted(
                value
                for value in others(root, registrant["registrant_id"])
                if len(value) > 4 and value in words
            )
            == []
        )
        assert set(CODE.findall(whole)) <= {registrant["identity_code"]}
        assert registrant["email"] in whole
        for value in registrant.values():
            assert value not in ended.out


def test_nothing_personal_is_printed_or_left_in_the_data_root(root: Path, tmp_path: Path) -> None:
    registrant = registrants(root)[0]
    before = files(root)
    written(root, "access", registrant["identity_code"], tmp_path / "one.zip")
    assert files(root) == before
    inside = console_script(
        root,
        "access",
        ask(root, "access", f"identity_code:{registrant['identity_code']}"),
        "--out",
        str(root / "one.zip"),
    )
    assert (inside.code, inside.err.count("\n")) == (1, 1)
    assert not (root / "one.zip").exists()


def test_a_request_of_another_right_or_of_nobody_is_refused(root: Path, tmp_path: Path) -> None:
    request_id = ask(root, "erasure", f"identity_code:{registrants(root)[0]['identity_code']}")
    for arguments in ((request_id,), (ask(root, "access", "customer_number:C-NOBODY"),), ("Q0",)):
        ended = register(root, "access", *arguments, "--out", str(tmp_path / "one.zip"))
        assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
        assert "NOBODY" not in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_correction_is_in_the_marts_when_the_command_ends(root: Path) -> None:
    under_contract = {row[0] for row in mart_tables(root / "marts/contracts.duckdb")["registrants"]}
    registrant = next(
        row for row in registrants(root)[1:] if row["registrant_id"] in under_contract
    )
    request_id = ask(root, "rectification", f"identity_code:{registrant['identity_code']}")
    refused = register(root, "rectify", request_id, "--set", "email=puuttuu")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "puuttuu" not in refused.err + refused.out
    ended = console_script(
        root, "rectify", request_id, "--set", "email=oikaistu@example.fi", "--json"
    )
    assert (ended.code, ended.err) == (0, "")
    assert (ended.data["request_id"], ended.data["corrected"]) == (request_id, ["email"])
    assert (
        ended.data["notices"]
        == len(console_script(root, "recipient-notices", "list", "--open", "--json").data)
        > 0
    )
    care = [
        row
        for row in mart_tables(root / "marts/contracts.duckdb")["registrants"]
        if registrant["registrant_id"] in row
    ]
    assert [("oikaistu@example.fi" in row, registrant["email"] in row) for row in care] == [
        (True, False)
    ]
    for path in (root / "dagster").rglob("*"):
        if path.is_file():
            assert b"oikaistu@example.fi" not in path.read_bytes()
