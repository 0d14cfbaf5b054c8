"""SQL that standardises a text for comparison: case, accents, punctuation, words, placeholders."""

from __future__ import annotations

TITLES = (
    "mr", "mrs", "ms", "miss", "dr", "prof", "sir", "lady", "lord", "rev", "reverend", "hon",
    "herr", "frau", "monsieur", "madame", "hr", "fr", "mme", "mlle", "jr", "sr", "ii", "iii", "iv",
    "phd", "esq",
)  # fmt: skip
PLACEHOLDERS = (
    "unknown", "not known", "not available", "not applicable", "not given", "n/a", "#n/a", "null",
    "none", "nan", "<na>", "missing", "undefined", "unspecified", "xxx", "tuntematon",
    "ei tiedossa", "okand", "unbekannt", "inconnu", "desconocido", "sconosciuto", "onbekend",
    "nieznany",
)  # fmt: skip
"""What is entered where the value is not known."""
LEGAL_FORMS = (
    "oy", "oyj", "ab", "ky", "tmi", "ltd", "limited", "inc", "llc", "plc", "gmbh", "ag", "sa", "as",
    "aps", "bv", "nv", "co", "corp", "company",
)  # fmt: skip
NOT_REPEATED_DIGIT = (
    f"NOT regexp_full_match({{0}}, '{'|'.join(f'{digit}[{digit}-]*' for digit in range(10))}')"
)
"""SQL: a number is not one digit repeated (0000000000), which is a placeholder."""


def folded(sql: str) -> str:
    """SQL: without case and accents."""
    letters = (
        f"strip_accents(replace(replace(replace(lower({sql}), 'ß', 'ss'), 'ø', 'o'), 'æ', 'ae'))"
    )
    # As many bytes as letters: ASCII.
    return f"CASE WHEN strlen({sql}) = length({sql}) THEN lower({sql}) ELSE {letters} END"


def words(plain: str, without: tuple[str, ...] = ()) -> str:
    """SQL: the words of a folded text; null for a placeholder.

    Apostrophes do not separate words (O'Brien), hyphens do. Of several words, those in `without`
    are left out.
    """
    every = rf"regexp_extract_all(replace(replace({plain}, '''', ''), '’', ''), '[\pL\d]+')"
    spaced = f"regexp_full_match({plain}, '[a-z]+( [a-z]+)+')"
    if without:
        wanted = f"list_filter({every}, lambda word: NOT {is_any_of('word', without)})"
        every = f"CASE WHEN len({every}) < 2 THEN {every} ELSE {wanted} END"
        spaced = rf"{spaced} AND NOT regexp_matches({plain}, '\b({'|'.join(without)})\b')"
    # Most are plain words.
    return f"""CASE
        WHEN {is_any_of(plain, PLACEHOLDERS)} THEN NULL
        WHEN regexp_full_match({plain}, '[a-z]+') THEN [{plain}]
        WHEN {spaced} THEN string_split({plain}, ' ')
        ELSE {every} END"""


def compact(plain: str) -> str:
    """SQL: letters and digits of a folded text; null if there are none, or for a placeholder."""
    return f"CASE WHEN NOT {is_any_of(plain, PLACEHOLDERS)} THEN {letters_and_digits(plain)} END"


def letters_and_digits(plain: str) -> str:
    """SQL: letters and digits of a folded text, placeholders included; null if there are none."""
    stripped = rf"nullif(regexp_replace({plain}, '[^\pL\d]', '', 'g'), '')"
    return f"CASE WHEN regexp_full_match({plain}, '[a-z0-9]+') THEN {plain} ELSE {stripped} END"


def is_any_of(sql: str, values: tuple[str, ...]) -> str:
    """SQL: whether an expression is one of the values.

    Not IN: DuckDB makes a join of that, for every row, whether it is needed or not.
    """
    return "(" + " OR ".join(f"{sql} = {value!r}" for value in values) + ")"


def family_last(full: str, *, family_first: bool) -> str:
    """SQL: a full name with the family name last.

    `Virtanen, Matti Juhani` is Matti Juhani Virtanen; without the comma, too, where family names
    come first.
    """
    comma = rf"regexp_replace({full}, '^\s*([^,]+),\s*(.+)$', '\2 \1')"
    if not family_first:
        return comma
    return rf"""CASE WHEN contains({full}, ',') THEN {comma}
        ELSE regexp_replace({full}, '^\s*(\S+)\s+(.+)$', '\2 \1') END"""


def without_flat(street: str) -> str:
    """SQL: `12 Main Street` of `Flat 4, 12 Main Street` and of `12 Main Street Apt. 4`."""
    kinds = "flat|apt|apartment|unit|suite|ste|room"
    flat = rf"(?:{kinds})\b\.?\s*(?:no\.?\s*)?#?\s*\d*[a-z]?"
    rest = rf"regexp_replace({street}, '(?i)^\s*{flat}\s*[,/-]\s*|[,\s]\s*{flat}\s*$', '')"
    return rf"""CASE WHEN regexp_matches({street}, '(?i)\b({kinds})\b') THEN {rest}
        ELSE {street} END"""


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


def phonetic(name: str) -> str:
    """SQL: a rough phonetic spelling of a folded name: equal for two spellings of one name."""
    for letters, sound in SOUNDS.items():
        name = f"replace({name}, '{letters}', '{sound}')"
    return name


def undoubled(name: str) -> str:
    """SQL: a name with each run of one letter reduced to one (Katariina, Katarina)."""
    single = (
        f"list_filter(string_split({name}, ''), lambda letter, i: i = 1 OR letter <> {name}[i - 1])"
    )
    return f"array_to_string({single}, '')"


NEIGHBOURS = (
    "qwertyuiop|asdfghjkl|zxcvbnm|qaz|wsx|edc|rfv|tgb|yhn|ujm|ik|ol|"
    "wa|es|rd|tf|yg|uh|ij|ok|pl|sz|dx|fc|gv|hb|jn|km"
)
"""Letters next to each other, or above one another, on a keyboard."""


def differs_beyond_typo(left: str, right: str, longest: int) -> str:
    """SQL: whether two names of equal length, of at most `longest` letters, differ in one or two
    letters, and not by a typing error."""
    distant = " OR ".join(
        f"({left}[{i}] <> {right}[{i}]"
        f" AND NOT contains('{NEIGHBOURS}', {left}[{i}] || {right}[{i}])"
        f" AND NOT contains('{NEIGHBOURS}', {right}[{i}] || {left}[{i}]))"
        for i in range(1, longest + 1)
    )
    short = f"length({left}) = length({right}) AND length({left}) <= {longest}"
    return f"""CASE WHEN {short} THEN CASE hamming({left}, {right}) WHEN 1 THEN {distant}
        WHEN 2 THEN damerau_levenshtein({left}, {right}) = 2 AND ({distant}) END END"""
