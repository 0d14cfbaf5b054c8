"""Social media: who mentioned us or linked a profile, by account, link and time; never the content.

Source: docs/vendor-formats.md, "Social media"; docs/deliveries.md. The layout is ours. An account
is known by its network and handle, and by the customer number where the customer has linked it.
"""

from __future__ import annotations

import json

from assets.sources.formats import JsonLines
from assets.sources.source import Dataset, Frame, Source
from schemas.activities import SOCIAL_ACTIONS, SocialMedia
from schemas.sources.social_media import SocialMediaRecord
from schemas.staged import Identifiers

_FIELDS = ("use_id", "network", "handle", "action", "used_at", "link", "customer_number")
_SHAPE = json.dumps(dict.fromkeys(_FIELDS, "VARCHAR"))
_KEPT = ", ".join(f"'{name}', payload -> '$.{name}'" for name in _FIELDS)
_MINIMISED = f"json_object({_KEPT})::VARCHAR"
# A handle has letters, digits, dots, hyphens and underscores on every network.
_HANDLE = r"^@?([\pL\pN][\pL\pN._-]{0,98})$"
_ACCOUNT = f"""regexp_extract(lower(filled(row.network)), '^[a-z0-9]{{1,30}}$')
    || ':' || regexp_extract(lower(filled(row.handle)), '{_HANDLE}', 1)"""


def _read(records: str) -> str:
    """SQL: the records with their fields, account and customer number."""
    return f"""
        SELECT *, CASE WHEN regexp_matches({_ACCOUNT}, '^.+:.+$') THEN {_ACCOUNT} END AS account,
            customer_number_canonical(row.customer_number) AS customer_number
        FROM (SELECT *, from_json(payload, '{_SHAPE}') AS row FROM {records})"""


_IDENTIFY = f"""
    WITH read AS ({_read("raw_records")})
    SELECT record_no, opaque_id(row.use_id) AS native_key, list_filter([
        identifier('contact_id', account), identifier('customer_number', customer_number)],
        lambda identifier: identifier IS NOT NULL) AS identifiers
    FROM read"""
_PREPARE = (
    f"""CREATE OR REPLACE TEMP TABLE uses AS
    SELECT record_no, record_key, person_key('contact_id', account) AS person_key,
        coalesce(past_moment(row.used_at, delivered_at), delivered_at) AS stated_at,
        past_moment(row.used_at, delivered_at) AS used_at, opaque_id(row.use_id) AS use, account,
        lower(filled(row.action)) AS action, row.link AS link, customer_number
    FROM ({_read("records")})""",
)
_C = "record_no, record_key, person_key, stated_at"
_VENDOR = f"""
    SELECT record_no, use IS NOT NULL AS has_id, account IS NOT NULL AS account_known,
        coalesce(action IN {SOCIAL_ACTIONS}, false) AS action_known,
        used_at IS NOT NULL AS time_readable
    FROM uses"""
_USES = f"""
    SELECT {_C}, 0 AS position, use, split_part(account, ':', 1) AS network,
        split_part(account, ':', 2) AS handle, action, used_at,
        CASE WHEN regexp_matches(link, '^https?://') THEN stated_text(link) END AS link
    FROM uses
    WHERE use IS NOT NULL AND account IS NOT NULL AND used_at IS NOT NULL
        AND action IN {SOCIAL_ACTIONS}"""
_IDENTIFIERS = f"""
    SELECT {_C}, 1 AS position, 'contact_id' AS type, account AS value,
        NULL::VARCHAR AS replaced_by
    FROM uses WHERE account IS NOT NULL
    UNION ALL
    SELECT {_C}, 2, 'customer_number', customer_number, NULL
    FROM uses WHERE account IS NOT NULL AND customer_number IS NOT NULL"""

SOURCE = Source(
    name="social_media",
    description="Mentions and profile links in social media",
    about={
        "uses": "JSON lines: one use of a social medium",
    },
    datasets=(
        Dataset(
            name="uses",
            format=JsonLines(),
            minimise=_MINIMISED,
            identify=_IDENTIFY,
            prepare=_PREPARE,
            disclosable=dict.fromkeys(_FIELDS, "VARCHAR"),
            vendor=SocialMediaRecord,
            vendor_query=_VENDOR,
            frames=(
                Frame(SocialMedia, _USES),
                Frame(Identifiers, _IDENTIFIERS, essential=False),
            ),
        ),
    ),
)
