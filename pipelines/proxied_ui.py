"""What stands between the proxy and Dagster's UI: who asks, and a list of what each changed.

The proxy signs people in and passes on their names in a header; who reaches the server past the
proxy has none, and sees nothing. Every GraphQL mutation is recorded before it is carried out: user,
mutation, ids of runs and requests, and nothing else of what was sent. Plain ASGI around Dagster's
application, as `ui_guard`; its other rules hold here too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from graphql import FieldNode, GraphQLSyntaxError, OperationDefinitionNode, OperationType, parse
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.ui_guard import Refusal, foreign, not_by_post, refuse, with_headers
from pipelines.users import record_action, user_of

UNREADABLE = "unreadable"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|Q[0-9A-Z]{18}")
_READS = ("GET", "HEAD")
# Mutations with which the UI's own pages report how they are used; they change nothing.
_OF_PAGES = ("logTelemetry", "setNuxSeen")


class ProxiedGuard:
    """An ASGI application that passes on what people ask who have signed in at the proxy.

    Args:
        app: Dagster's application.
        hosts: Host names under which the proxy passes requests on, without port.
        actions: The file to which a line is added for each mutation; None where nothing can be
            changed.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], actions: Path | None) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._actions = actions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse or pass on an ASGI connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        user = user_of(connection.headers)
        refusal = foreign(connection, self._hosts) or not_by_post(connection) or _reports(scope)
        if user is None:
            refusal = Refusal(401, "sign in at the proxy")
        if refusal is not None:
            await refuse(connection, refusal, receive, send)
            return
        if user and scope["type"] == "http" and scope["method"] not in _READS:
            body = await Request(scope, receive).body()
            if self._actions and (mutations := mutations_of(body)):
                record_action(self._actions, user, mutations, _ids(body))
            receive = _again(body)
        await self._app(scope, receive, with_headers(send))


def mutations_of(body: bytes) -> list[str]:
    """Return the names of a GraphQL request's mutations, empty if it only reads."""
    try:
        sent = json.loads(body)
        document = parse(sent["query"])
    except (ValueError, KeyError, TypeError, GraphQLSyntaxError):
        return [UNREADABLE]
    return [
        field.name.value if isinstance(field, FieldNode) else UNREADABLE
        for operation in document.definitions
        if isinstance(operation, OperationDefinitionNode)
        and operation.operation == OperationType.MUTATION
        for field in operation.selection_set.selections
        if not (isinstance(field, FieldNode) and field.name.value in _OF_PAGES)
    ]


def _ids(body: bytes) -> list[str]:
    return sorted(set(_ID.findall(body.decode("utf-8", "replace"))))


def _reports(scope: Scope) -> Refusal | None:
    """Refuse what changes something by another way than GraphQL: events of assets, by hand."""
    if scope["type"] == "websocket" or scope["method"] in _READS:
        return None
    is_graphql = scope["path"].rstrip("/").endswith("/graphql")
    return None if is_graphql else Refusal(405, "only GraphQL is asked by POST")


def _again(body: bytes) -> Receive:
    """Return a `receive` that gives a body once more, then that the client has disconnected."""
    messages: Iterator[Message] = iter(
        [
            {"type": "http.request", "body": body, "more_body": False},
            {"type": "http.disconnect"},
        ]
    )

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})

    return receive
