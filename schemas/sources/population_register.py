"""What a message of the population register must have (docs/vendor-formats.md, "Population
register").

A quarantined change also holds back the same person's later changes, until basic data or the mended
change comes; protection and prohibitions are never delayed.
"""

from __future__ import annotations

import pandas as pd

from schemas.checking import check
from schemas.columns import Count, Flag, TableModel, Text, column, flag, row_rule, rule

CODES = {
    "VTJ-HETU-MISSING": "the message names no identity code",
    "VTJ-HETU-CHECKSUM": "the identity code is not one: form, check character or birth date",
    "VTJ-GROUPS": (
        "tietoryhmat is not a list of objects that each name their tietoryhma, or "
        "voimassaolevatTiedot is no list of objects"
    ),
    "VTJ-MUUTOSPV": "the change has no readable time, or one after its delivery",
    "VTJ-MUUTOSATTRIBUUTTI": "an information group says an unknown kind of change",
    "VTJ-DATE": (
        "a date is no calendar date, or of unknown precision; a death lies after its delivery"
    ),
    "VTJ-POSTCODE": "a Finnish postcode has not five digits",
    "VTJ-KUNTAKOODI": "a municipality code has not three digits",
    "VTJ-FLAG": "turvakieltoAktiivinen or kuollut is neither true nor false",
}

OPERATIONS = ("LISATTY", "MUUTETTU", "KORJATTAVA", "KORJATTU", "POISTETTU", "LISATIETO")


class PopulationRegisterRecord(TableModel):
    """One person's message, before it is taken apart into statements."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    identity_code: Text = column("identity_code", "henkilotunnus, canonical")
    groups_are_a_list: Flag = flag(
        "VTJ-GROUPS", "tietoryhmat is a list of objects, each with a tietoryhma"
    )
    dated: Flag = flag("VTJ-MUUTOSPV", "a change carries a readable muutospv")
    operations_known: Flag = flag("VTJ-MUUTOSATTRIBUUTTI")
    dates_readable: Flag = flag("VTJ-DATE", "every date is a calendar date, with a known precision")
    postcodes_fine: Flag = flag("VTJ-POSTCODE", "every Finnish postcode has five digits")
    codes_fine: Flag = flag("VTJ-KUNTAKOODI", "municipality codes have three digits")
    flags_fine: Flag = flag("VTJ-FLAG", "turvakieltoAktiivinen and kuollut are true or false")

    @row_rule("VTJ-HETU-MISSING")
    def has_identity_code(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["identity_code"].notna()

    @rule("identity_code", "VTJ-HETU-CHECKSUM")
    def valid_identity_code(cls, codes: pd.Series) -> pd.Series:
        return check("identity_code_valid", codes)

    class Config:
        name = "population_register_record"
