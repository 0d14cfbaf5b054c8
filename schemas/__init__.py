"""The policy, the models of all tables, and the rules of valid values.

Nothing here depends on Dagster, files or the flow of data; `assets` and `pipelines` import from
here, never the other way round.
"""
