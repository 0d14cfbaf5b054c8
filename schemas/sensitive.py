"""Words that reveal special categories (GDPR 9), offences (GDPR 10) and credit data (527/2007).

Interests come from an allow-list of topics; these words exclude topics from the list, and contents
from every topic, whatever its pattern allows. English, Finnish and Swedish, and not complete: the
controller is responsible for the list of topics.
"""

from __future__ import annotations

import re
import unicodedata

# Subject -> pieces of words in lower case without accents; `^` and `$` are the ends of a word.
SENSITIVE: dict[str, tuple[str, ...]] = {
    what: tuple(pieces.split())
    for what, pieces in {
        "health (GDPR 9)": """
            health tervey ^hals[ao] sjuk sairau sairaa ^sick disease illness medic
            ^laak(e$|kee|ari|int|ity) ^lak(ar|emed) apteek apotek pharma ^hiv$ cancer syopa diabet
            ^raska(us|ude|ana) gravid pregnan ^mental psyk psych depress masennu vammai disab
            handikap funktionsned allerg addict paihde paihte missbruk ^die[et]""",
        "religion or belief (GDPR 9)": """
            relig uskonto uskonno ^church ^kirkko$ ^kirkon$ ^kyrk islam muslim christian
            ^kristi(nus|t|ll) ^kristen ^judais jewish ^juutalai buddh hindu ateis atheis
            ^moske(a|ij) mosque synagog seurakun forsamling ^filosof philosoph""",
        "politics (GDPR 9)": """
            politii politik politis politic poliitt puolue ^vaali(t|en)?$ ^election riksdag
            eduskun ^parti(et|er)?$ ^vote""",
        "trade union membership (GDPR 9)": """
            trade.?union labou?r.?union ammattiliit ammattiyhdist ^fackf ^fackl ^union$""",
        "ethnic origin (GDPR 9)": """
            ethnic etnis etnin ^racial ^race$ ^rotu$ ^ras(er)?$ ^romani(t|en|er)?$ ^saamelai
            immigra maahanmuut invandr pakolai refugee flykting""",
        "sexual life or orientation (GDPR 9)": """
            ^sex ^seks ^homo(t|n)?$ ^homosex ^homosek ^gay$ lesb lgbt hbtq hlbt transgender
            transsuku bisex bisek""",
        "genetic or biometric data (GDPR 9)": "genetic geneet genetis biometr",
        "offences (GDPR 10)": "criminal crime ^rikos ^rikok ^brott",
        "credit data (527/2007)": (
            "luottotie maksuhair kreditupplysn betalningsanm payment.?default velkajarj "
            "skuldsaner ^debt"
        ),
    }.items()
}


def _pattern(pieces: tuple[str, ...]) -> str:
    worded = (piece.replace("^", "(?:^|[^a-z])").replace("$", "(?:$|[^a-z])") for piece in pieces)
    return "|".join(worded)


_PATTERNS = {what: re.compile(_pattern(pieces)) for what, pieces in SENSITIVE.items()}
# The same for SQL, over text in small letters without accents.
SENSITIVE_SQL = "|".join(_pattern(pieces) for pieces in SENSITIVE.values())


def sensitive(text: str) -> str | None:
    """The sensitive subject that the text reveals, if any."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return next((what for what, pattern in _PATTERNS.items() if pattern.search(plain)), None)
