"""What data exists and how each piece is made, in the order it flows.

inbox -> `raw` -> `staged` (and quarantine) -> `register` -> `marts`; `rights` holds what
registrants ask for; `erasure` goes the same way again and removes. `sources` holds one module per
source, `sample` writes synthetic deliveries. What runs when, and with which resources, is
`pipelines`' business.
"""
