"""Files that a partner drops into a folder of an SFTP server (SSH File Transfer Protocol).

Needs the extra `sftp`. The server must have one of the host keys in `known_hosts`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from assets.connectors.connector import Secret
from assets.connectors.dropped_files import Dropped, DroppedFiles, Files
from assets.connectors.web_api import FetchError

TIMEOUT = 30.0
_CHUNK = 1 << 20
_REGULAR = 1


class SftpFolder(DroppedFiles):
    """A folder; who asks is shown by a key, or by a password."""

    kind: Literal["sftp"]
    host: str
    port: Annotated[int, Field(gt=0, lt=65_536)] = 22
    user: str
    known_hosts: Path
    folder: str
    key: Secret | None = None
    password: Secret | None = None

    @contextmanager
    def opened(self) -> Iterator[Files]:
        try:
            import asyncssh
        except ModuleNotFoundError:
            raise FetchError(
                "FETCH-CONFIGURATION", "SFTP needs a package more: install the extra `sftp`"
            ) from None
        with asyncio.Runner() as runner:
            with _failures_named():
                connection = runner.run(self._connected(asyncssh))
            try:
                with _failures_named():
                    client = runner.run(asyncio.wait_for(connection.start_sftp_client(), TIMEOUT))
                yield _Folder(runner, client, self.folder)
            finally:
                connection.abort()

    async def _connected(self, asyncssh: Any) -> Any:
        keys = [asyncssh.import_private_key(self.key.read())] if self.key else []
        return await asyncio.wait_for(
            asyncssh.connect(
                self.host,
                self.port,
                username=self.user,
                password=self.password.read() if self.password else None,
                client_keys=keys,
                known_hosts=str(self.known_hosts),
                agent_path=None,
                config=None,
            ),
            TIMEOUT,
        )


@dataclass(frozen=True)
class _Folder:
    runner: asyncio.Runner
    client: Any
    folder: str

    def listed(self) -> Iterator[Dropped]:
        with _failures_named():
            names = self._run(self.client.readdir(self.folder))
        for name in names:
            attributes = name.attrs
            if attributes.type == _REGULAR and attributes.size is not None:
                changed_at = datetime.fromtimestamp(attributes.mtime or 0, UTC)
                yield Dropped(
                    f"{self.folder.rstrip('/')}/{name.filename}", attributes.size, changed_at
                )

    def parts(self, file: Dropped) -> Iterator[bytes]:
        left = file.bytes
        with _failures_named():
            remote = self._run(self.client.open(file.place, "rb"))
            try:
                while left > 0 and (part := self._run(remote.read(min(_CHUNK, left)))):
                    yield part
                    left -= len(part)
            finally:
                self._run(remote.close())

    def _run(self, step: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(asyncio.wait_for(step, TIMEOUT))


@contextmanager
def _failures_named() -> Iterator[None]:
    """Raise the client's errors as ours: their messages have names of hosts, users and files."""
    import asyncssh

    try:
        yield
    except asyncssh.HostKeyNotVerifiable:
        raise FetchError(
            "FETCH-DENIED", "the server's host key is none of `known_hosts`: ask its owner"
        ) from None
    except (asyncssh.PermissionDenied, asyncssh.SFTPPermissionDenied, asyncssh.KeyImportError):
        raise FetchError("FETCH-DENIED") from None
    except asyncssh.SFTPNoSuchFile:
        raise FetchError("FETCH-REQUEST", "the folder or file is not there") from None
    except (asyncssh.Error, ValueError):
        raise FetchError("FETCH-UNREACHABLE") from None
    except OSError:
        raise FetchError("FETCH-UNREACHABLE") from None
