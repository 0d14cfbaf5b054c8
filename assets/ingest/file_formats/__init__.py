"""Readers of delivered files, one module per format of `assets.sources.formats`.

`reading.records` reads a file by its declaration. What a record means is not known here.
"""
