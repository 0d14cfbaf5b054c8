"""A team's deployment: the systemd units' own commands, PostgreSQL, and nginx with TLS in front."""

from __future__ import annotations

import configparser
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.postgres import Postgres, free_port, running_postgres

DEPLOY = Path(__file__).parents[2] / "deploy"
HOST = "register.example.fi"
STARTS_WITHIN = 180
PASSWORDS = {"anna": "anna's own", "bertil": "bertil's own", "veikko": "veikko's own"}
"""Anna and Bertil are operators, Veikko is a watcher."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: str

    @property
    def data(self) -> Any:
        return json.loads(self.body)["data"]


@dataclass(frozen=True)
class Team:
    """What runs: `folder` has the copied configuration, `root` is the data root."""

    folder: Path
    root: Path
    postgres: Postgres
    variables: Mapping[str, str]
    port: int

    @property
    def actions(self) -> list[dict[str, Any]]:
        listed = self.folder / "log" / "actions.jsonl"
        return [json.loads(line) for line in listed.read_text().splitlines()]

    def ask(
        self, path: str, user: str = "", password: str = "", body: object = None, **headers: str
    ) -> Answer:
        """Ask the proxy, signed in as a user where one is named."""
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=60)
        connection.sock = self._context().wrap_socket(
            socket.create_connection(("localhost", self.port), 60), server_hostname=HOST
        )
        sent = {"Host": HOST, "Content-Type": "application/json", **headers}
        if user:
            account = f"{user}:{password or PASSWORDS[user]}"
            sent["Authorization"] = f"Basic {b64encode(account.encode()).decode()}"
        method, content = ("POST", json.dumps(body)) if body is not None else ("GET", None)
        connection.request(method, path, content, sent)
        response = connection.getresponse()
        answer = Answer(response.status, response.read().decode())
        connection.close()
        return answer

    def graphql(self, query: str, user: str, **variables: object) -> Any:
        answer = self.ask("/graphql", user, body={"query": query, "variables": variables})
        assert answer.status == 200, answer
        return answer.data

    def past_the_proxy(self, unit: str, **headers: str) -> int:
        """The status that a webserver's own socket answers a page with."""
        with socket.socket(socket.AF_UNIX) as asked:
            asked.connect(str(self.folder / f"register-{unit}" / "socket"))
            asked.sendall(
                f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n".encode()
                + "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
                + b"\r\n"
            )
            return int(asked.recv(64).split()[1])

    def register(self, *arguments: str) -> str:
        """Run a command on the data root, as somebody who may; return what it prints."""
        ended = subprocess.run(
            [str(Path(sys.executable).with_name("register")), *arguments],
            env={**self.variables, "SUDO_USER": "cecilia"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "nginx" / "certificate.pem"))


def commands(setting: str = "ExecStart") -> dict[str, list[str]]:
    """The command of each systemd unit that has such a setting, as it stands there."""
    every = {}
    for path in sorted((DEPLOY / "systemd").glob("*.service")):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read(path)
        if command := parser["Service"].get(setting):
            every[path.stem.removeprefix("register-")] = shlex.split(command)
    return every


