"""From the inbox to the raw layer.

Belongs here: manifests, the delivery ledger, file readers, what is kept out or redacted at intake
(suppression list, mentions, protected identity), the raw layer. Knows no canonical frame.
"""
