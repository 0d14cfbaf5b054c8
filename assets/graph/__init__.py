"""The assets as Dagster sees them: keys, groups, partitions, checks, and what the UI shows of each.

The work itself is in the modules of the same names one level up, which know nothing of Dagster.
"""
