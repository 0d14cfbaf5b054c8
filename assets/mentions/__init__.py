"""Identifiers in free text: payloads that could not be parsed, URLs, notes, evidence, whatever the
field.

`decoding` removes encodings from a text, `spellings` finds the spellings of known identifiers in
it, `scanning` selects the texts that are worth that, `attribution` decides of which records an
identifier makes them somebody's, `redaction` replaces the others, and `listed` does all of it for a
delivery with nothing but the suppression list.
"""
