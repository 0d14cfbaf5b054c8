"""The law that generated documents cite. Citations that were not checked against their source are
marked in print.

`verified` means that the source has been read. Set it, with the place, only after reading.
"""

from __future__ import annotations

from typing import NamedTuple


class Citation(NamedTuple):
    """A place in the law: its printed form, and where it was read (empty: not yet)."""

    printed: str
    read_at: str = ""

    @property
    def verified(self) -> bool:
        return bool(self.read_at)


UNVERIFIED = "citation not verified"
_GDPR = "Regulation (EU) 2016/679, the passage as several public sources quote it"

CITATIONS = {
    "gdpr_5": Citation("GDPR 5(1)", _GDPR),
    "storage_limit": Citation("GDPR 5(1)(e)", _GDPR),
    "gdpr_officer": Citation("GDPR 13(1)(b)", _GDPR),
    "gdpr_decisions": Citation("GDPR 13(2)(f), 22(1)", _GDPR),
    "gdpr_balance": Citation("GDPR 6(1)(f)", _GDPR),
    "gdpr_impact": Citation("GDPR 35(3), 35(7)", _GDPR),
    "recipients_named": Citation("CJEU C-154/21, 12.1.2023"),
    "gdpr_8": Citation("GDPR 8(1)", _GDPR),
    "gdpr_9": Citation("GDPR 9(2)(a)", _GDPR),
    "gdpr_12_2": Citation("GDPR 12(2)", _GDPR),
    "gdpr_12_3": Citation("GDPR 12(3)", _GDPR),
    "gdpr_13": Citation("GDPR 13(1)(c)", _GDPR),
    "gdpr_13_2a": Citation("GDPR 13(2)(a)", _GDPR),
    "gdpr_13_recipients": Citation("GDPR 13(1)(e)", _GDPR),
    "gdpr_14": Citation("GDPR 14(1)(d)", _GDPR),
    "gdpr_14_2f": Citation("GDPR 14(2)(f)", _GDPR),
    "gdpr_20": Citation("GDPR 20", _GDPR),
    "gdpr_21": Citation("GDPR 21(2)-(3)", _GDPR),
    "gdpr_22": Citation("GDPR 22(3)", _GDPR),
    "gdpr_24": Citation("GDPR 24(1)", _GDPR),
    "gdpr_25": Citation("GDPR 25(1)-(2)", _GDPR),
    "gdpr_28": Citation("GDPR 28(1)", _GDPR),
    "gdpr_30": Citation("GDPR 30(1)", _GDPR),
    "gdpr_44": Citation("GDPR 44-46", _GDPR),
    "gdpr_rights": Citation("GDPR 13(2)(b)", _GDPR),
    "recital_71": Citation("GDPR recital 71", _GDPR),
    "schrems_ii": Citation(
        "CJEU C-311/18, 16.7.2020", "accounts of the judgment (Cambridge ICLQ 2021)"
    ),
    "scc_2021": Citation(
        "decision (EU) 2021/914, Art. 4", "Art. 4(1) and (4) as several public sources quote them"
    ),
    "dpf": Citation(
        "decision (EU) 2023/1795",
        "accounts of the decision of 10.7.2023 (dataprotectionreport.com, legal500.com)",
    ),
    "storage_fine": Citation(
        "Data Protection Ombudsman (Finland), TSV/26/2020: 856,000 EUR, for GDPR 5(1)(e) and 25(2)",
        "tietosuoja.fi, press release of 18.3.2024; gdprhub.eu",
    ),
    "fi_marketing": Citation(
        "917/2014, 200 §", "a thesis that quotes its first paragraph (9pdf.co)"
    ),
    "fi_cookies": Citation(
        "917/2014, 205 §", "press release of the Helsinki Administrative Court, 9.10.2024"
    ),
    "fi_credit": Citation("527/2007", "finlex.fi 2007/527, sections 1-3"),
    "fi_child": Citation("1050/2018, 5 §"),
    "fi_identity_code": Citation("1050/2018, 29 §"),
    "fi_books": Citation("1336/1997, 2:10", "kauppakamaritieto.fi, 27.11.2017"),
    "fi_prohibitions": Citation("661/2009, 28 §", "vrk.fi, tietojen luovuttamisen kieltäminen"),
    "fi_protection": Citation("661/2009, 36 §"),
}


def cited(*names: str) -> str:
    """The printed citations, unverified ones marked.

    Raises:
        KeyError: A name is not in the table.
    """
    return "; ".join(
        f"{citation.printed}{'' if citation.verified else f' ({UNVERIFIED})'}"
        for citation in (CITATIONS[name] for name in names)
    )
