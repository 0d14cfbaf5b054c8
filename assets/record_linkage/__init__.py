"""Record linkage for any table of people; a data set is described by the role of each column.

Tables of one DuckDB connection in and out; no files, no clock, no Dagster. In the order of a run:
`roles` describes the columns, `standardisation` makes values comparable, `blocking_rules` and
`candidates` generate the pairs to compare, `fields` and `comparison_levels` compare them,
`u_probabilities` and `expectation_maximisation` estimate the match weights, `scoring` applies them,
`average_linkage` and `clustering` form the clusters, `cluster_ids` names them, and `engine` runs
the whole. `linkage_state` and `incremental_linking` link records that arrive later;
`register_linker` links the register's source persons. Everything else follows from the data: the
settings are the same for every data set.
"""
