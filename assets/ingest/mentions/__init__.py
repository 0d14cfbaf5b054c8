"""Identifiers in free text: payloads that could not be parsed, URLs, notes, evidence.

Belongs here: decoding a text, finding spellings of identifiers in it, attributing a record by its
text, redacting a mention. Erasing what was found is in `assets/erasure`.
"""
