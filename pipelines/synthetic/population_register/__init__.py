"""Population register messages of invented people: basic data, changes, scenarios."""
