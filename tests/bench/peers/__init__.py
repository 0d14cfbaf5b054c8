"""Our linkage engine beside Splink 5: `python -m tests.bench.peers`. They take turns, each in a
process of its own, on the same files.
"""
