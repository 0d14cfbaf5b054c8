"""What registrants ask for, from the day it is received to the day it is answered (GDPR 12, 16-18,
21).

`request_inbox` takes requests from files; the ledger, its encryption and the deadlines are in
`assets.requests`. `lookup` finds the registrants that requests mean, `verification` establishes
that it is they who ask, `workflow` records what people decide. `restriction_and_objection` carries
out restriction, objection and withdrawal, `rectification` corrections; `withdrawal` writes the
consent log's records; `outbound_messages` the messages to the registrant, `recipient_notices` those
to recipients. Access and portability are `assets.rights.access`, erasure is `assets.erasure`, with
`preview` for what an erasure would do.
"""
