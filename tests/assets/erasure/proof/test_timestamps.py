"""The chain is timestamped by the authority given, and by nobody else: its answer is verified."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from assets.erasure.proof import certificates
from assets.erasure.proof.certificate_checks import check
from assets.erasure.proof.timestamps import TimestampError, stamp
from assets.storage.data_root import DataRoot
from tests.support.certificates import certified


class Authority:
    """A timestamping authority: OpenSSL's, behind HTTP."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        root_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
        root = _certificate("Root", root_key, "Root", root_key)
        own = _certificate("Authority", key, "Root", root_key)
        self.root = root.public_bytes(Encoding.PEM)
        (folder / "root.pem").write_bytes(self.root)
        (folder / "own.pem").write_bytes(own.public_bytes(Encoding.PEM))
        (folder / "key.pem").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        (folder / "serial").write_text("01")
        (folder / "tsa.cnf").write_text(
            f"[tsa]\ndefault_tsa = t\n[t]\nserial = {folder}/serial\ncrypto_device = builtin\n"
            f"signer_cert = {folder}/own.pem\nsigner_key = {folder}/key.pem\n"
            "signer_digest = sha256\ndefault_policy = 1.2.3.4.1\n"
            "digests = sha256, sha512\nordering = yes\ness_cert_id_alg = sha256\n"
        )

    def answer(self, query: bytes) -> bytes:
        (self.folder / "query").write_bytes(query)
        command = "openssl ts -reply -config tsa.cnf -queryfile query -out answer"
        subprocess.run(command.split(), cwd=self.folder, check=True, capture_output=True)
        return (self.folder / "answer").read_bytes()


def _certificate(
    name: str, key: rsa.RSAPrivateKey, issuer: str, issuer_key: rsa.RSAPrivateKey
) -> x509.Certificate:
    def named(common: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])

    is_root = name == issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.BasicConstraints(is_root, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False
        )
    )
    if not is_root:
        usage = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


class Server:
    """Answers timestamp queries; `answers` are what it sends instead, one at a time."""

    def __init__(self, authority: Authority) -> None:
        self.answers: list[bytes] = []
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked += 1
                answer = outer.answers.pop() if outer.answers else authority.answer(query)
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Keep the tests' output clean."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "a")


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[Server]:
    server = Server(authority)
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def data_root(tmp_path: Path) -> DataRoot:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    certified(data_root, "Q1")
    certified(data_root, "Q2")
    return data_root


def test_anybody_can_check_the_timestamp_with_openssl(
    data_root: DataRoot, authority: Authority, server: Server
) -> None:
    answer = stamp(data_root, server.url, authority.root)
    command = f"openssl ts -verify -data {answer.with_suffix('.json')} -in {answer}"
    trusted = ["-CAfile", str(authority.folder / "root.pem")]
    subprocess.run([*command.split(), *trusted], check=True, capture_output=True)
    assert check(data_root) == []


def test_a_tree_is_timestamped_once(
    data_root: DataRoot, authority: Authority, server: Server
) -> None:
    first = stamp(data_root, server.url, authority.root)
    asked = server.asked
    assert stamp(data_root, server.url, authority.root) == first
    assert server.asked == asked
    certified(data_root, "Q3")
    assert stamp(data_root, server.url, authority.root) != first
    assert check(data_root) == []


def test_an_answer_that_is_no_timestamp_of_this_tree_is_not_stored(
    data_root: DataRoot, authority: Authority, server: Server, tmp_path: Path
) -> None:
    other = DataRoot(tmp_path / "other")
    other.create()
    certified(other, "Q7")
    for answer in (b"", b"<html>", stamp(other, server.url, authority.root).read_bytes()):
        server.answers.append(answer)
        with pytest.raises(TimestampError, match="not a timestamp of this chain"):
            stamp(data_root, server.url, authority.root)
    stranger = Authority(tmp_path / "stranger")
    with pytest.raises(TimestampError, match="not a timestamp of this chain"):
        stamp(data_root, server.url, stranger.root)
    assert not list(certificates.folder(data_root).glob("tree-*"))


def test_what_cannot_be_asked_is_named(
    data_root: DataRoot, authority: Authority, tmp_path: Path
) -> None:
    with pytest.raises(TimestampError, match="gave no answer: ConnectError"):
        stamp(data_root, "http://127.0.0.1:9/", authority.root)
    with pytest.raises(TimestampError, match="not readable as PEM"):
        stamp(data_root, "http://127.0.0.1:9/", b"nothing")
    empty = DataRoot(tmp_path / "empty")
    empty.create()
    with pytest.raises(TimestampError, match="nothing to timestamp"):
        stamp(empty, "http://127.0.0.1:9/", authority.root)


def test_a_timestamped_tree_that_is_not_of_this_chain_shows(
    data_root: DataRoot, authority: Authority, server: Server
) -> None:
    answer = stamp(data_root, server.url, authority.root)
    tree = answer.with_suffix(".json")
    tree.write_bytes(tree.read_bytes().replace(b'"size":2', b'"size":1'))
    assert {finding.code for finding in check(data_root)} == {"CERT-HEADS"}
