"""From raw records to canonical frames or quarantine.

Belongs here: the staged layer, duplicate and shared keys, conservation of counts, and rewriting a
delivery's files without some of its records. Knows no registrant.
"""
