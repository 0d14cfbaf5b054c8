"""Fetching what vendors deliver through APIs, file servers and buckets, into the inbox.

Belongs here: what each connector asks for, the client that asks, the watermarks of what
was fetched. What is fetched becomes an ordinary delivery (`assets.ingest.delivering`); what its
records mean is declared in `assets.sources`.
"""
