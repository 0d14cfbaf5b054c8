"""One module per source; `SOURCES` is the list of them.

Adding one: docs/adding-a-source.md.
"""

from assets.sources import consents, credit_bureau, crm, population_register, website

SOURCES = (
    population_register.SOURCE,
    credit_bureau.SOURCE,
    website.SOURCE,
    crm.SOURCE,
    consents.SOURCE,
)
