"""Benchmarks: `python -m tests.bench`, or `make bench`. They measure, and fail only when what they
measure fails.
"""
