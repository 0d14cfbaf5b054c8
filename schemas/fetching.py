"""The codes under which a fetch ends without a delivery.

Source: docs/decisions/connectors.md.
"""

from __future__ import annotations

CODES = {
    "FETCH-CONFIGURATION": "connectors.yaml is not as the operator's guide describes it",
    "FETCH-SECRET": "a secret that connectors.yaml refers to is missing, empty or not readable",
    "FETCH-UNREACHABLE": (
        "the server does not answer: check its address, the network, the certificate and the proxy"
    ),
    "FETCH-DENIED": (
        "the server does not accept the credentials, or they may not read what is asked for: renew "
        "them, or give them the right"
    ),
    "FETCH-REQUEST": "the server refuses the request: check address, fields and version",
    "FETCH-LIMIT": (
        "the server asks to wait longer than a fetch may: the next one takes up where this one was"
    ),
    "FETCH-SERVER": "the server fails, again after several attempts: try later, or ask the vendor",
    "FETCH-CUT": "the server's answer ends too early, again after several attempts",
    "FETCH-REDIRECT": (
        "the server refers to another host, to which credentials are never sent: check the address"
    ),
    "FETCH-TOO-LARGE": "an answer is larger than any page may be: ask for smaller pages",
    "FETCH-NOT-JSON": "an answer is not JSON in UTF-8: check the address, or ask the vendor",
    "FETCH-ERROR-BODY": "the server reports an error and sends no records",
    "FETCH-VISITS-LOG-OFF": (
        "the site's visits log is switched off in Matomo: switch it on, or leave the site out"
    ),
    "FETCH-REPEATED": "the server sends the same page again and not the next one: ask the vendor",
    "FETCH-ENDLESS": "the server has sent as many pages as a fetch may have, and there are more",
    "FETCH-REFUSED": "a partner has dropped files that a refresh would refuse: ask for mended ones",
    "FETCH-DAY": "only the current delivery day can be fetched",
}
