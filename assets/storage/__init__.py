"""How files of a data root are written, read and kept secret.

Belongs here: paths of the data root, atomic writes, DuckDB sessions, Parquet, secrets, quoting in
SQL, errors that are safe to show. Knows no source, no table of the register and no Dagster.
"""
