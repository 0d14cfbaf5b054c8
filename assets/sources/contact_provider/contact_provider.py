"""The source `contact_provider`: answers, callbacks of a watched person, and Posti's files."""

from __future__ import annotations

from assets.sources.contact_provider import consumers, posti
from assets.sources.source import Source

SOURCE = Source(
    name="contact_provider",
    description="Consumers from providers of contact information, and Posti's postcodes",
    datasets=(consumers.CONSUMERS, consumers.CALLBACKS, posti.POSTCODES, posti.STREETS),
)
