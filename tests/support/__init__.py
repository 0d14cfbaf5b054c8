"""What tests share: data roots, deliveries, commands as real processes, invented people. No
statement is in here.
"""
