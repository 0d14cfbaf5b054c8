"""The ways in which a policy, the law and the data can disagree: what each is called, how grave it is, what to write instead.

Nothing of this refuses the policy: the controller decides. What is refused is in `schemas.law` and `schemas.consistency`.
Source: law.md, "Where the policy is stale or incomplete", and what can be computed beside it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from schemas.vocabulary import Language

Severity = Literal["high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")


class Kind(NamedTuple):
    """One way to disagree: what the law or the data say, where the law says so (`schemas.citations`), and a text for the notice."""

    meaning: str
    severity: Severity
    citations: tuple[str, ...]
    proposal: dict[Language, str]


def _text(en: str, sv: str, fi: str) -> dict[Language, str]:
    return {"en": en, "sv": sv, "fi": fi}


_TRANSFER = _text(
    "We transfer personal data outside the EU and the EEA only under a Commission adequacy decision or the Commission's standard contractual clauses of 2021, and you can have a copy of the safeguards from us.",
    "Vi överför personuppgifter utanför EU och EES endast med stöd av kommissionens beslut om adekvat skyddsnivå eller kommissionens standardavtalsklausuler från 2021. Du kan få en kopia av skyddsåtgärderna av oss.",
    "Siirrämme henkilötietoja EU:n ja ETA:n ulkopuolelle vain komission tietosuojan riittävyyttä koskevan päätöksen tai komission vuoden 2021 vakiosopimuslausekkeiden nojalla. Saat meiltä jäljennöksen suojatoimista.",
)
_CHECKED = _text(
    "We check once a year where our service providers process data and on what grounds.",
    "Vi kontrollerar en gång om året var våra leverantörer behandlar uppgifter och på vilken grund.",
    "Tarkistamme kerran vuodessa, missä palveluntarjoajamme käsittelevät tietoja ja millä perusteella.",
)
_PERIODS = _text(
    "We keep your data for as long as is stated below for each kind of data; after that we delete or anonymise it.",
    "Vi sparar dina uppgifter så länge som anges nedan för varje slags uppgift; därefter raderar eller anonymiserar vi dem.",
    "Säilytämme tietojasi alla kunkin tietoryhmän kohdalla mainitun ajan. Sen jälkeen poistamme tai anonymisoimme ne.",
)
_ONLY_WHAT_IS_HELD = _text(
    "(Take the item out of the notice until the data is really collected.)",
    "(Stryk punkten ur informationen tills uppgifterna verkligen samlas in.)",
    "(Poista kohta selosteesta, kunnes tietoja todella kerätään.)",
)
_SOURCES = _text(
    "We get your data only from the sources that are named below.",
    "Vi får dina uppgifter endast från de källor som anges nedan.",
    "Saamme tietojasi vain alla mainituista lähteistä.",
)

KINDS: dict[str, Kind] = {
    "CONFLICT-PRIVACY-SHIELD": Kind(
        "transfers rest on Privacy Shield, which the Court of Justice declared invalid on 16.7.2020; exports are refused",
        "high",
        ("schrems_ii", "gdpr_44"),
        _TRANSFER,
    ),
    "CONFLICT-SCC-2010": Kind(
        "transfers rest on standard clauses that were repealed and may not be relied on since 27.12.2022; exports are refused",
        "high",
        ("scc_2021", "gdpr_44"),
        _TRANSFER,
    ),
    "CONFLICT-NO-MECHANISM": Kind(
        "the recipient is outside the EEA and no transfer mechanism holds today; exports are refused", "high", ("gdpr_44",), _TRANSFER
    ),
    "CONFLICT-DPF-CHECK": Kind(
        "the recipient's certification under the Data Privacy Framework was checked more than a year ago; it counts no more", "high", ("dpf",), _CHECKED
    ),
    "CONFLICT-DPF-ALONE": Kind(
        "the transfer rests on the Data Privacy Framework alone: without standard clauses it stops the day the certification lapses",
        "medium",
        ("dpf", "scc_2021"),
        _TRANSFER,
    ),
    "CONFLICT-RECIPIENT-CHECK": Kind("nobody has checked the recipient for more than a year", "medium", ("gdpr_28",), _CHECKED),
    "CONFLICT-NO-PERIOD": Kind(
        "the notice must state storage periods; the policy states none for these rules, which are our defaults",
        "high",
        ("gdpr_13_2a", "storage_fine"),
        _PERIODS,
    ),
    "CONFLICT-PERIOD-UNCONFIRMED": Kind(
        "the periods are the company's own choice, and nobody has confirmed them: confirm each, and write basis P", "medium", ("gdpr_5",), _PERIODS
    ),
    "CONFLICT-OBJECTION-SITUATION": Kind(
        "whoever objects to direct marketing need state no situation; the pipeline never asks for one there",
        "high",
        ("gdpr_21",),
        _text(
            "You may object to direct marketing at any time without giving a reason. If you object to other processing that rests on our legitimate interest, please tell us what in your situation is the ground for it.",
            "Du kan när som helst invända mot direktmarknadsföring utan att ange något skäl. Om du invänder mot annan behandling som grundar sig på vårt berättigade intresse ber vi dig berätta vilka omständigheter i din situation invändningen bygger på.",
            "Voit vastustaa suoramarkkinointia milloin tahansa syytä ilmoittamatta. Jos vastustat muuta oikeutettuun etuumme perustuvaa käsittelyä, kerro, mihin henkilökohtaiseen tilanteeseesi vastustus perustuu.",
        ),
    ),
    "CONFLICT-CHANNEL": Kind(
        "a request may come by any way; the policy makes writing or a visit a condition",
        "high",
        ("gdpr_12_2",),
        _text(
            "You can make a request in any way you like, for example by e-mail, by letter, by phone or in person.",
            "Du kan framföra en begäran på det sätt du vill, till exempel per e-post, brev eller telefon eller vid ett besök.",
            "Voit esittää pyynnön haluamallasi tavalla, esimerkiksi sähköpostitse, kirjeitse, puhelimitse tai paikan päällä.",
        ),
    ),
    "CONFLICT-NO-PORTABILITY": Kind(
        "the policy does not tell of the right to take one's data elsewhere",
        "medium",
        ("gdpr_20", "gdpr_rights"),
        _text(
            "You have the right to receive the data that you have given us in a machine-readable form and to have it transmitted to another controller, where the processing rests on consent or a contract.",
            "Du har rätt att få ut de uppgifter som du har lämnat till oss i maskinläsbar form och att få dem överförda till en annan personuppgiftsansvarig när behandlingen grundar sig på samtycke eller avtal.",
            "Sinulla on oikeus saada itse antamasi tiedot koneluettavassa muodossa ja siirtää ne toiselle rekisterinpitäjälle, kun käsittely perustuu suostumukseen tai sopimukseen.",
        ),
    ),
    "CONFLICT-NO-HUMAN-REVIEW": Kind(
        "the policy speaks of automated decisions and tells of no way to a human being",
        "medium",
        ("gdpr_22",),
        _text(
            "We make no decisions with legal effect by automated means alone. You can ask that a person reviews how you have been profiled.",
            "Vi fattar inga beslut med rättsverkan enbart på automatisk väg. Du kan begära att en människa granskar hur du har profilerats.",
            "Emme tee pelkästään automaattisesti päätöksiä, joilla on oikeusvaikutuksia. Voit pyytää, että ihminen tarkistaa sinusta tehdyn profiloinnin.",
        ),
    ),
    "CONFLICT-RIGHT-MISSING": Kind(
        "the policy does not tell of a right that the law gives",
        "high",
        ("gdpr_rights",),
        _text(
            "You have the right of access, to rectification, to erasure, to restriction, to object, to withdraw consent and to lodge a complaint with the supervisory authority.",
            "Du har rätt till tillgång, rättelse, radering och begränsning, rätt att invända, att återkalla ett samtycke och att lämna klagomål till tillsynsmyndigheten.",
            "Sinulla on oikeus saada pääsy tietoihisi, oikaista tai poistaa ne, rajoittaa tai vastustaa käsittelyä, peruuttaa suostumuksesi ja tehdä valitus valvontaviranomaiselle.",
        ),
    ),
    "CONFLICT-SPECIAL-CATEGORY": Kind(
        "the policy names data on health or belief without its condition; the register keeps no explicit consent for it, so it may not be collected",
        "high",
        ("gdpr_9",),
        _text(
            "We process information about a special diet only with your explicit consent and only to arrange the event.",
            "Vi behandlar uppgifter om specialkost endast med ditt uttryckliga samtycke och endast för att ordna evenemanget.",
            "Käsittelemme erityisruokavaliota koskevia tietoja vain nimenomaisella suostumuksellasi ja vain tapahtuman järjestämiseksi.",
        ),
    ),
    "CONFLICT-CREDIT-DATA": Kind(
        "credit information is bound to credit decisions and is held in a register that is also for marketing; the pipeline keeps it in a mart of its own",
        "high",
        ("fi_credit", "gdpr_5"),
        _text(
            "We use credit information only to decide on credit. It is kept apart and is never used for marketing or profiling.",
            "Vi använder kreditupplysningar endast för att fatta kreditbeslut. De hålls åtskilda och används aldrig för marknadsföring eller profilering.",
            "Käytämme luottotietoja vain luottopäätösten tekemiseen. Ne pidetään erillään, eikä niitä käytetä markkinointiin tai profilointiin.",
        ),
    ),
    "CONFLICT-NOT-STORED": Kind(
        "the policy says that the register holds it; it is dropped when it arrives and never stored",
        "medium",
        ("gdpr_25",),
        _text("We do not store your password.", "Vi sparar inte ditt lösenord.", "Emme tallenna salasanaasi."),
    ),
    "CONFLICT-VAGUE-SOURCE": Kind(
        "the policy names a source that is not read: what is not a source must not be told, and what is one must be told by name",
        "medium",
        ("gdpr_14_2f",),
        _SOURCES,
    ),
    "CONFLICT-SOURCE-FILLS": Kind(
        "the sources that fill the category's columns are not the ones that the policy names for it", "low", ("gdpr_14_2f",), _SOURCES
    ),
    "CONFLICT-NO-COLUMN": Kind("the policy says that such data is processed; no table has a column for it", "low", ("gdpr_5",), _ONLY_WHAT_IS_HELD),
    "CONFLICT-NO-MART": Kind("the policy names a purpose for which no mart is built", "medium", ("gdpr_5",), _ONLY_WHAT_IS_HELD),
    "CONFLICT-PURPOSE-WITHOUT-DATA": Kind("no category of data may be used for the purpose", "medium", ("gdpr_5",), _ONLY_WHAT_IS_HELD),
    "CONFLICT-SEVERAL-BASES": Kind(
        "the policy gives several legal bases together: the registrant cannot tell which one applies",
        "medium",
        ("gdpr_13",),
        _text(
            "For each purpose we state below on which legal basis we process which data.",
            "För varje ändamål anger vi nedan på vilken rättslig grund vi behandlar vilka uppgifter.",
            "Kerromme alla kunkin tarkoituksen kohdalla, millä oikeusperusteella käsittelemme mitäkin tietoja.",
        ),
    ),
    "CONFLICT-PURPOSE-NOT-NAMED": Kind(
        "the purpose has no item of its own in the policy: it shares the clause of another",
        "medium",
        ("gdpr_13", "gdpr_5"),
        _text(
            "(Add the purpose to the list of purposes, with its legal basis.)",
            "(Lägg till ändamålet i förteckningen över ändamål, med rättslig grund.)",
            "(Lisää tarkoitus tarkoitusten luetteloon oikeusperusteineen.)",
        ),
    ),
    "CONFLICT-CATEGORY-NOT-NAMED": Kind(
        "data from a third party is processed that the policy's list of data (P5) does not name",
        "medium",
        ("gdpr_14",),
        _text(
            "(Add the data to the list of what we process.)",
            "(Lägg till uppgifterna i förteckningen över vad vi behandlar.)",
            "(Lisää tiedot käsiteltävien tietojen luetteloon.)",
        ),
    ),
    "CONFLICT-COOKIES": Kind(
        "the purpose uses what cookies tell and does not rest on consent",
        "high",
        ("fi_cookies",),
        _text(
            "We use information from cookies that are not strictly necessary only with your consent, which you can withdraw at any time.",
            "Vi använder uppgifter från kakor som inte är absolut nödvändiga endast med ditt samtycke, som du när som helst kan återkalla.",
            "Käytämme muiden kuin välttämättömien evästeiden tietoja vain suostumuksellasi, jonka voit peruuttaa milloin tahansa.",
        ),
    ),
    "CONFLICT-DISCLOSURE": Kind(
        "the policy says that nothing is disclosed (P7.1), yet targets advertising in others' services (P4.6) and names no recipient for that alone",
        "high",
        ("gdpr_13_recipients",),
        _text(
            "With your consent we give advertising services hashed contact details so that they can show you our advertisements.",
            "Med ditt samtycke lämnar vi hashade kontaktuppgifter till annonstjänster så att de kan visa dig våra annonser.",
            "Annamme suostumuksellasi mainospalveluille tiivisteiksi muunnettuja yhteystietoja, jotta ne voivat näyttää sinulle mainoksiamme.",
        ),
    ),
    "CONFLICT-AGE": Kind(
        "the purpose uses profiles of behaviour, or rests on consent, and has no age limit",
        "medium",
        ("recital_71", "gdpr_8", "fi_child"),
        _text("We do not profile minors.", "Vi profilerar inte minderåriga.", "Emme profiloi alaikäisiä."),
    ),
    "CONFLICT-NOT-REVIEWED": Kind(
        "the policy is more than a year old",
        "low",
        ("gdpr_24",),
        _text(
            "We review this notice once a year.",
            "Vi ser över den här informationen en gång om året.",
            "Tarkistamme tämän selosteen kerran vuodessa.",
        ),
    ),
}

CODES = {code: kind.meaning for code, kind in KINDS.items()}
