"""What registrants ask for, from the day it is received to the day it is answered (GDPR 12, 16-18,
21).

`requests` is the ledger, `sealed` hides in it who asks; `request_inbox` takes requests from files.
`finding` says whom they mean, `verification` whether it is they who ask, `preview` what an erasure
would do, `deadlines` by when, `answering` what people decide. `spoken` carries out restriction,
objection and withdrawal, `rectification` corrections; `withdrawal` writes the consent log's
records; `outgoing` the messages to the registrant. Erasure is `assets.erasure.erasing`, access and
portability `assets.rights.access`.
"""
