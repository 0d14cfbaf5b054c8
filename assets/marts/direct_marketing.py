"""Electronic direct marketing (P4.5): per channel, whom it may reach, and only what reaching them needs."""


def _reached(channel: str, needed: str) -> str:
    return f"""SELECT registrant_id, coalesce(call_name, given_names) AS given_names, family_name, language, {needed}
        FROM registrants SEMI JOIN admitted_direct_marketing_{channel} AS admitted USING (registrant_id)"""


QUERIES = {
    "by_email": _reached("email", "email"),
    "by_sms": _reached("sms", "phone"),
    "by_phone": _reached("phone", "phone"),
    "by_post": _reached("post", "street, postcode, town, country"),
}
