"""An ordinary record of every dataset about invented person `number`, with every field filled.

Persons have nothing in common but what odd values give them: those join the persons who share them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

from tests.support.population_register_messages import code, day, part

DAY = "2026-11-19"
SECRET = "salainen"  # noqa: S105
Record = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """What is certain about an invented person."""

    number: int
    given: str
    family: str
    born: date
    identity_code: str
    contact_id: str
    customer_number: str
    email: str
    phone: str
    visitor_id: str
    street: str


@cache
def person(number: int) -> Person:
    """The person of that number, always the same."""
    rng = random.Random(f"person {number}")
    given, family, street = (_word(rng) for _ in range(3))
    born = date(1940, 1, 1) + timedelta(days=number // 50 + number % 50 * 366)
    identity_code = code(f"{born:%d%m%y}-{900 + number % 50}")
    return Person(
        number,
        given,
        family,
        born,
        identity_code,
        f"88{number:010d}",
        f"C{number:07d}",
        f"{given}.{family}@example.fi".lower(),
        f"+35850{number:07d}",
        f"{number:016x}",
        f"{street}tie {number % 90 + 1}",
    )


def _word(rng: random.Random) -> str:
    return "".join(rng.choice("bdfghjklmnprstv") + rng.choice("aeiouy") for _ in range(5)).title()


def _address(who: Person, group: str, operation: str | None, **more: Any) -> Record:
    return part(
        group,
        operation,
        katunimi={"fi": who.street, "sv": who.street.replace("tie", "vägen")},
        katunumero="6a-6b",
        huoneistokirjain="B",
        huoneistonumero="003",
        jakokirjain="a",
        postinumero="00100",
        postitoimipaikka={"fi": "HELSINKI", "sv": "HELSINGFORS"},
        rakennustunnus="904216270S",
        osoitenumero=1,
        kuntakoodi="091",
        alkupv=day("2015-05-01"),
        loppupv=day("2999-02-28"),
        **more,
    )


def _abroad(group: str, operation: str | None = None) -> Record:
    return part(
        group,
        operation,
        lahiosoite="1 Example Street",
        paikkakunta="London",
        valtiokoodi="998",
        valtionimi="Exampleland",
        alkupv=day("2019-01-01"),
    )


def _name(who: Person, operation: str | None = None) -> Record:
    return part(
        "HENKILON_NIMI",
        operation,
        etunimi=who.given,
        sukunimi=who.family,
        etunimiUTF8=who.given,
        sukunimiUTF8=who.family,
        alkupv=day("2000-01-01"),
    )


def _code_correction(who: Person, operation: str | None = None) -> Record:
    former = code(f"{who.born:%d%m%y}-{950 + who.number % 50}")
    return part(
        "HENKILOTUNNUS_KORJAUS",
        operation,
        voimassaolo="AKTIIVI",
        muutettuHenkilotunnus=who.identity_code,
        aktiivinenHenkilotunnus=who.identity_code,
        edellisetHenkilotunnukset=[former],
    )


def perustiedot(number: int) -> Record:
    who = person(number)
    return {
        "henkilotunnus": who.identity_code,
        "tietoryhmat": [
            _name(who),
            part(
                "KUTSUMANIMI", nimilaji="NYKYINEN_KUTSUMANIMI", nimi=who.given, nimiUTF8=who.given
            ),
            part(
                "NIMENMUUTOS",
                nimilaji="EDELLINEN_SUKUNIMI",
                nimi="Entinen",
                loppupv=day("1999-12-31"),
            ),
            part("SYNTYMAPAIVA", syntymapv=day(str(who.born))),
            _code_correction(who),
            part(
                "AIDINKIELI",
                kielikoodi="98",
                kielikoodiISO6392="und",
                nimi="savo",
                alkupv=day("1999-01-01"),
            ),
            part("ASIOINTIKIELI", kielikoodi="fi"),
            _address(who, "VAKINAINEN_KOTIMAINEN_OSOITE", None),
            _abroad("TILAPAINEN_ULKOMAINEN_OSOITE"),
            part(
                "KOTIMAINEN_POSTIOSOITE",
                postiosoite={"fi": "PL 1", "sv": "PB 1"},
                postinumero="00100",
                postitoimipaikka={"fi": "HELSINKI", "sv": "HELSINGFORS"},
                alkupv=day("2020-01-01"),
                loppupv=day("2027-01-01"),
            ),
            part(
                "KOTIKUNTA",
                kuntakoodi="091",
                kuntaanMuuttopv=day("2015-05-01"),
                kuntaanMuuttoPv=day("2015-05-01"),
            ),
            part(
                "SAHKOPOSTIOSOITE",
                sahkopostiosoite=who.email,
                lajikoodi="1",
                alkupv=day("2020-01-01"),
            ),
            part("TURVAKIELTO", turvakieltoAktiivinen=False, turvaLoppuPv=day("2020-02-28")),
            part("KUOLINPAIVA", kuollut=False),
            part("SUORAMARKKINOINTIKIELTO", alkupv=day("2020-01-01")),
            part("USKONTOKUNTA", uskontokunta=275),
        ],
    }


def protected(number: int) -> Record:
    """Somebody under protected identity who has died, with what is censored and what is not."""
    who = person(number)
    return {
        "henkilotunnus": who.identity_code,
        "tietoryhmat": [
            _name(who),
            part("SYNTYMAPAIVA", syntymapv={"arvo": str(who.born), "tarkkuus": "KUUKAUSI"}),
            part("TURVAKIELTO", turvakieltoAktiivinen=True, turvaLoppuPv=day("2999-02-28")),
            part(
                "VAKINAINEN_KOTIMAINEN_OSOITE",
                turvakiellonAlaisetKentat=["katunimi", "postinumero"],
            ),
            part("KOTIKUNTA", turvakiellonAlaisetKentat=["KOTIKUNTA"]),
            part("EDELLINEN_KOTIKUNTA", kuntakoodi="091"),
            part("KUOLINPAIVA", kuollut=True, kuolinpv=day("2026-01-15")),
            part("KUOLLEEKSIJULISTAMISPAIVA", kuolleeksijulistamispv=day("2026-02-15")),
        ],
    }


def muutokset(number: int) -> Record:
    who = person(number)
    return {
        "henkilotunnus": who.identity_code,
        "tietoryhmat": [
            _name(who, "MUUTETTU"),
            part(
                "NIMENMUUTOS",
                "LISATTY",
                nimilaji="EDELLINEN_ETUNIMI",
                nimi="Entinen",
                alkupv=day("2000-01-01"),
            ),
            _address(who, "VAKINAINEN_KOTIMAINEN_OSOITE", "LISATTY"),
            _address(who, "TILAPAINEN_KOTIMAINEN_OSOITE", "MUUTETTU"),
            _abroad("VAKINAINEN_ULKOMAINEN_OSOITE", "KORJATTU"),
            part(
                "KOTIKUNTA",
                "POISTETTU",
                kuntakoodi="049",
                kunnastaPoisMuuttopv=day("2016-05-01"),
                voimassaolevatTiedot=[{"kuntakoodi": "091", "kuntaanMuuttopv": day("2015-05-01")}],
            ),
            part(
                "HENKILON_NIMI",
                "POISTETTU",
                voimassaolevatTiedot=[
                    {
                        "etunimi": who.given,
                        "sukunimi": who.family,
                        "alkupv": day("2001-01-01"),
                        "loppupv": day("2030-01-01"),
                    }
                ],
            ),
            part(
                "SAHKOPOSTIOSOITE",
                "POISTETTU",
                voimassaolevatTiedot=[{"sahkopostiosoite": who.email, "alkupv": day("2021-01-01")}],
            ),
            part(
                "KOTIMAINEN_POSTIOSOITE",
                "POISTETTU",
                voimassaolevatTiedot=[
                    {
                        "postiosoite": {"fi": "PL 2", "sv": "PB 2"},
                        "postinumero": "00200",
                        "postitoimipaikka": {"fi": "HELSINKI"},
                    }
                ],
            ),
            part("KUOLINPAIVA", "KORJATTAVA", kuollut=True, kuolinpv=day("2026-01-15")),
            part("KUOLINPAIVA", "KORJATTU", kuollut=False),
            part(
                "TURVAKIELTO",
                "LISATTY",
                turvakieltoAktiivinen=False,
                turvaLoppuPv=day("2020-02-28"),
            ),
            _code_correction(who, "LISATTY"),
            part(
                "SUORAMARKKINOINTIKIELTO",
                "POISTETTU",
                alkupv=day("2020-01-01"),
                loppupv=day("2026-01-01"),
            ),
            part("ASIAKASREKISTERIN_PAIVITYSKIELTO", "LISATTY", alkupv=day("2020-01-01")),
            part("ASIOINTIKIELI", "LISATIETO", kielikoodi="sv"),
        ],
        "muutospv": "2026-11-18T21:00:00.000Z",
    }


def contact(number: int) -> Record:
    who = person(number)
    return {
        "Record ID": who.contact_id,
        "First Name": who.given,
        "Last Name": who.family,
        "Email": who.email,
        "Phone Number": who.phone,
        "Job Title": "Toimitusjohtaja",
        "Lifecycle Stage": "Customer",
        "Create Date": "2025-03-12 09:14",
        "Last Activity Date": "10/1/2026 12:00 PM",
        "Associated Company": "Esimerkki Oy;Exempel Ab",
        "Street Address": who.street,
        "Postal Code": "00100",
        "City": "Helsinki",
        "Country/Region": "Finland",
        "Preferred language": "fi",
        "Date of birth": str(who.born),
        "Customer number": who.customer_number,
        "Unsubscribed from all email": "false",
        "Global bounce": "",
        "Notes": "soittanut",
        "Password": SECRET,
    }


def contract(number: int) -> Record:
    who = person(number)
    return {
        "contract_number": f"K-{number:07d}",
        "contact_id": who.contact_id,
        "customer_number": who.customer_number,
        "identity_code": who.identity_code,
        "product": "Sähkö",
        "status": "active",
        "starts_on": "2024-01-01",
        "ends_on": "2027-01-01",
        "monthly_fee": "12.50",
        "currency": "EUR",
        "updated_at": "2026-10-01T10:00:00Z",
    }


def order(number: int) -> Record:
    who = person(number)
    return {
        "order_number": f"T-{number:07d}",
        "contact_id": who.contact_id,
        "customer_number": who.customer_number,
        "ordered_at": "2026-09-01T10:00:00Z",
        "status": "delivered",
        "amount": "20.00",
        "currency": "EUR",
        "items": "2",
    }


def consent(number: int) -> Record:
    who = person(number)
    return {
        "event_ts": "2026-10-03T08:00:00Z",
        "subject_key_type": "email",
        "subject_key": who.email,
        "purpose": "direct_marketing",
        "channel": "email",
        "status": ("granted", "withdrawn")[number % 2],
        "source": "web-form",
        "evidence": f"proof-{number}",
        "text_version": "2025-03",
        "language": "fi",
    }


def consent_by_cookie(number: int) -> Record:
    return {
        **consent(number),
        "subject_key_type": "cookie",
        "subject_key": person(number).visitor_id,
        "purpose": "targeted_advertising",
        "channel": "web",
        "status": "granted",
        "source": "tcf2",
        "evidence": "CO9be3AO9be3AAfABBFIB4CgAPPAAAAAAApAAAAAAAAA",
    }


def visit(number: int) -> Record:
    who = person(number)
    return {
        "idSite": 1,
        "idVisit": 100_000 + number,
        "visitIp": "198.51.100.7",
        "visitorId": who.visitor_id,
        "fingerprint": f"f{number:015x}",
        "userId": who.customer_number,
        "serverTimestamp": 1_794_800_000,
        "firstActionTimestamp": 1_794_800_000,
        "visitDuration": 61,
        "referrerType": "search",
        "referrerName": "Google",
        "referrerUrl": "https://www.google.com/",
        "referrerKeyword": "sähkö",
        "deviceType": "Smartphone",
        "deviceBrand": "Apple",
        "deviceModel": "iPhone",
        "browserCode": "CM",
        "browserName": "Chrome Mobile",
        "browserVersion": "126.0",
        "operatingSystemName": "iOS",
        "operatingSystemVersion": "17.5",
        "resolution": "390x844",
        "city": "Helsinki",
        "latitude": "60.17",
        "actionDetails": [
            {"type": "action", "url": "https://kauppa.example.fi/", "timestamp": 1_794_800_000},
            {
                "type": "search",
                "url": "https://kauppa.example.fi/haku",
                "timestamp": 1_794_800_010,
                "siteSearchKeyword": "sähkö",
                "siteSearchCategory": "tuotteet",
                "siteSearchCount": "3",
            },
            {
                "type": "13",
                "contentName": "ImageAd",
                "contentPiece": "/ads/1.png",
                "contentTarget": "https://kauppa.example.fi/",
                "contentInteraction": "click",
            },
        ],
    }


def visit_by_mail(number: int) -> Record:
    return {**visit(number), "userId": person(number).email, "visitIp": "2001:db8:1:2:3:4:5:6"}


def credit_report(number: int) -> Record:
    who = person(number)
    return {
        "socialSecurityNumber": who.identity_code,
        "dateOfBirth": f"{who.born}T00:00:00Z",
        "creditClass": 4,
        "scale": "1-5, 1 best",
        "purposeCode": "1",
        "remarks": [
            {
                "remarkId": f"R{number}",
                "remarkType": "PaymentRemark",
                "remarkCode": "EDV",
                "remarkSource": "Käräjäoikeus",
                "remarkDate": "2026-01-01T00:00:00Z",
                "amount": "10.00",
                "creditor": "Velkoja Oy",
                "remarkPaidDate": "2026-02-01",
                "remarkExpiresDate": "2028-01-01",
                "remarkValidToDate": "2028-01-01",
            }
        ],
    }


def company_report(number: int) -> Record:
    report = credit_report(number)
    del report["socialSecurityNumber"]
    return {**report, "businessId": f"{1_000_000 + number}-0"}


def edit(number: int) -> Record:
    who = person(number)
    return {
        "edit_id": f"E{number}",
        "edited_at": "2026-11-10T10:00:00+02:00",
        "subject_key_type": "customer_number",
        "subject_key": who.customer_number,
        "changes": {
            "given_names": who.given,
            "call_name": who.given,
            "family_name": who.family,
            "birth_date": str(who.born),
            "language": "fi",
            "email": who.email,
            "phone": who.phone,
            "street": who.street,
            "postcode": "00100",
            "town": "Helsinki",
            "country": "FI",
            "company_name": "Esimerkki Oy",
            "job_title": "Toimitusjohtaja",
        },
    }


def correction(number: int) -> Record:
    return {
        "made_at": "2026-11-11T10:00:00Z",
        "request_id": "Q0123456789ABCDEF",
        "subject_key_type": "identity_code",
        "subject_key": person(number).identity_code,
        "attribute": "birth_date",
        "value": str(person(number).born),
        "overrides": "crm",
        "replaces": "ab" * 32,
    }


Make = Callable[[int], Record]
# Source and dataset -> the kinds of record that are mutated; the first is what controls have.
KINDS: dict[tuple[str, str], tuple[Make, ...]] = {
    ("population_register", "perustiedot"): (perustiedot, protected),
    ("population_register", "muutokset"): (muutokset,),
    ("crm", "contacts"): (contact,),
    ("crm", "contracts"): (contract,),
    ("crm", "orders"): (order,),
    ("consents", "consent_log"): (consent, consent_by_cookie),
    ("website", "visits"): (visit, visit_by_mail),
    ("credit_bureau", "credit_reports"): (credit_report, company_report),
    ("self", "edits"): (edit,),
    ("self", "corrections"): (correction,),
}
