"""The source `contact_provider`: answers, callbacks of a watched person, and Posti's files."""

from __future__ import annotations

from assets.sources.contact_provider import consumers, posti
from assets.sources.source import Source

SOURCE = Source(
    name="contact_provider",
    description="Consumers from providers of contact information, and Posti's postcodes",
    about={
        "consumers": "JSON lines: one answer about a consumer",
        "callbacks": "JSON lines: one change of a customer of ours",
        "postcodes": "Posti's PCF file, fixed width, ISO-8859-1: one postcode",
        "streets": "Posti's BAF file, fixed width, ISO-8859-1: one street",
    },
    provider=True,
    datasets=(consumers.CONSUMERS, consumers.CALLBACKS, posti.POSTCODES, posti.STREETS),
)
