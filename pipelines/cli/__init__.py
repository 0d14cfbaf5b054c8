"""The command `register`: everything the UI does, and what is done without one."""
