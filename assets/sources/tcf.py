"""Consent strings of cookie banners (IAB Europe, TCF 2.2), decoded in SQL.

Common decoders read a string that was cut off as all purposes granted. Here, a string that is not
sound grants nothing: the core has at least 213 bits, version 2, was made before it was last
changed, and was changed since TCF exists and not after the event.
"""

from __future__ import annotations

from schemas.sources.consents import TCF_PURPOSES

# A TCF 2 core string has six bits a letter: the version, then twice 36 bits of tenths of seconds
# since 1970 (created, last updated); the purposes consented to are the 24 bits from the 153rd
# (IAB Europe, TCF 2.2, "the core string").
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_FIRST_PURPOSE_BIT = 152


def _letter(place: int) -> str:
    return f"(strpos('{_LETTERS}', substr(core, {place}, 1)) - 1)"


def _tenths(first: int) -> str:
    return " + ".join(
        f"{_letter(place)} * {64 ** (first + 5 - place)}::BIGINT"
        for place in range(first, first + 6)
    )


def _consented(purpose: int) -> str:
    letter, bit = divmod(_FIRST_PURPOSE_BIT + purpose - 1, 6)
    return f"({_letter(letter + 1)} >> {5 - bit}) % 2 = 1"


_TCF_GRANTS = " ".join(
    f"WHEN '{purpose}' THEN {' AND '.join(_consented(number) for number in needed)}"
    for purpose, needed in TCF_PURPOSES.items()
)

MACROS = (
    # At least 213 bits (36 letters), last updated since TCF exists and not after the event.
    f"""CREATE OR REPLACE TEMP MACRO tcf_sound(core, event_at) AS
    CASE WHEN regexp_full_match(core, 'C[A-Za-z0-9_-]{{35,}}')
        THEN ({_tenths(8)}) / 10 BETWEEN epoch(TIMESTAMP '2018-04-25') AND epoch(event_at) + 86400
            AND {_tenths(2)} <= {_tenths(8)} ELSE false END""",
    f"CREATE OR REPLACE TEMP MACRO tcf_grants(core, theme) AS CASE theme {_TCF_GRANTS} ELSE false "
    f"END",
)
