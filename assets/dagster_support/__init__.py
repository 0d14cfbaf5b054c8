"""What the `assets.py` of every stage share: run resources, and metadata as the UI shows it.

Belongs here: what needs Dagster and is no asset. Knows no stage.
"""
