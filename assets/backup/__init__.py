"""Encrypted generations of the register, and restoring one without the people erased since.

`encryption` encrypts a stream; `generations` makes, keeps and destroys backups; `rotation` ends
them by age; `erasure_replay` removes from a restored lake everybody on today's suppression list;
`restoring` puts the restored state in place, whole or not at all; `renewing` takes the erased out
of the generations themselves.
"""
