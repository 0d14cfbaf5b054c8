"""Visitor logs of invented people: visits and the actions in them."""
