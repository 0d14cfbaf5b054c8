"""A PostgreSQL server of the tests' own, from Debian's package."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

USER, PASSWORD = "dagster", "not-a-secret"


@dataclass(frozen=True)
class Postgres:
    """A running server, with an empty database named as its user."""

    port: int
    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """What `deploy/dagster.yaml` reads."""
        return {
            "REGISTER_POSTGRES_HOST": "localhost",
            "REGISTER_POSTGRES_PORT": str(self.port),
            "REGISTER_POSTGRES_USER": USER,
            "REGISTER_POSTGRES_PASSWORD": PASSWORD,
            "REGISTER_POSTGRES_DB": USER,
        }

    def dump(self) -> str:
        """All that is in it, as text."""
        return self.run("pg_dump", USER)

    def run(self, name: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs against it; return what it prints."""
        at = ("--host=localhost", f"--port={self.port}", f"--username={USER}")
        ended = subprocess.run(
            [program(name), *at, *arguments],
            env={**os.environ, "PGPASSWORD": PASSWORD},
            check=True,
            capture_output=True,
        )
        return ended.stdout.decode()

    def tables(self) -> Iterator[bytes]:
        """The bytes of its tables' files, free space too."""
        self.ask("CHECKPOINT")
        for path in (self.folder / "base").rglob("*"):
            if path.is_file():
                yield path.read_bytes()

    def ask(self, statement: str) -> str:
        return self.run("psql", "--no-align", "--tuples-only", f"--command={statement}").strip()


def program(name: str) -> str:
    """The path of a program of the newest PostgreSQL that is installed."""
    every = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    assert every, "install Debian's package postgresql (.ci/run does)"
    return str(every[-1])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server on loopback, without syncs, as the user `postgres` where the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="register-postgres-"))
    as_user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    data = folder / "data"
    subprocess.run(
        [
            program("initdb"), f"--pgdata={data}", f"--username={USER}", f"--pwfile={secret}",
            "--auth=scram-sha-256", "--no-sync", "--encoding=UTF8",
        ],
        check=True,
        capture_output=True,
        cwd=folder,
        **as_user,
    )  # fmt: skip
    server = Postgres(free_port(), data)
    options = f"-c port={server.port} -c listen_addresses=localhost -c fsync=off -k {folder}"
    control = [program("pg_ctl"), f"--pgdata={data}", "--wait", f"--log={folder}/log"]
    subprocess.run(
        [*control, f"--options={options}", "start"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=folder,
        **as_user,
    )
    try:
        server.run("createdb", USER)
        yield server
    finally:
        subprocess.run(
            [*control, "--mode=immediate", "stop"], check=True, capture_output=True, cwd=folder,
            **as_user,
        )  # fmt: skip
        shutil.rmtree(folder)
