"""Whether the requester is the registrant: how we know, how sure that makes us, and one-time codes
(GDPR 12(2), 12(6)).

A code goes only to a contact that was on file before the request came. What is kept of it is a
keyed hash, the moment until which it is valid, and how many tries are left; the number of codes for
one request is bounded, too.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from assets.requests import ledger
from assets.requests.ledger import Request, RequestError, with_event
from assets.rights import outbound_messages
from assets.storage.data_root import DataRoot
from assets.storage.secrets import pepper
from schemas.requests import MEANS

DIGITS = 6
VALID = timedelta(hours=1)
TRIES = 5
CODES_IN_ALL = 3


def verified(data_root: DataRoot, request_id: str, means: str, now: datetime) -> Request:
    """Record by which of `schemas.requests.MEANS` somebody made sure; the level follows from it."""
    if means not in MEANS:
        raise RequestError(f"the means of verification are {', '.join(MEANS)}")
    with ledger.changing(data_root):
        request = _open(data_root, request_id)
        return record(data_root, request, means, now)


def _open(data_root: DataRoot, request_id: str) -> Request:
    request = ledger.load(data_root, request_id)
    if request.state == "closed":
        raise RequestError(f"request {request_id} is closed")
    return request


def record(data_root: DataRoot, request: Request, means: str, now: datetime) -> Request:
    """Record the verification of a request; the caller holds the ledger (`ledger.changing`)."""
    verification = {"means": means, "level": MEANS[means], "at": now.isoformat(timespec="seconds")}
    done = with_event(
        replace(request, verification=verification, code={}), "verified", now, MEANS[means]
    )
    ledger.save(data_root, done)
    return done


def send_code(data_root: DataRoot, request_id: str, now: datetime, wanted: str = "") -> str:
    """Send a code to the registrant's contact on file, and return the channel. `wanted` is email or
    phone.

    Raises RequestError when it is not known which registrant the request means, nothing is on file,
    or too many codes were sent.
    """
    with ledger.changing(data_root):
        request = _open(data_root, request_id)
        registrant_id = _registrant(request)
        sent = int(request.code.get("sent", 0))
        if sent >= CODES_IN_ALL:
            raise RequestError(
                f"{CODES_IN_ALL} codes have been sent for this request: verify in another way"
            )
        [on_file] = outbound_messages.on_file(data_root, [(request, registrant_id)]).values()
        reached = on_file.reached(wanted)
        if reached.channel == "letter":
            raise RequestError(
                f"the registrant has no {wanted or 'e-mail address or phone'} that was on file "
                "before the request came: verify in another way"
            )
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
        until = now + VALID
        expires: dict[str, str | int] = {
            "expires_at": until.isoformat(timespec="seconds"),
            "tries": TRIES,
            "sent": sent + 1,
        }
        outbound_messages.destroy(data_root, [request_id], "code")
        ledger.save(
            data_root,
            with_event(
                replace(request, code={"hash": _hash(data_root, request_id, code), **expires}),
                "code_sent",
                now,
                reached.channel,
            ),
        )
        outbound_messages.write(
            data_root,
            request,
            reached,
            "code",
            now,
            code=code,
            until=until,
        )
    return reached.channel


def _registrant(request: Request) -> str:
    """The one registrant that the request certainly means, or may mean."""
    registrant_ids = request.registrants or tuple(
        str(candidate["registrant_id"]) for candidate in request.candidates
    )
    if len(registrant_ids) != 1:
        raise RequestError(
            f"request {request.request_id} does not tell which registrant it means: `register "
            "request find` first, then `decide --registrant`"
        )
    return registrant_ids[0]


def _hash(data_root: DataRoot, request_id: str, code: str) -> str:
    return hmac.new(
        pepper(data_root), f"code|{request_id}|{code}".encode(), hashlib.sha256
    ).hexdigest()


def check_code(data_root: DataRoot, request_id: str, code: str, now: datetime) -> Request:
    """Verify by the code that came back; a request that only a contact pointed to then means
    that registrant.

    Raises RequestError when it is wrong, late, or tried too often; each wrong one costs a try.
    """
    with ledger.changing(data_root):
        request = _open(data_root, request_id)
        if not request.code.get("hash"):
            raise RequestError(
                "no code is valid for this request: send one with `register request verify --send`"
            )
        left = int(request.code["tries"])
        late = now > datetime.fromisoformat(str(request.code["expires_at"]))
        right = hmac.compare_digest(
            str(request.code["hash"]), _hash(data_root, request_id, code.strip())
        )
        if late or not right:
            spent: dict[str, str | int] = (
                {"sent": request.code["sent"]}
                if late or left <= 1
                else {**request.code, "tries": left - 1}
            )
            ledger.save(
                data_root,
                with_event(
                    replace(request, code=spent), "code_refused", now, "late" if late else "wrong"
                ),
            )
            if "hash" not in spent:
                outbound_messages.destroy(data_root, [request_id], "code")
            reason = "it came too late" if late else f"it is wrong; {left - 1} tries are left"
            raise RequestError(f"the code does not verify the request: {reason}")
        outbound_messages.destroy(data_root, [request_id], "code")
        meant = replace(
            request,
            registrants=(_registrant(request),),
            state="received" if request.state == "unclear" else request.state,
            why="",
            candidates=(),
        )
        return record(data_root, meant, "code_to_contact", now)
