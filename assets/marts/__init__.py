"""Register -> marts: one published DuckDB file per purpose, holding only what the purpose may use.

One module per purpose has the queries of its mart's tables, and `queries` lists them; `eligible`
selects the registrants; `building` builds, checks and publishes any. Which columns a mart may have
is declared in `schemas.marts`, not here; nothing here writes to the register.
"""
