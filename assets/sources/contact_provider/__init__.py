"""Providers of contact information: answers about consumers, and Posti's files of postcodes.

`contact_provider` puts the datasets together.
"""
