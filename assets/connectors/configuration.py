"""`connectors.yaml`: which connectors there are, and where their secrets are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from assets.connectors.business_register import BusinessRegister
from assets.connectors.connector import Connector, Settings
from assets.connectors.hubspot import Hubspot
from assets.connectors.matomo import Matomo
from assets.connectors.pipedrive import Pipedrive
from assets.connectors.population_register import PopulationRegister
from assets.connectors.s3_bucket import S3Bucket
from assets.connectors.salesforce import Salesforce
from assets.connectors.sftp_folder import SftpFolder
from assets.connectors.web_api import FetchError

FILE = "connectors.yaml"
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")]
Kind = Annotated[
    BusinessRegister
    | Hubspot
    | Matomo
    | Pipedrive
    | PopulationRegister
    | S3Bucket
    | Salesforce
    | SftpFolder,
    Field(discriminator="kind"),
]


class Configuration(Settings):
    """The file's content."""

    connectors: dict[Name, Kind]


def load(path: Path) -> Mapping[str, Connector]:
    """Return the connectors of a file by name; none, if there is no file.

    Raises:
        FetchError: The file is not valid; the message names fields, never their values, because
            somebody may have put a secret there.
    """
    try:
        content = yaml.safe_load(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError:
        raise FetchError("FETCH-CONFIGURATION", f"{FILE} cannot be read") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise FetchError("FETCH-CONFIGURATION", f"{FILE} is not YAML") from None
    try:
        connectors = Configuration.model_validate(content).connectors
    except ValidationError as error:
        wrong = "; ".join(sorted({_named(problem) for problem in error.errors()}))
        raise FetchError("FETCH-CONFIGURATION", f"{FILE}: {wrong}") from None
    for name, connector in connectors.items():
        if unknown := connector.unknown():
            raise FetchError(
                "FETCH-CONFIGURATION", f"{FILE}: connectors.{name}: nothing reads {unknown}"
            )
    return connectors


def _named(problem: Any) -> str:
    """Return which field is wrong, and how."""
    known = {"connectors", *(name for kind in _models() for name in kind.model_fields)}
    where, of_name = [], False
    for part in problem["loc"]:
        # A connector's name is its owner's; other keys may be anything, a secret too.
        if part in known or of_name:
            where.append(str(part) if str(part).isidentifier() else "...")
        of_name = part == "connectors"
    field = ".".join(where) or "the file"
    return {
        "missing": f"{field} is missing",
        "extra_forbidden": f"{field} has a field that is not known",
        "union_tag_invalid": f"{field} has an unknown kind",
        "union_tag_not_found": f"{field} has no kind",
    }.get(problem["type"], f"{field} is not as the operator's guide describes it")


def _models() -> list[type[Settings]]:
    models: list[type[Settings]] = []
    waiting = [Settings]
    while waiting:
        models += (children := waiting.pop().__subclasses__())
        waiting += children
    return models
