"""Documents generated from the policy and the running system.

Belongs here: privacy notices, the record of processing, conflicts between policy, law and data,
traceability of clauses to tests. Changes no data.
"""
