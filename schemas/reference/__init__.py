"""Reference tables of names and places, from public registers; sources and licences: README.md."""
