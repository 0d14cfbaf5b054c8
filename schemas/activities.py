"""What people do with us: dated records about a registrant, each with a clock of its own.

Events, calls, correspondence, social media, and other data with consent (P5.5-P5.7, P5.9). A kind
is declared once, in `ACTIVITIES`: the register's table, its clock and expiry in every layer, the
forecast, the overdue check and holds follow from the declaration. A kind is `whole` if
its records hold nothing else: the expired ones are removed as such; of others only the rows go.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.columns import (
    Count,
    Day,
    Moment,
    TableModel,
    Text,
    column,
    duckdb_types,
    main_category,
    table_name,
)
from schemas.statement import Statement
from schemas.vocabulary import AppliesTo

PARTICIPATION_STATUSES = (
    "invited",
    "registered",
    "declined",
    "attended",
    "absent",
    "cancelled",
    "refunded",
)
DIRECTIONS = ("from_registrant", "to_registrant")
SOCIAL_ACTIONS = ("mention", "profile_link", "share", "follow", "message", "reaction")
CONSENTS = ("granted", "withdrawn")


class OfRegistrant(TableModel):
    """The column of the register's tables that names the registrant."""

    registrant_id: Text = column("registrant_id", required=True)


class ParticipationColumns(TableModel):
    """What is known of a participation."""

    participation: Text = column(
        "participation", "the event service's number of the participant", required=True
    )
    event: Text = column("participation", "the event's name, else its number; null: not stated")
    event_ends_on: Day = column(
        "participation",
        "day on which the event ends; of an event without stated days that of the sign-up",
        required=True,
    )
    event_starts_on: Day = column("participation", "null: neither its start nor its end is stated")
    registered_at: Moment = column("participation", "time of the sign-up (UTC); null: not stated")
    status: Text = column(
        "participation", "of the sign-up", required=True, isin=PARTICIPATION_STATUSES
    )
    ticket: Text = column("participation", "kind of ticket or participation, as the source has it")
    seats: Count = column("participation", "places under this name", required=True, ge=1)


class Participations(ParticipationColumns, Statement):
    """Participations in events."""

    class Config:
        name = "participations"


class RegistrantParticipations(ParticipationColumns, OfRegistrant):
    """Participations in events, each by its latest statement."""

    class Config:
        name = "participations"


class DietColumns(TableModel):
    """A special diet, with the consent without which it is not kept (GDPR 9(2)(a))."""

    diet: Text = column("diet", "as the participant wrote it", required=True)
    consent: Text = column(
        "diet", "what the participant answered when asked for explicit consent", required=True
    )
    participation: Text = column("participation", "the participation that it is for", required=True)
    event_ends_on: Day = column("participation", "day on which the event ends", required=True)


class Diets(DietColumns, Statement):
    """Special diets of participants who have explicitly consented to it."""

    class Config:
        name = "diets"


class RegistrantDiets(DietColumns, OfRegistrant):
    """Special diets for events that are to come or have just been; in no mart."""

    class Config:
        name = "diets"


class CallColumns(TableModel):
    """A call, without its content."""

    call: Text = column("call_recording", "number of the call and its part", required=True)
    began_at: Moment = column("call_recording", "start of the call (UTC)", required=True)
    duration_s: Count = column("call_recording", "seconds", ge=0, le=86_400)
    direction: Text = column("call_recording", "null: not stated who called", isin=DIRECTIONS)
    medium: Text = column("call_recording", "media type of the recording, such as audio/x-wav")
    recording: Text = column("call_recording", "where the recording is; null: there is none")
    content_hash: Text = column("call_recording", "hash of the recording, as the service states it")


class Calls(CallColumns, Statement):
    """Calls with the registrant: metadata, and a reference to a recording."""

    class Config:
        name = "calls"


class RegistrantCalls(CallColumns, OfRegistrant):
    """Calls with the registrant, each by its latest statement."""

    class Config:
        name = "calls"


class CorrespondenceColumns(TableModel):
    """A message, without its subject and its text."""

    message: Text = column("correspondence", "number of the message", required=True)
    sent_at: Moment = column("correspondence", "time of the message (UTC)", required=True)
    direction: Text = column(
        "correspondence", "who has written: the registrant, or we", required=True, isin=DIRECTIONS
    )
    answer_to: Text = column("correspondence", "number of the message that it answers")
    body_bytes: Count = column("correspondence", "length of the text in bytes", ge=0)
    body_sha256: Text = column("correspondence", "by which the text is found in the mail system")


class Correspondence(CorrespondenceColumns, Statement):
    """Messages from and to the registrant: who wrote when, never what."""

    class Config:
        name = "correspondence"


