"""What the `assets.py` of every stage shares: run resources, and metadata for the UI.

Belongs here: what needs Dagster and is not an asset. Knows no stage.
"""
