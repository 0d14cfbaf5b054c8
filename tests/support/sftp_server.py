"""An SFTP server on this machine, over a folder: one user, by key or password."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

USER, PASSWORD = "qvik", "s3cr3t-w0rd"


@dataclass(frozen=True)
class SftpServer:
    """Where it listens; `folder` is what it shows as `/`."""

    port: int
    folder: Path
    known_hosts: Path
    key: str


class _OneUser(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


@contextmanager
def serving_sftp(folder: Path, state: Path) -> Iterator[SftpServer]:
    """Serve a folder until the block ends; keys are written into `state`."""
    host, client = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    authorized = state / "authorized_keys"
    authorized.write_bytes(client.export_public_key())
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def listening() -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            _OneUser,
            "127.0.0.1",
            0,
            server_host_keys=[host],
            authorized_client_keys=str(authorized),
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(folder).encode()),
        )

    server = asyncio.run_coroutine_threadsafe(listening(), loop).result(30)
    port = server.get_port()
    known = state / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {host.export_public_key().decode()}")

    async def closed() -> None:
        server.close()
        await server.wait_closed()

    try:
        yield SftpServer(port, folder, known, client.export_private_key().decode())
    finally:
        asyncio.run_coroutine_threadsafe(closed(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
