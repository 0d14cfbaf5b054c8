"""What a register's answer about one person must have, whichever the register and its format
(docs/vendor-formats.md, "Population register").

Answers of VTJkysely, of people monitoring and of Sweden's SPAR.
"""

from __future__ import annotations

import pandas as pd

from schemas.checking import check
from schemas.columns import Count, Flag, TableModel, Text, column, flag, row_rule, rule

SOURCE = "population_register"
CODES = {
    "ANSWER-NOT-FOUND": "the register knows nobody of the code that was requested",
    "ANSWER-CODE-MISSING": (
        "the answer names no identity code, nor name and day of birth together: whom it is about "
        "cannot be found again, nor erased"
    ),
    "ANSWER-CODE-INVALID": "the identity code is not one: form, check digit or birth date",
    "ANSWER-DATE": "a date has none of the register's forms, or a death lies after its delivery",
    "ANSWER-FLAG": "a mark of protected identity or of death has none of its values",
}


class PersonAnswer(TableModel):
    """An answer about one person, before it is taken apart into statements."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    identity_code: Text = column("identity_code", "whom it is about, canonical")
    own_id: Text = column("identity_code", "what else identifies whom it is about")
    person_known: Flag = column("technical", "the register knows the person", required=True)
    dates_readable: Flag = flag("ANSWER-DATE", "every date has one of the register's forms")
    flags_fine: Flag = flag("ANSWER-FLAG", "each mark has one of its values")

    @rule("person_known", "ANSWER-NOT-FOUND")
    def known(cls, flags: pd.Series) -> pd.Series:
        """An answer that nobody was found states nothing else."""
        return flags

    @row_rule("ANSWER-CODE-MISSING")
    def has_identity_code(cls, frame: pd.DataFrame) -> pd.Series:
        """An identity code names its person, or what else identifies them."""
        named = frame["identity_code"].notna() | frame["own_id"].notna()
        return named | ~frame["person_known"]

    @rule("identity_code", "ANSWER-CODE-INVALID")
    def valid_identity_code(cls, codes: pd.Series) -> pd.Series:
        """The identity code is valid."""
        return check("identity_code_valid", codes)

    class Config:
        name = "person_answer"