class RegistrantCorrespondence(CorrespondenceColumns, OfRegistrant):
    """Messages from and to the registrant, each by its latest statement."""

    class Config:
        name = "correspondence"


class SocialMediaColumns(TableModel):
    """What somebody did in a social medium that concerns us."""

    use: Text = column("social_media", "the medium's number of it", required=True)
    network: Text = column("social_media", "the medium, in small letters", required=True)
    handle: Text = column("social_media", "of the account, in small letters", required=True)
    action: Text = column("social_media", "what was done", required=True, isin=SOCIAL_ACTIONS)
    used_at: Moment = column("social_media", "time of it (UTC)", required=True)
    link: Text = column("social_media", "address of the post or profile")


class SocialMedia(SocialMediaColumns, Statement):
    """Mentions of us and links to profiles in social media."""

    class Config:
        name = "social_media"


class RegistrantSocialMedia(SocialMediaColumns, OfRegistrant):
    """What the registrant did in social media that concerns us."""

    class Config:
        name = "social_media"


class OtherDataColumns(TableModel):
    """What somebody has consented to us having."""

    topic: Text = column("other_with_consent", "what it is about", required=True)
    value: Text = column("other_with_consent", "null: the consent has been withdrawn")
    consent: Text = column(
        "other_with_consent", "given, or taken back", required=True, isin=CONSENTS
    )
    text_version: Text = column("other_with_consent", "version of the text that was accepted")


class OtherData(OtherDataColumns, Statement):
    """Other data that the registrant has consented to, until they withdraw."""

    class Config:
        name = "other_data"


class RegistrantOtherData(OtherDataColumns, OfRegistrant):
    """Other data that the registrant has consented to, each by its latest statement."""

    class Config:
        name = "other_data"


@dataclass(frozen=True)
class Activity:
    """A kind of dated record with a clock of its own.

    Attributes:
        what: One of the kind, as in the table `expired`.
        model: The canonical table.
        published: The register's table.
        applies_to: The kind of retention rule that ends it.
        key: The column that identifies one of the kind: its latest statement counts.
        started: The column, a day or a moment, from which the rule's period counts.
        whole: A record of the kind holds nothing else.
        contact: SQL: the day of an active contact that a row is evidence of.
        rows: SQL: the staged rows that have a clock; empty: all.
    """

    what: str
    model: type[Statement]
    published: type[TableModel]
    applies_to: AppliesTo
    key: str
    started: str
    whole: bool
    contact: str = "NULL::DATE"
    rows: str = ""

    @property
    def table(self) -> str:
        """The name of its canonical table, and of the register's."""
        return table_name(self.model)

    @property
    def category(self) -> str:
        """The policy's category that the kind is."""
        return main_category(self.model)

    @property
    def by_moment(self) -> bool:
        """Whether its clock starts at a moment rather than on a day."""
        return self.rows != "" or duckdb_types(self.model)[self.started] == "TIMESTAMPTZ"


_WITHDRAWN = """(SELECT granted.*, withdrawn.stated_at AS withdrawn_at
    FROM staged_other_data AS granted
    JOIN staged_other_data AS withdrawn USING (source, record_key)
    WHERE granted.consent = 'granted' AND withdrawn.consent = 'withdrawn'
        AND withdrawn.stated_at >= granted.stated_at)"""

ACTIVITIES = (
    Activity(
        "participation", Participations, RegistrantParticipations, "participations",
        "participation", "event_ends_on", whole=False,
        contact="CASE WHEN status <> 'invited' THEN local_day(registered_at) END",
    ),
    Activity(
        "diet", Diets, RegistrantDiets, "diets", "participation", "event_ends_on", whole=False
    ),
    Activity(
        "call", Calls, RegistrantCalls, "call_recordings", "call", "began_at", whole=True,
        contact="CASE WHEN direction = 'from_registrant' THEN local_day(began_at) END",
    ),
    Activity(
        "message", Correspondence, RegistrantCorrespondence, "correspondence",
        "message", "sent_at", whole=True,
        contact="CASE WHEN direction = 'from_registrant' THEN local_day(sent_at) END",
    ),
    Activity(
        "social_media_use", SocialMedia, RegistrantSocialMedia, "visits",
        "use", "used_at", whole=True,
    ),
    Activity(
        "withdrawn_data", OtherData, RegistrantOtherData, "withdrawn",
        "record_key", "withdrawn_at", whole=True,
        contact="CASE WHEN consent = 'granted' THEN local_day(stated_at) END", rows=_WITHDRAWN,
    ),
)  # fmt: skip
OF_TABLE = {activity.table: activity for activity in ACTIVITIES}
