"""What a message of the population register must have (formats.md, section 1)."""

from __future__ import annotations

import pandas as pd

from schemas.columns import Count, Flag, TableModel, Text, column, row_rule, rule
from schemas.identifiers import check

CODES = {
    "VTJ-HETU-MISSING": "the message names no identity code",
    "VTJ-HETU-CHECKSUM": "the identity code is not one: form, check character or birth date",
    "VTJ-GROUPS": "tietoryhmat is not a list of objects that each name their tietoryhma",
    "VTJ-MUUTOSPV": "the change has no readable time",
    "VTJ-MUUTOSATTRIBUUTTI": "an information group says an unknown kind of change",
    "VTJ-DATE": "a date is no calendar date, or of unknown precision",
    "VTJ-POSTCODE": "a Finnish postcode has not five digits",
    "VTJ-KUNTAKOODI": "a municipality code has not three digits",
    "VTJ-FLAG": "turvakieltoAktiivinen or kuollut is neither true nor false",
}

OPERATIONS = ("LISATTY", "MUUTETTU", "KORJATTAVA", "KORJATTU", "POISTETTU", "LISATIETO")


class PopulationRegisterRecord(TableModel):
    """One person's message, before it is taken apart into statements."""

    record_no: Count = column("technical", required=True)
    identity_code: Text = column("identity_code", "henkilotunnus, canonical")
    groups_are_a_list: Flag = column("technical", "tietoryhmat is a list of objects, each with a tietoryhma", required=True)
    dated: Flag = column("technical", "a change carries a readable muutospv", required=True)
    operations_known: Flag = column("technical", required=True)
    dates_readable: Flag = column("technical", "every date is a calendar date, with a known precision", required=True)
    postcodes_fine: Flag = column("technical", "every Finnish postcode has five digits", required=True)
    codes_fine: Flag = column("technical", "municipality codes have three digits", required=True)
    flags_fine: Flag = column("technical", "turvakieltoAktiivinen and kuollut are true or false", required=True)

    @row_rule("VTJ-HETU-MISSING")
    def has_identity_code(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["identity_code"].notna()

    @rule("identity_code", "VTJ-HETU-CHECKSUM")
    def valid_identity_code(cls, codes: pd.Series) -> pd.Series:
        return check("identity_code_valid", codes)

    @rule("groups_are_a_list", "VTJ-GROUPS")
    def groups(cls, flags: pd.Series) -> pd.Series:
        return flags

    @rule("dated", "VTJ-MUUTOSPV")
    def change_date(cls, flags: pd.Series) -> pd.Series:
        return flags

    @rule("operations_known", "VTJ-MUUTOSATTRIBUUTTI")
    def operation(cls, flags: pd.Series) -> pd.Series:
        return flags

    @rule("dates_readable", "VTJ-DATE")
    def date(cls, flags: pd.Series) -> pd.Series:
        return flags

    @rule("postcodes_fine", "VTJ-POSTCODE")
    def postcode(cls, flags: pd.Series) -> pd.Series:
        return flags

    @rule("codes_fine", "VTJ-KUNTAKOODI")
    def municipality(cls, flags: pd.Series) -> pd.Series:
        return flags

    @rule("flags_fine", "VTJ-FLAG")
    def true_or_false(cls, flags: pd.Series) -> pd.Series:
        return flags

    class Config:
        name = "population_register_record"
