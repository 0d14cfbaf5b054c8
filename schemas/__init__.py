"""What is valid and lawful: the policy, the shape of every table, and the rules a value must pass.

Nothing here knows of Dagster, of files or of where the data flows; `assets` and `pipelines` import from here, never
the other way round.
"""
