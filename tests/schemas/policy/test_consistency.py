"""What contradicts itself is refused once: the line, the place, and a remedy that leads there.

Each row changes one passage of the shipped file, and is refused with that one fault: a mistake has
no follow-ups.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.policy.loader import POLICY_FILE
from tests.support.changed_policy import changed, edited, faults, refused, written

TO_COME = (datetime.now(UTC) + timedelta(days=2)).date()

# What is replaced, by what, the place, what the message has, and how many lines further down.
REFUSED: list[tuple[str, str, str, str, int]] = [
    # Blank texts, wherever a text is.
    ("  name: Qvik Oy", '  name: ""', "controller.name", "it is blank; write what it is", 0),
    ("  name: Qvik Oy", '  name: " \\t"', "controller.name", "it is blank", 0),
    ("  name: Qvik Oy", "  name: ---", "controller.name", "it is blank", 0),
    ("  name: Qvik Oy", '  name: "\\u200b\\u00a0"', "controller.name", "it is blank", 0),
    ("  name: Qvik Oy", '  name: "Qvik\\nOy"', "controller.name", "does not print", 0),
    ("  name: Qvik Oy", "  name:", "controller.name", "it has no value; write a text", 0),
    ("  email: info@qvik.com", '  email: ""', "controller.email", "it is blank", 0),
    (
        "  email: info@qvik.com",
        "  email: info(at)qvik.com",
        "controller.email",
        "such as privacy@example.fi",
        0,
    ),
    ("  email: privacy@qvik.com", '  email: " "', "contact.email", "it is blank", 0),
    (
        "  email: privacy@qvik.com",
        "  email: privacy@qvik",
        "contact.email",
        "write an e-mail address",
        0,
    ),
    ('phone: "+358 20 7354 35"', 'phone: ""', "controller.phone", "it is blank", 0),
    (
        'phone: "+358 20 7354 35"',
        "phone: +35820735435",
        "controller.phone",
        "is no text; write a telephone number in quotes",
        0,
    ),
    (
        'phone: "+358 20 7354 35"',
        "phone: on request",
        "controller.phone",
        "write a telephone number",
        0,
    ),
    ("fi: rekisteriasioiden yhteyshenkilö,", 'fi: " ",', "contact.role.fi", "it is blank", 0),
    ("fi: asiakas- ja markkinointirekisteri,", 'fi: "",', "register.name.fi", "it is blank", 0),
    (
        "fi: sähköinen suoramarkkinointi,",
        "fi: '-',",
        "purposes.direct_marketing.name.fi",
        "it is blank",
        0,
    ),
    ("fi: ikäryhmä,", 'fi: "",', "categories.age_band.name.fi", "it is blank", 0),
    ("fi: luottotietoyhtiöt,", 'fi: "",', "sources.credit_bureau.name.fi", "it is blank", 0),
    (
        "fi: tietohallinnon palveluntarjoaja,",
        'fi: "",',
        "recipients.it_operations.name.fi",
        "it is blank",
        0,
    ),
    ('version: "2019-06-27"', 'version: " "', "version", "it is blank", 0),
    (
        "basis: L, source: 527/2007}",
        'basis: L, source: " "}',
        "retention.RET-CREDIT-EXPIRY.source",
        "it is blank",
        0,
    ),
    ("time_zone: Europe/Helsinki", 'time_zone: ""', "time_zone", "it is blank", 0),
    # Clauses, countries and days that do not exist.
    (
        "clause: P4.4\n    bases",
        "clause: P4.9\n    bases",
        "purposes.analytics.clause",
        "the policy has no clause P4.9; write one of P4, P4.1, P4.2",
        0,
    ),
    (
        "clause: P10.1",
        "clause: P10.7",
        "requests.clause",
        "the policy has no clause P10.7; write one of P10, P10.1",
        0,
    ),
    (
        "P8.3, clock: rectification",
        "P8.9, clock: rectification",
        "retention.RET-RECTIFIED-30D.clause",
        "no clause P8.9",
        0,
    ),
    ("clause: P6.6\n", "clause: P6.7\n", "article_14.clause", "no clause P6.7", 0),
    ("country: FI\nlanguages", "country: ZZ\nlanguages", "country", "'ZZ' is no country", 0),
    (
        "country: FI\nlanguages",
        "country: NO\nlanguages",
        "country",
        "False is no text; write two capital letters (ISO 3166), such as FI, and 'NO' in quotes",
        0,
    ),
    (
        "    country: US",
        "    country: UK",
        "recipients.marketing_automation.country",
        "'UK' is no country",
        0,
    ),
    (
        "mechanisms: []\n    checked: 2019-06-27",
        f"mechanisms: []\n    checked: {TO_COME}",
        "recipients.it_operations.checked",
        "is to come; write the day on which it was done",
        1,
    ),
    (
        "mechanisms: []\n    checked: 2019-06-27",
        f"mechanisms: []\n    checked: 2019-06-27\n    certified_on: {TO_COME}",
        "recipients.it_operations.certified_on",
        "is to come",
        2,
    ),
    (
        "mechanisms: []\n    checked: 2019-06-27",
        "mechanisms: []\n    checked: 2026-02-30",
        "recipients.it_operations.checked",
        "'2026-02-30' is no day of the calendar; write YYYY-MM-DD",
        1,
    ),
    (
        "mechanisms: []\n    checked: 2019-06-27",
        "mechanisms: []\n    checked: 2019-06-27 10:00:00",
        "recipients.it_operations.checked",
        "is no day of the calendar",
        1,
    ),
    (
        "mechanisms: []\n    checked: 2019-06-27",
        "mechanisms: []\n    checked: 20190627",
        "recipients.it_operations.checked",
        "20190627 is no day of the calendar",
        1,
    ),
    (
        "time_zone: Europe/Helsinki",
        "time_zone: ../../etc/passwd",
        "time_zone",
        "is no time zone",
        0,
    ),
    # Names: missing, misspelt, repeated. A missing one is reported where it is to be added.
    (
        "  contact:\n    name: {en: e-mail",
        "  contakt:\n    name: {en: e-mail",
        "categories.contakt",
        "'contact' is none of the categories that there are, of which the register has "
        "columns; call this one `contact:`",
        0,
    ),
    ("  analytics:\n", "  analytic:\n", "purposes.analytic", "write 'analytics'", 0),
    ("  crm: {name: {en:", "  crmm: {name: {en:", "sources.crmm", "call this one `crm:`", 0),
    (
        "clause: P4.4\n    bases: [legitimate_interest",
        "clause: P4.4\n    bases: [legitimate_intrest",
        "purposes.analytics.bases.0",
        "write 'legitimate_interest'",
        1,
    ),
    (
        "clause: P4.4\n    bases:",
        "clause: P4.4\n    basis:",
        "purposes.analytics.basis",
        "write 'bases', or take it out",
        1,
    ),
    (
        "clause: P4.2\n    bases: [legitimate_interest]",
        "clause: P4.2\n    bases: legitimate_interest",
        "purposes.legal_claims.bases",
        "is no list; write it in brackets",
        1,
    ),
    (
        "clause: P4.2\n    bases: [legitimate_interest]",
        "clause: P4.2\n    bases: []",
        "purposes.legal_claims.bases",
        "it is empty; name at least one of bases",
        1,
    ),
    ("languages: [fi, sv, en]", "languages: [fi, sv, en, fi]", "languages", "'fi' stands twice", 0),
    (
        "clause: P5.5\n    sources: [events]\n    purposes: [customer_care, analytics]",
        "clause: P5.5\n    sources: [events]\n"
        "    purposes: [customer_care, analytics, customer_care]",
        "categories.participation.purposes",
        "'customer_care' stands twice",
        2,
    ),
    (
        "    derived_from: [order]",
        "    derived_from: [ordr]",
        "categories.consumption.derived_from.0",
        "'ordr' is none of the categories that there are; write 'order', or add `ordr:` under "
        "`categories`",
        0,
    ),
    (
        "    sources: [credit_bureau]\n",
        "    sources: [credit_burau]\n",
        "categories.credit.sources.0",
        "write 'credit_bureau', or add `credit_burau:` under `sources`",
        0,
    ),
    (
        "  marketing_automation:\n",
        "  Marketing Automation:\n",
        "recipients.Marketing Automation",
        "write small letters, digits and underscores",
        0,
    ),
    (
        "purposes:\n  products",
        "purposs:\n  products",
        "purposs",
        "write 'purposes', or take it out",
        0,
    ),
    # Kinds of values.
    (
        "segment_floor: 20",
        "segment_floor: yes",
        "profiles.segment_floor",
        "True is no whole number",
        0,
    ),
    (
        "segment_floor: 20",
        'segment_floor: "20"',
        "profiles.segment_floor",
        "'20' is no whole number; write digits without quotes",
        0,
    ),
    (
        "segment_floor: 20",
        "segment_floor: 99999999999999999999",
        "profiles.segment_floor",
        "is too large; write 1000000 or less",
        0,
    ),
    (
        "    stored: false",
        "    stored: 0",
        "categories.password.stored",
        "0 is neither; write true or false",
        0,
    ),
    (
        "    mandatory: true\n    sources: [population",
        "    mandatory: maybe\n    sources: [population",
        "categories.name.mandatory",
        "'maybe' is neither",
        0,
    ),
    ("trust: 7", "trust: 10000000", "sources.social_media.trust", "write 1000 or less", 0),
    (
        "protection:\n  clause: P6.2\n  confirmed_within: 30 days",
        "protection: thirty days",
        "protection",
        "'thirty days' stands where fields belong; write fields under it: clause:, "
        "confirmed_within:",
        0,
    ),
    (
        "  email: info@qvik.com",
        f"  email: {'a' * 600}@qvik.com",
        "controller.email",
        "longer than 500 characters",
        0,
    ),
]


@pytest.mark.parametrize(("old", "new", "place", "message", "further"), REFUSED)
def test_a_mistake_is_one_fault_with_its_line(
    old: str, new: str, place: str, message: str, further: int, tmp_path: Path
) -> None:
    text, line = edited(old, new)
    (fault,) = faults(tmp_path, text)
    assert fault.startswith((f"line {line + further} ", f"line {line + further}:"))
    assert f": {place}: " in fault
    assert message in fault


# A part, what is put there, the place of the only fault, and what the message has.
CONTRADICTORY = [
    # A clause is of the section that the part of the file expresses.
    (
        "sources.credit_bureau.clause",
        "P4.1",
        "sources.credit_bureau.clause",
        "P4.1 is not about this: providing",
    ),
    ("categories.name.clause", "P9.1", "categories.name.clause", "an item of P4 or P5 or P6 or P8"),
    ("purposes.contracts.clause", "P8.2", "purposes.contracts.clause", "an item of P4"),
    ("recipients.it_operations.clause", "P3", "recipients.it_operations.clause", "an item of P7"),
    ("rights.access.clause", "P10", "rights.access.clause", "an item of P9"),
    ("requests.clause", "P9", "requests.clause", "an item of P10"),
    (
        "transparency.automated_decisions.clause",
        "P7",
        "transparency.automated_decisions.clause",
        "an item of P4",
    ),
    # What one part says, another does not undo.
    (
        "categories.technical.retention",
        ["RET-IP-30D"],
        "categories.technical.retention",
        "write [with_row]",
    ),
    ("categories.segment.mandatory", True, "categories.segment.mandatory", "what is derived"),
    ("sources.crm.subscription", "known", "sources.crm.subscription", "take `subscription` out"),
    (
        "transparency.officer",
        {"designated": False, "email": "dpo@example.fi"},
        "transparency.officer.email",
        "there is no officer",
    ),
    (
        "transparency.officer",
        {"designated": True, "email": "by telephone"},
        "transparency.officer.email",
        "such as privacy@example.fi",
    ),
    (
        "transparency.automated_decisions.identify",
        {"en": "profiles", "fi": "profiilien"},
        "transparency.automated_decisions.identify",
        "it is missing in 'sv'",
    ),
    (
        "transparency.protection.measures",
        ["firewalls", "firewalls"],
        "transparency.protection.measures",
        "stands twice",
    ),
    # What somebody still has to write.
    ("controller.name", "TODO", "controller.name", "it is blank"),
    ("controller.address", "[address]", "controller.address", "it is blank"),
    ("contact.role", {"en": "n/a", "fi": "x", "sv": "y"}, "contact.role.en", "it is blank"),
    ("controller.phone", "000 000 000", "controller.phone", "nobody's number"),
    # Days and countries of the law.
    ("time_zone", "UTC", "time_zone", "days in FI do not begin by 'UTC'; write Europe/Helsinki"),
    ("country", "US", "country", "a representative in it (GDPR 27)"),
    ("minors.everyday_acts", {"EUR": 5}, "minors.everyday_acts.EUR", "write 50 or more"),
]


@pytest.mark.parametrize(("part", "value", "place", "message"), CONTRADICTORY)
def test_what_contradicts_another_part_is_one_fault(
    part: str, value: object, place: str, message: str, tmp_path: Path
) -> None:
    error = refused(tmp_path, changed(tuple(part.split(".")), value))
    (fault,) = error.faults
    assert ".".join(map(str, fault.where)) == place
    assert message in str(error)


@pytest.mark.parametrize("name", ["name", "order", "website"])
def test_what_the_register_stores_is_not_called_unstored(name: str, tmp_path: Path) -> None:
    unstored = {"stored": False, "purposes": [], "retention": []}
    content = written()
    content["categories"][name] |= unstored
    assert ("categories", name, "stored") in {
        fault.where for fault in refused(tmp_path, content).faults
    }


def without(name: str) -> str:
    """The shipped file without the entry of this name, which is two columns in."""
    text = POLICY_FILE.read_text(encoding="utf-8")
    assert len(re.findall(rf"^  {name}:", text, re.MULTILINE)) == 1
    return re.sub(rf"^  {name}:.*\n(    .*\n)*", "", text, flags=re.MULTILINE)


def line_of(text: str, start: str) -> int:
    return next(
        number for number, line in enumerate(text.splitlines(), 1) if line.startswith(start)
    )


@pytest.mark.parametrize("name", ["contact", "order", "region", "technical"])
def test_a_category_of_the_tables_that_is_missing_is_to_be_added(name: str, tmp_path: Path) -> None:
    """Whatever names it is right: nothing suggests another category."""
    text = without(name)
    (fault,) = [each for each in faults(tmp_path, text) if "retention" not in each.split(";")[0]]
    assert fault.startswith(f"line {line_of(text, 'categories:')} (P5): categories: {name!r} is ")
    assert fault.endswith(f"add `{name}:` with name, clause, sources, purposes and retention")


def test_a_source_that_is_read_and_missing_is_to_be_added(tmp_path: Path) -> None:
    text = without("crm")
    (fault,) = faults(tmp_path, text)
    assert fault.startswith(f"line {line_of(text, 'sources:')} (P6): sources: 'crm' is none of ")
    assert fault.endswith("add `crm:` with name, clause, trust and owner")


def test_a_name_that_several_places_use_is_one_fault(tmp_path: Path) -> None:
    text = POLICY_FILE.read_text(encoding="utf-8").replace("sources: [events]", "sources: [fairs]")
    (fault,) = faults(tmp_path, text)
    assert fault.startswith(f"line {line_of(text, '  participation:') + 3} (P5.5): ")
    assert "'fairs' is none of the sources that there are, and 1 more place names it" in fault
    assert fault.endswith("or add `fairs:` under `sources`")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "RET-BACKUP-14D: {applies_to: backups",
            "RET-BACKUP-14D: {applies_to: backup",
            "write 'backups'",
        ),
        ("  RET-RAW-13M: {", "  raw data: {", "call it RET-, then capitals"),
    ],
)
def test_a_rule_is_looked_up_by_what_it_ends(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    (fault,) = faults(tmp_path, edited(old, new)[0])
    assert message in fault
