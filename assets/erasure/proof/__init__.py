"""Proof that nothing remains of someone erased: by their suppression hashes, by bytes while the
request is open, by how files are built.

`identifiers` looks in each layer's identifier columns for keyed hashes on the suppression list;
`byte_search` for the identifiers themselves, as long as the open request has them; `mart_files` at
what a DuckDB file keeps besides its rows. `verification` combines them; `evidence` and
`certificates` write down what was done and proven.
"""
