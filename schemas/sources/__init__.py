"""The vendors' own records: one module per source, with a Pandera model of what a record must have
to be used."""