@contextmanager
def running_team(folder: Path, root: Path) -> Iterator[Team]:
    """All of it, as the units start it; only folders and the proxy's port are others."""
    home = folder / "etc"
    home.mkdir()
    shutil.copy(DEPLOY / "dagster.yaml", home)
    workspace = (DEPLOY / "systemd" / "workspace.yaml").read_text()
    (home / "workspace.yaml").write_text(workspace.replace("/run/", f"{folder}/"))
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres())
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DAGSTER_", "REGISTER_", "SUDO_"))
        }
        variables = {
            **kept,
            **postgres.variables,
            "DAGSTER_HOME": str(home),
            "DAGSTER_REDACT_USER_CODE_ERRORS": "1",
            "DAGSTER_EVENT_BATCH_SIZE": "1000",
            "PYTHONWARNINGS": "ignore",
            "REGISTER_HOME": str(root),
            "REGISTER_HOST_NAME": HOST,
            "REGISTER_MEMORY": "1GB",
        }
        for name in ("log", "register-code", "register-operators", "register-watchers"):
            (folder / name).mkdir()
        for unit, command in commands().items():
            here = [_here(part, folder, home) for part in command]
            stack.enter_context(_process(here, variables, folder / "log" / unit))
            if after := commands("ExecStartPost").get(unit):
                waiting = [_here(part, folder, home) for part in after]
                subprocess.run(waiting, env=variables, check=True, timeout=STARTS_WITHIN)
        port = free_port()
        stack.enter_context(_proxy(folder, port))
        team = Team(folder, root, postgres, variables, port)
        for user in ("anna", "veikko"):
            _wait_for(team, user)
        yield team


def _here(part: str, folder: Path, home: Path) -> str:
    for placed, here in (
        ("/opt/register/.venv/bin", str(Path(sys.executable).parent)),
        ("/etc/register", str(home)),
        ("/var/log/register", str(folder / "log")),
        ("/run/", f"{folder}/"),
        ("${REGISTER_HOST_NAME}", HOST),
    ):
        part = part.replace(placed, here)
    return part


@contextmanager
def _process(command: list[str], variables: Mapping[str, str], log: Path) -> Iterator[None]:
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, env=variables, stdout=output, stderr=output, start_new_session=True
        ) as process,
    ):
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def _proxy(folder: Path, port: int) -> Iterator[None]:
    """nginx with the shipped configuration, in the foreground and with files of its own."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert nginx, "install Debian's package nginx-light (.ci/run does)"
    place = folder / "nginx"
    place.mkdir()
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}",
            "-keyout", str(place / "key.pem"), "-out", str(place / "certificate.pem"),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    hashed = {
        user: subprocess.run(
            ["openssl", "passwd", "-6", password], check=True, capture_output=True, text=True
        ).stdout.strip()
        for user, password in PASSWORDS.items()
    }
    (place / "users").write_text("".join(f"{user}:{hash_}\n" for user, hash_ in hashed.items()))
    (place / "operators").write_text("anna operators;\nbertil operators;\n")
    filled = (DEPLOY / "proxy.conf").read_text()
    for variable, value in (
        ("HOST_NAME", HOST),
        ("OPERATORS", f"unix:{folder}/register-operators/socket"),
        ("WATCHERS", f"unix:{folder}/register-watchers/socket"),
    ):
        filled = filled.replace(f"${{REGISTER_{variable}}}", value)
    filled = filled.replace("/etc/nginx/register/", f"{place}/")
    filled = re.sub(r"listen 443", f"listen 127.0.0.1:{port}", filled)
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = "".join(
        f"{kind}_temp_path {place}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (place / "nginx.conf").write_text(
        f"{user} daemon off; worker_processes 1; pid {place}/pid; error_log {place}/error;\n"
        f"events {{}}\nhttp {{ access_log off; {temporary}\n{filled}\n}}\n"
    )
    command = [nginx, "-e", f"{place}/error", "-c", f"{place}/nginx.conf"]
    with _process(command, os.environ, folder / "log" / "nginx"):
        yield


def _wait_for(team: Team, user: str) -> None:
    """Wait until the webserver of a user has loaded the code location."""
    query = """{
        workspaceOrError {
            ... on Workspace { locationEntries { locationOrLoadError { __typename } } }
        }
    }"""
    end = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            answer = team.ask("/graphql", user, body={"query": query})
            if answer.status == 200 and '"RepositoryLocation"' in answer.body:
                return
        except OSError:
            answer = None
        logs = {path.name: path.read_text()[-2000:] for path in (team.folder / "log").iterdir()}
        assert time.monotonic() < end, (answer, logs)
        time.sleep(0.5)
