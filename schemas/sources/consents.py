"""What an event of the consent log must have (docs/vendor-formats.md, "Consent log";
docs/deliveries.md)."""

from __future__ import annotations

from schemas.columns import Count, Flag, TableModel, column, flag

CODES = {
    "CONSENT-TIME": "event_ts is not a time with an offset, or lies after its delivery",
    "CONSENT-SUBJECT": "the subject key is missing, of an unknown type, or not valid for its type",
    "CONSENT-PURPOSE": "the purpose is none that consents are kept for",
    "CONSENT-CHANNEL": "the channel is unknown",
    "CONSENT-STATUS": "the status is none that the log knows (docs/deliveries.md)",
    "CONSENT-SOURCE": "a grant does not say where it was given: it cannot be shown (GDPR Art. 7)",
    "CONSENT-TCF-DOUBTFUL": (
        "a grant's TCF string is too short, not base64url, of another version or of an impossible "
        "time: any doubt is no consent"
    ),
    "CONSENT-TCF-PURPOSE": (
        "the TCF string is whole, but does not consent to what the purpose needs"
    ),
}
# What the name of a cookie banner's source contains, as a pattern.
BANNERS = "tcf|iab|cmp|cookie|banner|evaste|eväste|kakor"
# Purpose -> the TCF purposes that a string must all consent to before it is a consent to ours.
# Direct marketing and the rest
# are nothing that a cookie banner asks for. 1: store or read on the device; 2: basic ads; 3: an
# advertising profile;
# 4: ads by profile; 5: a content profile; 8: measure content; 9: understand audiences; 10: develop
# services (IAB Europe, TCF 2.2).
TCF_PURPOSES = {
    "analytics": (1, 8, 9),
    "products_and_services": (1, 10),
    "profiling": (1, 3, 5),
    "targeted_advertising": (1, 2, 3, 4),
}


class ConsentRecord(TableModel):
    """One event of the log."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    time_readable: Flag = flag("CONSENT-TIME")
    subject_known: Flag = flag("CONSENT-SUBJECT")
    purpose_known: Flag = flag("CONSENT-PURPOSE")
    channel_known: Flag = flag("CONSENT-CHANNEL")
    status_known: Flag = flag("CONSENT-STATUS")
    source_given: Flag = flag("CONSENT-SOURCE")
    evidence_sound: Flag = flag("CONSENT-TCF-DOUBTFUL")
    evidence_grants: Flag = flag("CONSENT-TCF-PURPOSE")

    class Config:
        name = "consent_record"
