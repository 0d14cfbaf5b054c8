"""The field fuzz: every field of every dataset takes odd values, and no other record may suffer.

`values` is the catalogue of odd values, `whole_records` makes an ordinary record of every dataset
with every field filled, `mutations` puts the one into the other, `trial` delivers the result and
checks what must be true afterwards, `rounds` and `culprits` find the records that break it, and
`findings` lists each distinct failure once. `python -m tests.fuzz` runs on with new combinations.
"""
