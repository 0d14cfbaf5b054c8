"""When, where and with what the assets run: definitions, jobs, schedules, sensors, resources, the command line."""
