"""Encrypted generations of the register, and coming back to one without bringing anyone back who has been erased since.

`sealing` encrypts a stream; `generations` makes, keeps and destroys backups; `replaying` removes from a restored lake whom today's
suppression list names; `restoring` puts the restored state in place, whole or not at all.
"""
