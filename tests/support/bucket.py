"""An S3 server on this machine: one bucket, and signatures of version 4 verified."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.support.vendor_server import Reply, Seen, Server, serving

REGION, BUCKET = "eu-north-1", "drop"
ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "s3cr3t-k3y"


@dataclass
class Bucket:
    """Objects by key: content, and when it was last changed, as S3 writes it."""

    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def answer(self, seen: Seen) -> Reply:
        if not is_signed(seen):
            return _error(403, "SignatureDoesNotMatch")
        path = unquote(urlsplit(seen.target).path).removeprefix(f"/{BUCKET}").lstrip("/")
        if not path:
            return self._listed(seen)
        if path not in self.objects:
            return _error(404, "NoSuchKey")
        content, changed = self.objects[path]
        first, last = 0, len(content) - 1
        if (ranged := seen.headers.get("range", "")).startswith("bytes="):
            first, last = (int(part or last) for part in ranged[6:].split("-"))
        part = content[first : last + 1]
        headers = {"Last-Modified": "Thu, 19 Nov 2026 10:00:00 GMT", "ETag": '"1"'}
        return Reply(part, 206 if ranged else 200, {**headers, "x-changed": changed})

    def _listed(self, seen: Seen) -> Reply:
        prefix = seen.fields.get("prefix", "")
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
            f"<LastModified>{changed}</LastModified></Contents>"
            for key, (content, changed) in sorted(self.objects.items())
            if key.startswith(prefix) and "/" not in key.removeprefix(prefix)
        )
        text = (
            '<?xml version="1.0"?><ListBucketResult><Name>drop</Name>'
            f"<Prefix>{escape(prefix)}</Prefix><IsTruncated>false</IsTruncated>"
            f"<KeyCount>{len(self.objects)}</KeyCount>{rows}</ListBucketResult>"
        )
        return Reply(text.encode(), 200, {"Content-Type": "application/xml"})


def _error(status: int, code: str) -> Reply:
    text = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>no</Message></Error>'
    return Reply(text.encode(), status, {"Content-Type": "application/xml"})


def is_signed(seen: Seen) -> bool:
    """Whether the request has the signature of SECRET_KEY (AWS Signature Version 4)."""
    given = seen.headers.get("authorization", "")
    if not given.startswith("AWS4-HMAC-SHA256 "):
        return False
    parts = dict(part.strip().split("=", 1) for part in given[17:].split(","))
    key_id, day, region, service, end = parts["Credential"].split("/")
    split = urlsplit(seen.target)
    query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in sorted(parse_qsl(split.query, keep_blank_values=True))
    )
    names = parts["SignedHeaders"].split(";")
    headers = "".join(f"{name}:{' '.join(seen.headers[name].split())}\n" for name in names)
    canonical = "\n".join(
        (
            seen.method,
            split.path,
            query,
            headers,
            ";".join(names),
            seen.headers["x-amz-content-sha256"],
        )
    )
    scope = f"{day}/{region}/{service}/{end}"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{seen.headers['x-amz-date']}\n{scope}\n{hashed}"
    key = f"AWS4{SECRET_KEY}".encode()
    for step in (day, REGION, "s3", "aws4_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return key_id == ACCESS_KEY and hmac.compare_digest(expected, parts["Signature"])


@contextmanager
def serving_bucket() -> Iterator[tuple[Bucket, Server]]:
    """Serve a bucket until the block ends."""
    bucket = Bucket()
    with serving(bucket.answer) as server:
        yield bucket, server
