"""Synthetic deliveries in the vendors' own formats, and the truth about who is behind each record.

`assembly.write_sample` is the whole interface. What is out of the ordinary in the deliveries is
listed in `cases.py`, and by each module with a `SAMPLE` (`samples.py`); the tables that names and
places come from are described in `schemas/reference/README.md`. Nothing here is about a real
person, and no asset reads it.
"""
