"""`connectors.yaml` names what is wrong with it, and never what stands there."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.connectors.configuration import load
from assets.connectors.connector import Secret
from assets.connectors.web_api import FetchError

FINE = """
connectors:
  site_1:
    kind: matomo
    url: https://matomo.example.fi
    site: 1
    token: {env: MATOMO_TOKEN}
  partner:
    kind: sftp
    host: sftp.example.fi
    user: qvik
    known_hosts: /etc/ssh/known_hosts
    folder: out
    key: {file: /run/secrets/key}
    source: credit_bureau
    dataset: credit_reports
    encoding: utf-8
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "connectors.yaml"
    path.write_text(text)
    return path


def test_without_a_file_there_are_no_connectors(tmp_path: Path) -> None:
    assert load(tmp_path / "connectors.yaml") == {}


def test_each_section_is_a_connector(tmp_path: Path) -> None:
    connectors = load(written(tmp_path, FINE))
    assert {name: each.origin for name, each in connectors.items()} == {
        "site_1": "website",
        "partner": "credit_bureau",
    }


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (FINE.replace("{env: MATOMO_TOKEN}", "hunter2"), "connectors.site_1.token"),
        (FINE.replace("site: 1", "site: 1\n    hunter2: 1"), "a field that is not known"),
        (FINE.replace("site: 1", "x: 1"), "connectors.site_1.site is missing"),
        (FINE.replace("kind: matomo", "kind: hunter2"), "an unknown kind"),
        (FINE.replace("kind: matomo", "x: hunter2"), "no kind"),
        (FINE.replace("https://", "http://hunter2."), "connectors.site_1.url"),
        (FINE.replace("https://", "https://hunter2@"), "connectors.site_1.url"),
        (FINE.replace("{env: MATOMO_TOKEN}", "{env: A, file: B}"), "connectors.site_1.token"),
        (FINE.replace("dataset: credit_reports", "dataset: hunter2"), "nothing reads"),
        (FINE.replace("  site_1:", "  'hunter2 x':"), "connectors"),
        ("connectors: [hunter2]", "connectors"),
        ("hunter2", "the file"),
        ("a: *hunter2", "is not YAML"),
        ("\x00hunter2", "is not YAML"),
    ],
)
def test_what_is_wrong_is_named_without_its_value(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(FetchError, match="FETCH-CONFIGURATION") as raised:
        load(written(tmp_path, text))
    assert named in str(raised.value)
    if named != "nothing reads":
        assert "hunter2" not in str(raised.value)


def test_a_secret_is_in_a_file_or_a_variable_and_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text(" hunter2\n")
    monkeypatch.setenv("KEY", "hunter3")
    assert Secret(file=tmp_path / "key").read() == "hunter2"
    assert Secret(env="KEY").read() == "hunter3"
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff")
    for missing in (
        Secret(env="NO_SUCH_KEY"),
        Secret(file=tmp_path / "none"),
        Secret(file=tmp_path),
        Secret(file=tmp_path / "empty"),
        Secret(file=tmp_path / "bytes"),
    ):
        with pytest.raises(FetchError, match="FETCH-SECRET"):
            missing.read()
