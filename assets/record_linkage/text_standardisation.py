"""SQL that spells a text as it is compared: without case, accents and marks, in words or in one, and without what stands for nothing."""

from __future__ import annotations

TITLES = (
    "mr",
    "mrs",
    "ms",
    "miss",
    "dr",
    "prof",
    "sir",
    "lady",
    "lord",
    "rev",
    "reverend",
    "hon",
    "herr",
    "frau",
    "monsieur",
    "madame",
    "hr",
    "fr",
    "mme",
    "mlle",
    "jr",
    "sr",
    "ii",
    "iii",
    "iv",
    "phd",
    "esq",
)
NOTHING = (
    "unknown",
    "not known",
    "not available",
    "not applicable",
    "not given",
    "n/a",
    "#n/a",
    "null",
    "none",
    "nan",
    "<na>",
    "missing",
    "undefined",
    "unspecified",
    "xxx",
    "tuntematon",
    "ei tiedossa",
    "okand",
    "unbekannt",
    "inconnu",
    "desconocido",
    "sconosciuto",
    "onbekend",
    "nieznany",
)
"""What is written where nothing is known."""
LEGAL_FORMS = (
    "oy",
    "oyj",
    "ab",
    "ky",
    "tmi",
    "ltd",
    "limited",
    "inc",
    "llc",
    "plc",
    "gmbh",
    "ag",
    "sa",
    "as",
    "aps",
    "bv",
    "nv",
    "co",
    "corp",
    "company",
)
VARIOUS = (
    f"NOT regexp_full_match({{0}}, '{'|'.join(f'{digit}[{digit}-]*' for digit in range(10))}')"
)
"""SQL: a number is not one digit said all over (0000000000), which stands for nothing."""


def folded(sql: str) -> str:
    """SQL: without case and accents."""
    letters = (
        f"strip_accents(replace(replace(replace(lower({sql}), 'ß', 'ss'), 'ø', 'o'), 'æ', 'ae'))"
    )
    # As many bytes as letters: plain ones.
    return f"CASE WHEN strlen({sql}) = length({sql}) THEN lower({sql}) ELSE {letters} END"


def words(plain: str, without: tuple[str, ...] = ()) -> str:
    """SQL: the words of a folded text; apostrophes do not part them (O'Brien), hyphens do. Of several words, those `without` are left out."""
    several = rf"regexp_extract_all(replace(replace({plain}, '''', ''), '’', ''), '[\pL\d]+')"
    spaced = f"regexp_full_match({plain}, '[a-z]+( [a-z]+)+')"
    if without:
        several = f"CASE WHEN len({several}) < 2 THEN {several} ELSE list_filter({several}, lambda word: NOT {one_of('word', without)}) END"
        spaced = rf"{spaced} AND NOT regexp_matches({plain}, '\b({'|'.join(without)})\b')"
    # Most are plain words.
    return f"""CASE WHEN {one_of(plain, NOTHING)} THEN NULL WHEN regexp_full_match({plain}, '[a-z]+') THEN [{plain}]
        WHEN {spaced} THEN string_split({plain}, ' ') ELSE {several} END"""


def packed(plain: str) -> str:
    """SQL: letters and digits of a folded text; null if there are none, or if they stand for nothing."""
    return f"CASE WHEN NOT {one_of(plain, NOTHING)} THEN {letters_and_digits(plain)} END"


def letters_and_digits(plain: str) -> str:
    """SQL: the same, whatever it stands for."""
    return rf"CASE WHEN regexp_full_match({plain}, '[a-z0-9]+') THEN {plain} ELSE nullif(regexp_replace({plain}, '[^\pL\d]', '', 'g'), '') END"


def one_of(sql: str, values: tuple[str, ...]) -> str:
    """SQL: a column is one of the values. Not IN: DuckDB makes a join of that, for every row, whether it is needed or not."""
    return "(" + " OR ".join(f"{sql} = {value!r}" for value in values) + ")"


def family_last(full: str, *, family_first: bool) -> str:
    """`Virtanen, Matti Juhani` is Matti Juhani Virtanen; without the comma, too, where family names come first."""
    parted = rf"regexp_replace({full}, '^\s*([^,]+),\s*(.+)$', '\2 \1')"
    return (
        rf"CASE WHEN contains({full}, ',') THEN {parted} ELSE regexp_replace({full}, '^\s*(\S+)\s+(.+)$', '\2 \1') END"
        if family_first
        else parted
    )


def without_flat(street: str) -> str:
    """SQL: `12 Main Street` of `Flat 4, 12 Main Street` and of `12 Main Street Apt. 4`."""
    parts = "flat|apt|apartment|unit|suite|ste|room"
    part = rf"(?:{parts})\b\.?\s*(?:no\.?\s*)?#?\s*\d*[a-z]?"
    rest = rf"regexp_replace({street}, '(?i)^\s*{part}\s*[,/-]\s*|[,\s]\s*{part}\s*$', '')"
    return rf"CASE WHEN regexp_matches({street}, '(?i)\b({parts})\b') THEN {rest} ELSE {street} END"


SOUNDS = {
    "ph": "f",
    "th": "t",
    "ck": "k",
    "ch": "k",
    "c": "k",
    "q": "k",
    "w": "v",
    "z": "s",
    "x": "ks",
    "y": "i",
}
"""Letters that languages write for one sound (Markus, Marcus; Sofia, Sophia; Henri, Henry)."""


def sound(name: str) -> str:
    """SQL: a folded name written as it sounds, roughly: two spellings of one name are the same."""
    for letters, sounding in SOUNDS.items():
        name = f"replace({name}, '{letters}', '{sounding}')"
    return name


def undoubled(name: str) -> str:
    """SQL: a name with each run of one letter written once (Katariina, Katarina)."""
    single = (
        f"list_filter(string_split({name}, ''), lambda letter, i: i = 1 OR letter <> {name}[i - 1])"
    )
    return f"array_to_string({single}, '')"


NEIGHBOURS = (
    "qwertyuiop|asdfghjkl|zxcvbnm|qaz|wsx|edc|rfv|tgb|yhn|ujm|ik|ol|"
    "wa|es|rd|tf|yg|uh|ij|ok|pl|sz|dx|fc|gv|hb|jn|km"
)
"""Letters that stand side by side, or one above the other, on a keyboard."""


def another_letter(one: str, other: str, most: int) -> str:
    """SQL: whether two names of as many letters, `most` at most, differ in one or two of them, and
    not by a slip of the fingers."""
    far = " OR ".join(
        f"({one}[{i}] <> {other}[{i}] AND NOT contains('{NEIGHBOURS}', {one}[{i}] || {other}[{i}])"
        f" AND NOT contains('{NEIGHBOURS}', {other}[{i}] || {one}[{i}]))"
        for i in range(1, most + 1)
    )
    short = f"length({one}) = length({other}) AND length({one}) <= {most}"
    return f"""CASE WHEN {short} THEN CASE hamming({one}, {other}) WHEN 1 THEN {far}
        WHEN 2 THEN damerau_levenshtein({one}, {other}) = 2 AND ({far}) END END"""
