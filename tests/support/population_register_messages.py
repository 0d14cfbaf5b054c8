"""Messages of the population register, in its own words, for the tests of what they do."""

from __future__ import annotations

from typing import Any


def day(text: str) -> dict[str, str]:
    return {"arvo": text, "tarkkuus": "PAIVA"}


def message(code: str, changed: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {
        "henkilotunnus": code,
        "tietoryhmat": list(parts),
        "muutospv": f"{changed}T21:00:00.000Z",
    }


def person(code: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"henkilotunnus": code, "tietoryhmat": list(parts)}


def part(name: str, operation: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"tietoryhma": name, **({"muutosattribuutti": operation} if operation else {}), **fields}


def name(
    given: str, family: str, operation: str | None = None, since: str | None = None
) -> dict[str, Any]:
    return part(
        "HENKILON_NIMI",
        operation,
        etunimi=given,
        sukunimi=family,
        **({"alkupv": day(since)} if since else {}),
    )


def home_address(
    street: str,
    number: str,
    postcode: str,
    town: str,
    since: str,
    operation: str | None = None,
    until: str | None = None,
) -> dict[str, Any]:
    return part(
        "VAKINAINEN_KOTIMAINEN_OSOITE",
        operation,
        katunimi={"fi": street},
        katunumero=number,
        postinumero=postcode,
        postitoimipaikka={"fi": town},
        alkupv=day(since),
        **({"loppupv": day(until)} if until else {}),
    )


def municipality(
    code: str, since: str, operation: str | None = None, holding: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    return part(
        "KOTIKUNTA",
        operation,
        kuntakoodi=code,
        kuntaanMuuttopv=day(since),
        **({"voimassaolevatTiedot": holding} if holding else {}),
    )


def protection(
    active: bool, operation: str | None = None, until: str | None = None
) -> dict[str, Any]:
    return part(
        "TURVAKIELTO",
        operation,
        turvakieltoAktiivinen=active,
        **({"turvaLoppuPv": day(until)} if until else {}),
    )


def death(dead: bool, operation: str | None = None, on: str | None = None) -> dict[str, Any]:
    return part("KUOLINPAIVA", operation, kuollut=dead, **({"kuolinpv": day(on)} if on else {}))


def check_character(body: str) -> str:
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(body[:6] + body[7:]) % 31]


def code(body: str) -> str:
    """A valid identity code of the test series from its first ten characters."""
    return body + check_character(body)


BASE = person(
    code("010190-900"),
    name("Maija", "Esimerkki"),
    part("SYNTYMAPAIVA", syntymapv=day("1990-01-01")),
    home_address("Vanhakatu", "1", "00100", "HELSINKI", "2010-05-01"),
    municipality("091", "2010-05-01"),
)
