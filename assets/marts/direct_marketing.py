"""Electronic direct marketing (P4.5): per channel the eligible, with what the channel needs.

Each row says which products may be marketed to them on the channel (917/2014, 201 §).
"""


def _reachable(channel: str, needed: str) -> str:
    return f"""SELECT registrant_id, coalesce(call_name, given_names) AS given_names, family_name,
        language, getvariable('products_by_{channel}') AS products, {needed}
        FROM registrants
        SEMI JOIN eligible_direct_marketing_{channel} AS eligible USING (registrant_id)"""


QUERIES = {
    "by_email": _reachable("email", "email"),
    "by_sms": _reachable("sms", "phone"),
    "by_phone": _reachable("phone", "phone"),
    "by_post": _reachable("post", "street, postcode, town, country"),
}
