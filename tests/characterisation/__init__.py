"""What the locked versions of our libraries do with data that was meant to be removed; the design
leans on each answer.

Measured before the product was built (docs/decisions/proof-of-erasure.md says where our versions
differ). A test that fails after an upgrade says that the library has changed: read the decision
again, do not mend the test alone.
"""
