"""Where the operator's guide says what to do about a rule code or a check.

A place is a path and an anchor, such as `docs/operators-guide.md#refused-deliveries`; the tests
compare every anchor with the guide's headings.
"""

from __future__ import annotations

import re

GUIDE = "docs/operators-guide.md"
QUARANTINE = "quarantine"
# The beginning of a code -> the guide's section; the longest beginning counts.
SECTIONS = {
    "ADM-": "why-somebody-is-in-a-mart-or-is-not",
    "BACKUP-": "backups",
    "CERT-": "proof-and-certificates",
    "CERT-PEPPER": "a-file-is-damaged-or-lost",
    "CERT-SUPPRESSION": "a-file-is-damaged-or-lost",
    "CONFLICT-": "notices-record-of-processing-conflicts",
    "DEL-": "refused-deliveries",
    "FETCH-": "connectors",
    "FILE-": "a-file-is-damaged-or-lost",
    "HOLD-": "retention",
    "LINK-": "who-is-who",
    "MART-": "fit_to_publish",
    "PROFILE-": "profiles",
    "PROOF-": "proof-and-certificates",
    "REQ-": "requests-of-registrants",
    "RET-": "retention",
    **dict.fromkeys(
        (
            *("ADDRESS-", "ADDRESSES-", "ANSWER-", "CALL-", "CALLS-", "COMPANIES-", "COMPANY-"),
            *("CONSENT-", "CONTACT-", "CONTRACT-", "CONTRACTS-", "CORRECTIONS-", "CORRESPONDENCE-"),
            *("CREDIT-", "CRM-", "DIETS-", "EVENT-", "IDENTIFIER-", "IDENTIFIERS-", "LOG-"),
            *("MAIL-", "MARKETING-", "MATOMO-", "NAMES-", "ORDER-", "ORDERS-", "OTHER-"),
            *("PARTICIPATIONS-", "PERSON-", "PERSONS-", "POSTCODES-", "POSTI-", "PROHIBITION-"),
            *("PROVIDER-", "REC-", "SELF-", "SNOWPLOW-", "SOCIAL-", "VISIT-", "VISITS-", "VTJ-"),
        ),
        QUARANTINE,
    ),
}
# Check -> the command that leads to what it has counted; `{}` is the last part of the asset's key.
WAYS = {
    "everybody_has_a_purpose": "register why REGISTRANT_ID MART",
    "nobody_overdue_to_be_informed": "register report informing",
    "none_beyond_its_time": "register backup --list",
    "nothing_contradicts": "register review contradictions",
    "nothing_damaged": "register repair",
    "nothing_disagrees": "register report conflicts",
    "nothing_due_soon": "register request list --open",
    "nothing_overdue": "register request list --open",
    "nothing_unexpected": "register quarantine REC-UNEXPECTED --source {}",
    "quarantine_is_small": "register quarantine --source {}",
    "recipients_have_acknowledged": "register recipient-notices list --open",
}
_CODE = re.compile(r"\b[A-Z]+-[A-Z0-9]+(?:-[A-Z0-9]+)*\b")


def section(code: str) -> str | None:
    """Return the section about a rule code; None where it begins like no code of ours."""
    beginnings = [beginning for beginning in SECTIONS if code.startswith(beginning)]
    return SECTIONS[max(beginnings, key=len)] if beginnings else None


def codes_in(text: str) -> list[str]:
    """Return the rule codes in a text, in their order."""
    return [code for code in dict.fromkeys(_CODE.findall(text)) if section(code)]


def to_do(check: str, asset: str) -> str:
    """Return the way to what a check has counted, and where the guide says what to do.

    Args:
        asset: The last part of the asset's key.
    """
    way = f"`{WAYS[check].format(asset)}` shows which; " if check in WAYS else ""
    return f"{way}what to do is in {place(check)}"


def place(anchor: str) -> str:
    """Return where a section of the guide is."""
    return f"{GUIDE}#{anchor}"


def with_place(text: str, otherwise: str = "") -> str:
    """Return a message with the place in the guide about its first rule code.

    Args:
        otherwise: The section where it has no code; empty: the message stays as it is.
    """
    about = next(map(section, codes_in(text)), None) or otherwise
    return f"{text}; what to do is in {place(about)}" if about and GUIDE not in text else text
