"""What an event of the consent log must have (formats.md, section 8; docs/deliveries.md)."""

from __future__ import annotations

import pandas as pd

from schemas.columns import Count, Flag, TableModel, column, rule

CODES = {
    "CONSENT-TIME": "event_ts is not a time with an offset",
    "CONSENT-SUBJECT": "the subject key is missing, of an unknown type, or not valid for its type",
    "CONSENT-PURPOSE": "the purpose is none that consents are kept for",
    "CONSENT-CHANNEL": "the channel is unknown",
    "CONSENT-STATUS": "the status is none that the log knows (docs/deliveries.md)",
    "CONSENT-SOURCE": "a grant does not say where it was given: it cannot be shown (GDPR Art. 7)",
    "CONSENT-TCF-DOUBTFUL": "a grant's TCF string is too short, not base64url, of another version or of an impossible time: any doubt is no consent",
    "CONSENT-TCF-PURPOSE": "the TCF string is whole, but does not consent to what the purpose needs",
}
# Purpose -> the TCF purposes that a string must all consent to before it is a consent to ours. Direct marketing and the rest
# are nothing that a cookie banner asks for. 1: store or read on the device; 2: basic ads; 3: an advertising profile;
# 4: ads by profile; 5: a content profile; 8: measure content; 9: understand audiences (IAB Europe, TCF 2.2).
TCF_PURPOSES = {"analytics": (1, 8, 9), "profiling": (1, 3, 5), "targeted_advertising": (1, 2, 3, 4)}


class ConsentRecord(TableModel):
    """One event of the log."""

    record_no: Count = column("technical", required=True)
    time_readable: Flag = column("technical", required=True)
    subject_known: Flag = column("technical", required=True)
    purpose_known: Flag = column("technical", required=True)
    channel_known: Flag = column("technical", required=True)
    status_known: Flag = column("technical", required=True)
    source_told: Flag = column("technical", required=True)
    evidence_sound: Flag = column("technical", required=True)
    evidence_grants: Flag = column("technical", required=True)

    @rule("time_readable", "CONSENT-TIME")
    def time(cls, flags: pd.Series) -> pd.Series:
        return flags

    @rule("subject_known", "CONSENT-SUBJECT")
    def subject(cls, flags: pd.Series) -> pd.Series:
        return flags

    @rule("purpose_known", "CONSENT-PURPOSE")
    def purpose(cls, flags: pd.Series) -> pd.Series:
        return flags

    @rule("channel_known", "CONSENT-CHANNEL")
    def channel(cls, flags: pd.Series) -> pd.Series:
        return flags

    @rule("status_known", "CONSENT-STATUS")
    def status(cls, flags: pd.Series) -> pd.Series:
        return flags

    @rule("source_told", "CONSENT-SOURCE")
    def source(cls, flags: pd.Series) -> pd.Series:
        return flags

    @rule("evidence_sound", "CONSENT-TCF-DOUBTFUL")
    def evidence(cls, flags: pd.Series) -> pd.Series:
        return flags

    @rule("evidence_grants", "CONSENT-TCF-PURPOSE")
    def evidence_for_purpose(cls, flags: pd.Series) -> pd.Series:
        return flags

    class Config:
        name = "consent_record"
