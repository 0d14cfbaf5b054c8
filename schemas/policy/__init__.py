"""The controller's policy as data: model, loader, diagnostics, and what a policy is refused for.

Not here: which policy data each table has; `schemas.declarations` compares both.
"""
