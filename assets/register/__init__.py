"""From the staged layer to the register: current statements, entity resolution, golden records.

Belongs here: source and current statements, entity resolution (with the linkage engine of
`assets/record_linkage`), survivorship, protected identity, corrections, choices, the clocks of
retention, integrity checks. Files are written by `building`; requests, erasure and marts are
elsewhere. `relations` lists every table and view of a build, and what each reads.
"""
