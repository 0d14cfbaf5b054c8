"""Who is who in any table of people: all that is told is the role of each column.

Tables of one DuckDB connection in and out; no files, no clock, no Dagster. In the order things happen: `roles` says what
the columns are, `normalise` makes them comparable, `fields` says how far two records can agree, `passes` and
`candidates` find the pairs worth comparing, `mixture` learns what agreement weighs, `refinement` makes clusters of the
weights, `engine` runs the whole. `hashes` and `levels` make it fast; `kept` and `arrivals` link records that come later.
Everything else follows from the data: one setting for every data set.
"""
