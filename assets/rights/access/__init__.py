"""What registrants receive who request their data (GDPR 15) or take it elsewhere (GDPR 20).

`belonging` determines which records are theirs; `redaction` redacts everybody else in them;
`gathering` collects all of it, `package.circumstances` what it is used for and until when;
`portable` selects what they provided themselves; `spreadsheets`, `page` and `archive` write it.
"""
