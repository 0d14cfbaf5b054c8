"""Answers about one person: VTJkysely and SPAR in XML, people monitoring in JSON lines.

They are about people who have only visited the website, so that no other source speaks of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from pipelines.synthetic.arrow_text import Ints, Text, either, iso_date, join, number, only, padded
from pipelines.synthetic.cases import Case
from pipelines.synthetic.formats import Format
from pipelines.synthetic.identity_codes import with_wrong_check
from pipelines.synthetic.people import WEBSITE_ONLY
from pipelines.synthetic.planting import Chunk, Planting
from pipelines.synthetic.population_register.groups import family_text, given_text
from pipelines.synthetic.records import Records, nullable
from pipelines.synthetic.samples import Drawn, Sample

# Of those who have only visited, how many each dataset is about.
SHARE = 0.2
_SOURCE, _PURPOSE = "population_register", "customer_care"
_SPAR = "http://statenspersonadressregister.se/schema/"
VTJ = Format(
    "vtj answers",
    _SOURCE,
    "vtj_answers",
    _PURPOSE,
    "vtjkysely-{day}.xml",
    header='<?xml version="1.0" encoding="ISO-8859-1"?>\n'
    '<Vastaukset xmlns:v="http://xml.vrk.fi/schema/vtjkysely">\n',
    closing="\n</Vastaukset>\n",
    encoding="iso-8859-1",
)
SPAR = Format(
    "spar answers",
    _SOURCE,
    "spar_answers",
    _PURPOSE,
    "spar-{day}.xml",
    header=f'<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/" '
    f'xmlns:p="{_SPAR}komponent/person/person-1.2"><S:Body><a:SPARPersonsokningSvar '
    f'xmlns:a="{_SPAR}personsok/2021.1/personsokningsvar">\n',
    closing="\n</a:SPARPersonsokningSvar></S:Body></S:Envelope>\n",
)
MONITORED = Format(
    "person monitoring", _SOURCE, "person_monitoring", _PURPOSE, "persons-{day}.jsonl"
)
CASES = (
    Case("vtj_answer_protected", VTJ.dataset, 20, "TurvakieltoTieto 1 and no address"),
    Case("vtj_answer_nobody", VTJ.dataset, 20, "Paluukoodi 0001"),
    Case("vtj_answer_code_checksum", VTJ.dataset, 10, "identity code with a wrong check character"),
    Case("vtj_answer_impossible_date", VTJ.dataset, 10, "an address that begins on 30 February"),
    Case("spar_protected", SPAR.dataset, 20, "Sekretessmarkering JA; the number and flags alone"),
    Case("spar_number_changed", SPAR.dataset, 20, "Hanvisning Fran, with the number before"),
    Case("spar_incomplete_death", SPAR.dataset, 10, "Avlidendatum without a day"),
    Case("spar_number_checksum", SPAR.dataset, 10, "a number with a wrong check digit"),
    Case("monitoring_protected", MONITORED.dataset, 20, "the warning Prc_Disclaimer"),
    Case("monitoring_deleted", MONITORED.dataset, 20, "_op Delete"),
    Case("monitoring_backwards", MONITORED.dataset, 20, "an address that ends before it begins"),
    Case("monitoring_without_code", MONITORED.dataset, 10, "no socialSecurityNumber"),
)


def swedish_numbers(birth: Ints, serial: Ints) -> Text:
    """Return personnummer in twelve digits: the day of birth, three digits and the check digit."""
    day = np.char.replace(birth.astype("datetime64[D]").astype(str), "-", "")
    body = np.char.add(day, np.char.zfill((serial % 1000).astype(str), 3))
    digits = np.frombuffer(np.char.encode(body, "ascii").tobytes(), np.uint8).reshape(-1, 11) - 48
    doubled = digits[:, 2:] * np.tile([2, 1], 5)[:9]
    check = (10 - (doubled // 10 + doubled % 10).sum(axis=1) % 10) % 10
    return pa.array(np.char.add(body, check.astype(str)).tolist(), pa.string())


def _vtj(drawn: Drawn, who: Ints, planting: Planting) -> tuple[Text, Text]:
    """Return the answers of VTJkysely, and the code of each."""
    right = drawn.people.code.take(pa.array(who))
    code = either(planting.has("vtj_answer_code_checksum"), with_wrong_check(right), right)
    protected = planting.has("vtj_answer_protected")
    begins = either(planting.has("vtj_answer_impossible_date"), "20200230", "20200131")
    address = join(
        "<v:VakinainenKotimainenLahiosoite><v:LahiosoiteS>Vastauskatu ",
        number(who % 90 + 1),
        "</v:LahiosoiteS><v:LahiosoiteR/><v:Postinumero>00100</v:Postinumero>"
        "<v:PostitoimipaikkaS>HELSINKI</v:PostitoimipaikkaS><v:AsuminenAlkupvm>",
        begins,
        "</v:AsuminenAlkupvm><v:AsuminenLoppupvm/></v:VakinainenKotimainenLahiosoite>",
    )
    person = join(
        '<v:Henkilo><v:Henkilotunnus voimassaolokoodi="1">',
        code,
        "</v:Henkilotunnus><v:NykyinenSukunimi><v:Sukunimi>",
        family_text(drawn.people.family[who]),
        "</v:Sukunimi></v:NykyinenSukunimi><v:NykyisetEtunimet><v:Etunimet>",
        given_text(drawn.people.given[who], drawn.people.second[who]),
        "</v:Etunimet></v:NykyisetEtunimet>",
        only(~protected, address),
        "<v:Kuolintiedot><v:Kuollut/><v:Kuolinpvm/></v:Kuolintiedot>"
        "<v:Turvakielto><v:TurvakieltoTieto>",
        only(protected, "1"),
        "</v:TurvakieltoTieto></v:Turvakielto></v:Henkilo>",
    )
    nobody = planting.has("vtj_answer_nobody")
    text = join(
        '<v:VTJHenkiloVastaussanoma><v:Paluukoodi koodi="',
        either(nobody, '0001">Ei löydy', '0000">Haku onnistui'),
        "</v:Paluukoodi><v:Hakuperusteet><v:Henkilotunnus>",
        code,
        "</v:Henkilotunnus></v:Hakuperusteet>",
        only(~nobody, person),
        "</v:VTJHenkiloVastaussanoma>",
    )
    return text, either(nobody, "", code)


def _spar(drawn: Drawn, who: Ints, planting: Planting) -> tuple[Text, Text]:
    """Return the answers of SPAR, and the number of each."""
    right = swedish_numbers(drawn.people.birth[who], drawn.people.person[who])
    wrong = planting.has("spar_number_checksum")
    last = np.array([int(value[-1]) for value in right.to_pylist()], np.int64)
    other_digit = join(pa.array([v[:-1] for v in right.to_pylist()]), number((last + 1) % 10))
    code = either(wrong, other_digit, right)
    former = swedish_numbers(drawn.people.birth[who], drawn.people.person[who] + 500)
    protected = planting.has("spar_protected")
    period = "<DatumFrom>2019-12-02</DatumFrom><DatumTill>9999-12-31</DatumTill>"
    blocks = join(
        f"<Namn>{period}<Fornamn>",
        given_text(drawn.people.given[who], drawn.people.second[who]),
        "</Fornamn><Tilltalsnamn>10</Tilltalsnamn><Efternamn>",
        family_text(drawn.people.family[who]),
        f"</Efternamn></Namn><Persondetaljer>{period}",
        only(
            planting.has("spar_incomplete_death"),
            "<AvregistreringsorsakKod>AV</AvregistreringsorsakKod>"
            "<Avlidendatum>2019-01-00</Avlidendatum>",
        ),
        "<Fodelsedatum>",
        iso_date(drawn.people.birth[who]),
        "</Fodelsedatum>",
        only(
            planting.has("spar_number_changed"),
            join("<Hanvisning><p:IdNummer>", former, "</p:IdNummer><Typ>Fran</Typ></Hanvisning>"),
        ),
        f"</Persondetaljer><Folkbokforingsadress><SvenskAdress>{period}"
        "<Utdelningsadress2>Provgatan ",
        number(who % 90 + 1),
        "</Utdelningsadress2><PostNr>11146</PostNr><Postort>STOCKHOLM</Postort>"
        "</SvenskAdress></Folkbokforingsadress>",
    )
    text = join(
        "<a:PersonsokningSvarspost><p:PersonId><p:IdNummer>",
        code,
        "</p:IdNummer><p:Typ>PERSONNUMMER</p:Typ></p:PersonId><Sekretessmarkering>",
        either(protected, "JA", "NEJ"),
        "</Sekretessmarkering><SkyddadFolkbokforing>NEJ</SkyddadFolkbokforing>",
        only(~protected, blocks),
        "</a:PersonsokningSvarspost>",
    )
    return text, code


def _monitored(drawn: Drawn, who: Ints, planting: Planting) -> tuple[Text, Text]:
    """Return the partner's records, and the code of each."""
    without = planting.has("monitoring_without_code")
    code = drawn.people.code.take(pa.array(who))
    text = join(
        '{"_op":"',
        either(planting.has("monitoring_deleted"), "Delete", "Upsert"),
        '","dateOfBirth":"',
        iso_date(drawn.people.birth[who]),
        '","firstName":"',
        given_text(drawn.people.given[who], drawn.people.second[who]),
        '","lastName":"',
        family_text(drawn.people.family[who]),
        '","isDead":false,"warnings":[',
        only(planting.has("monitoring_protected"), '{"code":"Prc_Disclaimer"}'),
        '],"allAddresses":[{"addressPriorityType":"Permanent","streetAddress":"Kumppanintie ',
        number(who % 90 + 1),
        '","postCode":"',
        padded(who % 900 + 100, 5),
        '","postOffice":"HELSINKI","countryCode":"FI","startDate":"2020-01-31"',
        only(planting.has("monitoring_backwards"), ',"endDate":"2019-12-31"'),
        "}]",
        only(~without, join(',"socialSecurityNumber":"', code, '"')),
        "}",
    )
    return text, only(~without, code)


_WRITERS: dict[Format, Callable[[Drawn, Ints, Planting], tuple[Text, Text]]] = {
    VTJ: _vtj,
    SPAR: _spar,
    MONITORED: _monitored,
}


def draw(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    """Return the answers about some of the people who have only visited the website."""
    rng, days = chunk.rng("answers"), chunk.days
    visiting = rng.permutation(np.flatnonzero(drawn.people.kind == WEBSITE_ONLY))
    least = 10 if chunk.each_case else 0
    count = min(len(visiting) // len(_WRITERS), max(int(len(visiting) * SHARE), least))
    made = []
    for place, (form, write) in enumerate(_WRITERS.items()):
        who = visiting[place * count : (place + 1) * count]
        if len(who) == 0:
            continue
        planting = Planting(chunk, rng, count)
        planting.cases_of(form.dataset, CASES)
        day = rng.integers(0, days.count, count)
        text, key = write(drawn, who, planting)
        made.append(
            (
                form,
                Records(
                    text,
                    day,
                    nullable(key),
                    drawn.people.person[who],
                    planting.case,
                    days.day_no[day],
                ),
            )
        )
    return made


SAMPLE = Sample(formats=(VTJ, SPAR, MONITORED), draw=draw, cases=CASES)
