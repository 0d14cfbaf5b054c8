"""The command `register`: everything that the UI does, and what needs none."""
