"""Dagster definitions, jobs, schedules, sensors and resources, and the command line."""
