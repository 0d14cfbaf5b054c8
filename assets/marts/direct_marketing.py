"""Electronic direct marketing (P4.5): per channel, whom it may reach, and only what reaching them needs.

E-mail and text messages need consent (917/2014, 200 §); phone and post stop at any objection or prohibition. Nobody who
is deceased, under protected identity or a minor is in any of them. A prohibition or withdrawal for a channel, or for all,
keeps a registrant out whatever else they granted.
"""


def _may_reach(channel: str, *, consent: bool) -> str:
    refused = f"""SELECT registrant_id FROM choices
            WHERE purpose = 'direct_marketing' AND channel IN ('{channel}', 'all') AND choice IN ('prohibited', 'withdrawn')"""
    granted = f"""SELECT registrant_id FROM choices
            WHERE purpose = 'direct_marketing' AND channel IN ('{channel}', 'all') AND choice = 'granted'"""
    related = "(customer_number IS NOT NULL OR has_contract OR email IS NOT NULL OR phone IS NOT NULL)"
    return f"""FROM registrants
        {f"SEMI JOIN ({granted}) AS granted USING (registrant_id)" if consent else ""}
        ANTI JOIN ({refused}) AS refused USING (registrant_id)
        WHERE NOT deceased AND NOT protected AND {related}
        AND coalesce(birth_date <= (getvariable('today')::DATE - INTERVAL 18 YEAR), true)"""


_WHO = "registrant_id, coalesce(call_name, given_names) AS given_names, family_name, language"

QUERIES = {
    "by_email": f"SELECT {_WHO}, email {_may_reach('email', consent=True)} AND email IS NOT NULL",
    "by_sms": f"SELECT {_WHO}, phone {_may_reach('sms', consent=True)} AND phone IS NOT NULL",
    "by_phone": f"SELECT {_WHO}, phone {_may_reach('phone', consent=False)} AND phone IS NOT NULL",
    "by_post": f"SELECT {_WHO}, street, postcode, town, country {_may_reach('post', consent=False)} AND street IS NOT NULL",
}
