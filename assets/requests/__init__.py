"""The ledger of registrants' requests: one file per request, its identity encrypted.

Belongs here: the request record, its encryption, its deadlines. What is done for a request is in
`assets/rights` and `assets/erasure`; this folder comes first, because retention and matching need
to know which requests are open.
"""
