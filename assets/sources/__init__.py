"""One module per source: its reader and what its records state, as canonical frames.

`all_sources` finds them. Adding one: docs/adding-a-source.md. What is done with every source alike
(ingestion, staging, resolution) does not belong here.
"""
