"""What a partner drops into a bucket or a folder is delivered once, by real servers of either."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.connectors import dropped_files, watermarks
from assets.connectors.dropped_files import DroppedFiles
from assets.connectors.s3_bucket import S3Bucket
from assets.connectors.sftp_folder import SftpFolder
from assets.connectors.web_api import FetchError
from assets.storage.data_root import DataRoot
from tests.support.bucket import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, serving_bucket
from tests.support.fetching import NOW, delivered, everything_written, fetching
from tests.support.sftp_server import PASSWORD, USER, serving_sftp

NAME = "Möttönen Maija 010190-999K.jsonl"
REPORT = b'{"creditClass":"A"}'
OLD, FRESH = NOW - timedelta(hours=2), NOW - timedelta(minutes=2)
WHAT = {"source": "credit_bureau", "dataset": "credit_reports", "encoding": "utf-8"}
# Puts a file on the server: name, content, when it was changed.
Drop = Callable[[str, bytes, datetime], None]


@pytest.fixture(params=["s3", "sftp"])
def partner(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Drop, DroppedFiles]]:
    if request.param == "s3":
        monkeypatch.setenv("ACCESS_KEY", ACCESS_KEY)
        monkeypatch.setenv("SECRET_KEY", SECRET_KEY)
        with serving_bucket() as (bucket, server):

            def put(name: str, content: bytes, changed: datetime) -> None:
                moment = changed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
                bucket.objects[f"out/{name}"] = (content, moment)

            yield put, s3_bucket(server.url)
        return
    folder = tmp_path / "served"
    (folder / "out").mkdir(parents=True)
    with serving_sftp(folder, tmp_path) as server:

        def put(name: str, content: bytes, changed: datetime) -> None:
            path = folder / "out" / name
            path.write_bytes(content)
            os.utime(path, (changed.timestamp(), changed.timestamp()))

        (tmp_path / "key").write_text(server.key)
        yield put, sftp_folder(server.port, server.known_hosts, key={"file": tmp_path / "key"})


def s3_bucket(url: str) -> S3Bucket:
    keys = {"access_key": {"env": "ACCESS_KEY"}, "secret_key": {"env": "SECRET_KEY"}}
    place = {"url": url, "region": REGION, "bucket": BUCKET, "prefix": "out"}
    return S3Bucket.model_validate({"kind": "s3", **place, **keys, **WHAT})


def sftp_folder(port: int, known_hosts: Path, **shown: Any) -> SftpFolder:
    place = {"host": "127.0.0.1", "port": port, "folder": "/out", "known_hosts": known_hosts}
    return SftpFolder.model_validate({"kind": "sftp", "user": USER, **place, **shown, **WHAT})


def test_each_file_is_delivered_once_and_again_when_it_has_changed(
    data_root: DataRoot, partner: tuple[Drop, DroppedFiles]
) -> None:
    drop, connector = partner
    drop(NAME, REPORT, OLD)
    drop("big.jsonl", b'{"creditClass":"' + b"B" * 3_000_000 + b'"}', OLD)
    done = connector.fetch("partner", fetching(data_root))
    assert (done.deliveries, done.records, done.requests) == (2, 2, 2)
    assert connector.fetch("partner", fetching(data_root)).requests == 0
    assert len(delivered(data_root, "credit_bureau")) == 2
    drop(NAME, REPORT.replace(b"A", b"C"), OLD + timedelta(hours=1))
    assert connector.fetch("partner", fetching(data_root)).deliveries == 1
    assert len(watermarks.read(data_root, "partner")) == 2
    assert "ttönen".encode() not in everything_written(data_root)
    assert not any("ttönen" in str(path) for path in data_root.root.rglob("*"))


def test_unfinished_and_fresh_files_are_left_alone(
    data_root: DataRoot, partner: tuple[Drop, DroppedFiles]
) -> None:
    drop, connector = partner
    drop("report.jsonl.part", REPORT, OLD)
    drop(".hidden", REPORT, OLD)
    drop("fresh.jsonl", REPORT, FRESH)
    assert connector.fetch("partner", fetching(data_root)).requests == 0
    assert delivered(data_root, "credit_bureau") == []


def test_a_file_that_a_refresh_would_refuse_does_not_stop_the_others(
    data_root: DataRoot, partner: tuple[Drop, DroppedFiles]
) -> None:
    drop, connector = partner
    drop("a.jsonl", b'{"creditClass":"\xff"}', OLD)
    drop("b.jsonl", REPORT, OLD)
    for _ in range(2):
        with pytest.raises(FetchError, match=r"FETCH-REFUSED: .*\(DEL-ENCODING 1\)"):
            connector.fetch("partner", fetching(data_root))
        assert len(delivered(data_root, "credit_bureau")) == 1


def test_a_file_that_is_too_large_is_not_copied(
    data_root: DataRoot, partner: tuple[Drop, DroppedFiles], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropped_files, "LARGEST_FILE", 10)
    drop, connector = partner
    drop("a.jsonl", REPORT, OLD)
    with pytest.raises(FetchError, match="FETCH-TOO-LARGE"):
        connector.fetch("partner", fetching(data_root))
    assert not list(data_root.inbox.rglob(".unfinished-*"))


def test_wrong_keys_are_denied_and_shown_to_nobody(
    data_root: DataRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCESS_KEY", ACCESS_KEY)
    monkeypatch.setenv("SECRET_KEY", "wr0ng")
    with serving_bucket() as (_, server), pytest.raises(FetchError, match="FETCH-DENIED") as raised:
        s3_bucket(server.url).fetch("partner", fetching(data_root))
    assert "wr0ng" not in str(raised.value)
    with serving_sftp(tmp_path, tmp_path) as sftp:
        with pytest.raises(FetchError, match="FETCH-DENIED") as raised:
            sftp_folder(sftp.port, sftp.known_hosts, password={"env": "SECRET_KEY"}).fetch(
                "partner", fetching(data_root)
            )
        assert "wr0ng" not in str(raised.value)
        monkeypatch.setenv("SECRET_KEY", PASSWORD)
        stranger = tmp_path / "others"
        stranger.write_text("[127.0.0.1]:1 ssh-ed25519 AAAA\n")
        with pytest.raises(FetchError, match="host key"):
            sftp_folder(sftp.port, stranger, password={"env": "SECRET_KEY"}).fetch(
                "partner", fetching(data_root)
            )
        with pytest.raises(FetchError, match="FETCH-REQUEST"):
            sftp_folder(sftp.port, sftp.known_hosts, password={"env": "SECRET_KEY"}).fetch(
                "partner", fetching(data_root)
            )
    with pytest.raises(FetchError, match="FETCH-UNREACHABLE"):
        sftp_folder(sftp.port, sftp.known_hosts, password={"env": "SECRET_KEY"}).fetch(
            "partner", fetching(data_root)
        )
