"""What a registrant gets who asks for their data (GDPR 15) or takes it elsewhere (GDPR 20).

`belonging` says which records are theirs; `redaction` takes out whoever else is in them;
`gathering` collects all of it, `circumstances` what it is used for and until when; `portable` picks
what they provided themselves; `spreadsheets`, `page` and `archive` write it down.
"""
