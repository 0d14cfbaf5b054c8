"""The sources, found among the modules of this folder, and the check that the policy names each."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import assets.sources
from assets.sources.source import Source
from schemas.declarations import DeclarationError
from schemas.policy.model import Policy


def _declared() -> Iterator[Source]:
    """Yield the `SOURCE` of each module that has one."""
    for module in pkgutil.walk_packages(assets.sources.__path__, f"{assets.sources.__name__}."):
        if module.name != __name__:
            source = getattr(import_module(module.name), "SOURCE", None)
            if isinstance(source, Source):
                yield source


def _by_name() -> dict[str, Source]:
    sources: dict[str, Source] = {}
    for source in _declared():
        if sources.setdefault(source.name, source) is not source:
            raise DeclarationError(f"two modules of assets/sources declare {source.name}")
    return sources


SOURCES = tuple(source for _, source in sorted(_by_name().items()))
"""Every source, by name."""


AUTHORITIES = tuple(source.name for source in SOURCES if source.authority)
"""The registers of persons that states keep."""


PROVIDERS = tuple(source.name for source in SOURCES if source.provider)
"""Providers of contact information."""


def is_authority(source: str) -> str:
    """Return SQL: whether the source, given as SQL, is an authority."""
    return _is_one_of(AUTHORITIES, source)


def is_provider(source: str) -> str:
    """Return SQL: whether the source, given as SQL, is a provider of contact information."""
    return _is_one_of(PROVIDERS, source)


def _is_one_of(names: tuple[str, ...], source: str) -> str:
    return f"({source} IN ({', '.join(repr(name) for name in names or ('',))}))"


def in_order(policy: Policy) -> tuple[Source, ...]:
    """Return the sources in an order in which they can be ingested.

    A source with intake limited to people that others have delivered comes after those.
    """
    return tuple(
        sorted(SOURCES, key=lambda source: policy.sources[source.name].subscription == "known")
    )


def check_sources(policy: Policy) -> None:
    """Raise DeclarationError for a source that would be read without a policy entry (P6)."""
    if unknown := [source.name for source in SOURCES if source.name not in policy.sources]:
        raise DeclarationError(
            f"policy.yaml says nothing of {', '.join(unknown)}: add an entry under `sources`, "
            "or stop reading it"
        )
