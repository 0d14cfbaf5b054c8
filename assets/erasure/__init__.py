"""Erasing a registrant from every layer, and what must be decided before.

Belongs here: preview, bystanders, decisions in doubt, matching, legal holds, the lake rewrite, and
the proof with its certificates (`proof/`). Backups are rewritten by `assets/backup`.
"""
