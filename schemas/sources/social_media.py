"""What a use of a social medium must have (docs/vendor-formats.md, "Social media")."""

from __future__ import annotations

from schemas.columns import Count, Flag, TableModel, column, flag

CODES = {
    "SOCIAL-ID": "the use has no number of its own",
    "SOCIAL-ACCOUNT": "the network or the account is missing, or neither is a name",
    "SOCIAL-ACTION": "what was done is none of the actions that are known",
    "SOCIAL-TIME": "used_at is not a time with an offset, or lies after its delivery",
}


class SocialMediaRecord(TableModel):
    """One use."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    has_id: Flag = flag("SOCIAL-ID")
    account_known: Flag = flag("SOCIAL-ACCOUNT")
    action_known: Flag = flag("SOCIAL-ACTION")
    time_readable: Flag = flag("SOCIAL-TIME")

    class Config:
        name = "social_media_record"
