"""Files that a partner drops into a bucket, by the S3 protocol of any vendor.

Arrow's client signs the requests (Signature Version 4) and repeats what fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Annotated, Any, Literal

from pydantic import Field

from assets.connectors.connector import Secret
from assets.connectors.dropped_files import Dropped, DroppedFiles, Files
from assets.connectors.web_api import FetchError
from assets.connectors.web_connector import Url

_CHUNK = 8 << 20
_SAYS = {
    "ACCESS_DENIED": "FETCH-DENIED",
    "INVALID_ACCESS_KEY_ID": "FETCH-DENIED",
    "SIGNATURE_DOES_NOT_MATCH": "FETCH-DENIED",
    "NETWORK_CONNECTION": "FETCH-UNREACHABLE",
    "SLOW_DOWN": "FETCH-LIMIT",
    "SERVICE_UNAVAILABLE": "FETCH-SERVER",
    "INTERNAL_FAILURE": "FETCH-SERVER",
}
"""What the client's messages contain -> rule code."""


class S3Bucket(DroppedFiles):
    """A bucket, or the part of one below a prefix."""

    kind: Literal["s3"]
    url: Url
    region: str
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,62}$")]
    prefix: Annotated[str, Field(pattern=r"^[^/]+(/[^/]+)*$")] | None = None
    access_key: Secret
    secret_key: Secret

    @contextmanager
    def opened(self) -> Iterator[Files]:
        from pyarrow import fs

        scheme, _, host = self.url.rstrip("/").partition("://")
        with _failures_named():
            system = fs.S3FileSystem(
                access_key=self.access_key.read(),
                secret_key=self.secret_key.read(),
                region=self.region,
                scheme=scheme,
                endpoint_override=host,
                connect_timeout=30,
                request_timeout=60,
            )
        yield _Bucket(system, "/".join(filter(None, (self.bucket, self.prefix))))


@dataclass(frozen=True)
class _Bucket:
    system: Any
    folder: str

    def listed(self) -> Iterator[Dropped]:
        from pyarrow import fs

        # Without a file, a prefix is not there.
        selector = fs.FileSelector(self.folder, allow_not_found="/" in self.folder)
        with _failures_named():
            found = self.system.get_file_info(selector)
        for info in found:
            if info.type == fs.FileType.File:
                yield Dropped(info.path, info.size, info.mtime.astimezone(UTC))

    def parts(self, file: Dropped) -> Iterator[bytes]:
        left = file.bytes
        with _failures_named(), self.system.open_input_stream(file.place) as stream:
            while left > 0 and (part := stream.read(min(_CHUNK, left))):
                yield part
                left -= len(part)


@contextmanager
def _failures_named() -> Iterator[None]:
    """Raise the client's errors as ours: their messages have addresses and names of files."""
    try:
        yield
    except OSError as error:
        code = next((code for words, code in _SAYS.items() if words in str(error)), "FETCH-REQUEST")
        raise FetchError(code) from None
