"""What each vendor's API sends becomes an ordinary delivery, and then moves the watermark."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

import pytest

from assets.connectors import watermarks
from assets.connectors.business_register import BusinessRegister
from assets.connectors.connector import Connector, Fetched
from assets.connectors.hubspot import Hubspot
from assets.connectors.matomo import Matomo
from assets.connectors.pipedrive import Pipedrive
from assets.connectors.population_register import PopulationRegister
from assets.connectors.salesforce import Salesforce
from assets.connectors.web_api import FetchError
from assets.ingest import deliveries, subscription, suppression
from assets.ingest.raw import ingest
from assets.sources.all_sources import SOURCES
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect
from tests.support.deliveries import put
from tests.support.fetching import NOW, TODAY, Time, delivered, everything_written, fetching
from tests.support.vendor_server import Answer, Reply, Seen, Server, serving

SENT = "tok-9f8e7d"
CODE, OTHER = "010190-999K", "020290-998A"


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_TOKEN", SENT)


def made(model: type[Connector], url: str, **settings: Any) -> Connector:
    """The connector of a section of `connectors.yaml`."""
    return model.model_validate({"url": url, **settings})


SECRET = {"env": "VENDOR_TOKEN"}
MATOMO = {"kind": "matomo", "site": 1, "token": SECRET}
HUBSPOT = {"kind": "hubspot", "token": SECRET}


@contextmanager
def vendor(answer: Answer) -> Iterator[Server]:
    with serving(answer) as server:
        yield server


def visits(seen: Seen, of: dict[str, list[Any]]) -> Reply:
    """Matomo's answer: two visits a page at most."""
    first = int(seen.fields["filter_offset"])
    return Reply(of.get(seen.fields["date"], [])[first : first + 2])


def codes_to_fetch(data_root: DataRoot) -> list[str]:
    """Codes of which the population register has delivered nothing yet."""
    codes: list[str] = subscription.subscribed(data_root, "population_register")[1].to_pylist()
    return codes


class TestMatomo:
    DAYS: ClassVar = {
        "2026-11-18": [{"idVisit": 1}, {"idVisit": 2}, {"idVisit": 3}],
        "2026-11-19": [{"idVisit": 4}],
    }

    def test_each_finished_day_is_a_delivery(self, data_root: DataRoot) -> None:
        with vendor(lambda seen: visits(seen, self.DAYS)) as server:
            connector = made(Matomo, server.url, **MATOMO)
            done = connector.fetch("web", fetching(data_root, since=date(2026, 11, 17)))
        assert (done.deliveries, done.records) == (2, 4)
        periods = {
            str(manifest.period.first): (manifest.records, content)
            for manifest, content in delivered(data_root, "website")
        }
        assert periods == {day: (len(rows), rows) for day, rows in self.DAYS.items()}
        assert watermarks.read(data_root, "web") == {"day": "2026-11-19"}
        assert all(SENT not in seen.target for seen in server.seen)
        assert all(seen.fields["token_auth"] == SENT for seen in server.seen)
        assert SENT.encode() not in everything_written(data_root)

    def test_the_next_fetch_takes_the_last_day_again_and_delivers_nothing_twice(
        self, data_root: DataRoot
    ) -> None:
        with vendor(lambda seen: visits(seen, self.DAYS)) as server:
            connector = made(Matomo, server.url, **MATOMO)
            connector.fetch("web", fetching(data_root, since=date(2026, 11, 19)))
            again = connector.fetch("web", fetching(data_root))
        assert (again.deliveries, again.redelivered, again.records) == (0, 1, 1)
        assert len(delivered(data_root, "website")) == 1

    def test_a_site_without_a_visits_log_is_noticed(self, data_root: DataRoot) -> None:
        off = {
            "result": "error",
            "message": "Visits log is deactivated for all given websites (idSite=1).",
        }
        with (
            vendor(lambda _: Reply(off)) as server,
            pytest.raises(FetchError, match="FETCH-VISITS-LOG-OFF"),
        ):
            made(Matomo, server.url, **MATOMO).fetch("web", fetching(data_root))
        assert watermarks.read(data_root, "web") == {}

    def test_a_server_that_dies_on_the_way_loses_nothing(self, data_root: DataRoot) -> None:
        """The first day is delivered and the second is not; the next fetch has both, once."""
        alive = [True]

        def answer(seen: Seen) -> Reply:
            dying = seen.fields["date"] == "2026-11-19" and not alive[0]
            return Reply(dies=True) if dying else visits(seen, self.DAYS)

        with vendor(answer) as server:
            connector = made(Matomo, server.url, **MATOMO)
            alive[0] = False
            with pytest.raises(FetchError, match="FETCH-CUT"):
                connector.fetch("web", fetching(data_root, since=date(2026, 11, 18)))
            assert watermarks.read(data_root, "web") == {"day": "2026-11-18"}
            assert len(delivered(data_root, "website")) == 1
            alive[0] = True
            connector.fetch("web", fetching(data_root))
        identifiers = [
            row["idVisit"] for _, rows in delivered(data_root, "website") for row in rows
        ]
        assert sorted(identifiers) == [1, 2, 3, 4]

    def test_a_kill_between_delivery_and_watermark_delivers_the_same_bytes_once(
        self, data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with vendor(lambda seen: visits(seen, self.DAYS)) as server:
            connector = made(Matomo, server.url, **MATOMO)
            with monkeypatch.context() as killing:
                killing.setattr(watermarks, "write", lambda *_: (_ for _ in ()).throw(SystemExit))
                with pytest.raises(SystemExit):
                    connector.fetch("web", fetching(data_root))
            assert watermarks.read(data_root, "web") == {}
            done = connector.fetch("web", fetching(data_root))
        assert (done.deliveries, done.redelivered) == (0, 1)
        assert len(delivered(data_root, "website")) == 1

    def test_nothing_new_is_a_normal_outcome(self, data_root: DataRoot) -> None:
        with vendor(lambda seen: visits(seen, {})) as server:
            done = made(Matomo, server.url, **MATOMO).fetch("web", fetching(data_root))
        assert done == Fetched(requests=1)
        assert delivered(data_root, "website") == []


def contact(number: int, updated_at: str) -> dict[str, Any]:
    return {"id": str(number), "properties": {"lastname": "M"}, "updatedAt": updated_at}


class TestHubspot:
    def answer(self, seen: Seen) -> Reply:
        if seen.headers["authorization"] != f"Bearer {SENT}":
            return Reply(status=401)
        if seen.fields["archived"] == "true":
            return Reply({"results": [contact(9, "2026-11-19T23:00:00.000Z")]})
        if "after" not in seen.fields:
            page = {"results": [contact(1, "2025-01-01T00:00:00Z"), contact(2, "not a time")]}
            return Reply({**page, "paging": {"next": {"after": "2", "link": "https://x.fi"}}})
        return Reply({"results": [contact(3, "2026-11-20T01:25:00Z")]})

    def test_all_contacts_come_first_and_then_those_that_have_changed(
        self, data_root: DataRoot
    ) -> None:
        time = Time()
        with vendor(self.answer) as server:
            connector = made(Hubspot, server.url, **HUBSPOT)
            assert connector.fetch("crm", fetching(data_root, time)).records == 4
            assert watermarks.read(data_root, "crm") == {"until": NOW.isoformat()}
            time.now = NOW + timedelta(days=1)
            assert connector.fetch("crm", fetching(data_root, time)).records == 2
            server.answer = lambda _: Reply({"results": []})
            assert connector.fetch("crm", fetching(data_root, time)).records == 0
        first, second = delivered(data_root, "crm")
        assert [row["id"] for row in first[1]] == ["1", "2", "3", "9"]
        # Number 2 says nothing readable, number 3 has changed within the overlap.
        assert [row["id"] for row in second[1]] == ["2", "3"]
        assert (first[0].dataset, first[0].purpose) == ("hubspot_api_contacts", "customer_care")

    def test_a_clock_ahead_of_the_servers_loses_no_change(self, data_root: DataRoot) -> None:
        """The watermark is by the earlier clock."""
        behind = NOW - timedelta(hours=2)

        def answer(seen: Seen) -> Reply:
            reply = self.answer(seen)
            return Reply(reply.body, reply.status, {"Date": format_datetime(behind)})

        with vendor(answer) as server:
            made(Hubspot, server.url, **HUBSPOT).fetch("crm", fetching(data_root))
        assert watermarks.read(data_root, "crm") == {"until": behind.isoformat()}


class TestSalesforce:
    SETTINGS: ClassVar = {"kind": "salesforce", "client_id": SECRET, "client_secret": SECRET}

    def answering(self, expire_after: int | None = None) -> tuple[Answer, list[str]]:
        tokens: list[str] = []
        asked = [0]

        def answer(seen: Seen) -> Reply:
            if seen.path == "/services/oauth2/token":
                if seen.fields["client_secret"] != SENT:
                    return Reply({"error": "invalid_client"}, 400)
                tokens.append(f"session-{len(tokens)}")
                return Reply({"access_token": tokens[-1], "instance_url": "https://x.fi"})
            asked[0] += 1
            expired = expire_after is not None and asked[0] == expire_after
            if expired or seen.headers["authorization"] != f"Bearer {tokens[-1]}":
                return Reply([{"errorCode": "INVALID_SESSION_ID"}], 401)
            if seen.path.endswith("/queryAll"):
                following = {"done": False, "nextRecordsUrl": "/services/data/v62.0/query/01g-2"}
                return Reply({"totalSize": 2, "records": [{"Id": "1"}], **following})
            return Reply({"totalSize": 2, "records": [{"Id": "2"}], "done": True})

        return answer, tokens

    @pytest.mark.parametrize("expire_after", [None, 1, 2])
    def test_a_session_that_expires_on_the_way_is_renewed(
        self, data_root: DataRoot, expire_after: int | None
    ) -> None:
        answer, tokens = self.answering(expire_after)
        with vendor(answer) as server:
            done = made(Salesforce, server.url, **self.SETTINGS).fetch("sf", fetching(data_root))
        assert done.records == 2
        assert len(tokens) == (1 if expire_after is None else 2)
        ((_, content),) = delivered(data_root, "crm")
        assert content == [{"Id": "1"}, {"Id": "2"}]
        query = next(seen for seen in server.seen if "q" in seen.fields).fields["q"]
        assert query.startswith("SELECT Id, ")
        assert " WHERE " not in query

    def test_the_next_query_is_for_what_has_changed(self, data_root: DataRoot) -> None:
        watermarks.write(data_root, "sf", {"until": "2026-11-19T01:30:00+00:00"})
        answer, _ = self.answering()
        with vendor(answer) as server:
            made(Salesforce, server.url, **self.SETTINGS).fetch("sf", fetching(data_root))
        query = next(seen for seen in server.seen if "q" in seen.fields).fields["q"]
        assert "WHERE SystemModstamp >= 2026-11-19T01:15:00Z ORDER BY" in query

    def test_wrong_credentials_are_denied(
        self, data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VENDOR_TOKEN", "wrong")
        answer, _ = self.answering()
        with vendor(answer) as server, pytest.raises(FetchError, match="FETCH-DENIED"):
            made(Salesforce, server.url, **self.SETTINGS).fetch("sf", fetching(data_root))


class TestPipedrive:
    def test_people_come_by_cursor(self, data_root: DataRoot) -> None:
        def answer(seen: Seen) -> Reply:
            last = seen.fields.get("cursor") == "c2"
            following = {"next_cursor": None if last else "c2"}
            data = [{"id": 2 if last else 1}]
            return Reply({"success": True, "data": data, "additional_data": following})

        watermarks.write(data_root, "pd", {"until": "2026-11-19T01:30:00+00:00"})
        with vendor(answer) as server:
            settings = {"kind": "pipedrive", "token": SECRET}
            made(Pipedrive, server.url, **settings).fetch("pd", fetching(data_root))
        ((manifest, content),) = delivered(data_root, "crm")
        assert (manifest.dataset, content) == ("pipedrive_api_people", [{"id": 1}, {"id": 2}])
        assert {seen.fields["updated_since"] for seen in server.seen} == {"2026-11-19T01:15:00Z"}
        assert {seen.headers["x-api-token"] for seen in server.seen} == {SENT}


def credit_report(**named: str) -> dict[str, Any]:
    return {**named, "creditClass": "A", "scale": "A-D", "remarks": [], "purposeCode": "1"}


@pytest.fixture
def known(data_root: DataRoot) -> DataRoot:
    """A data root into which another source has delivered two people and two companies."""
    reports = [
        credit_report(socialSecurityNumber=CODE),
        credit_report(socialSecurityNumber=OTHER),
        credit_report(businessId="0112038-9"),
        credit_report(businessId="1927400-1"),
    ]
    lines = "\n".join(map(json.dumps, reports)).encode()
    put(data_root, "credit_bureau", "2026-11-18", "credit_reports", lines, len(reports))
    take_in(data_root, "credit_bureau")
    return data_root


def take_in(data_root: DataRoot, name: str) -> None:
    source = next(each for each in SOURCES if each.name == name)
    ingest(data_root, source, None, date.fromisoformat(TODAY))


class TestPopulationRegister:
    SETTINGS: ClassVar = {
        "kind": "population_register",
        "user": "u",
        "password": SECRET,
        "client": "FI/COM/1",
    }

    def answer(self, seen: Seen) -> Reply:
        pair = b64encode(f"u:{SENT}".encode()).decode()
        if seen.headers.get("authorization") != f"Basic {pair}":
            return Reply(status=401)
        if seen.path.startswith("/kirjausavain/"):
            return Reply({"viimeisinKirjausavain": "100"})
        if seen.path == "/perustiedot":
            people = [
                {"henkilotunnus": code, "tietoryhmat": []} for code in seen.fields["hetulista"]
            ]
            return Reply({"perustiedot": people})
        key = seen.fields["viimeisinKirjausavain"]
        changes = [{"henkilotunnus": CODE, "tietoryhmat": [], "muutospv": str(key)}]
        return Reply(
            {"viimeisinKirjausavain": key + 1, "muutokset": changes, "ajanTasalla": key >= 101}
        )

    def fetch(self, data_root: DataRoot, answer: Callable[[Seen], Reply]) -> list[Seen]:
        with vendor(answer) as server:
            made(PopulationRegister, server.url, **self.SETTINGS).fetch("vtj", fetching(data_root))
        return server.seen

    def test_new_people_come_with_their_basic_data_and_then_with_their_changes(
        self, known: DataRoot
    ) -> None:
        asked = self.fetch(known, self.answer)
        assert [seen.path for seen in asked] == [f"/kirjausavain/{TODAY}", "/perustiedot"]
        ((manifest, content),) = delivered(known, "population_register")
        assert (manifest.dataset, len(content["perustiedot"])) == ("perustiedot", 2)
        assert watermarks.read(known, "vtj") == {"key": "100"}
        take_in(known, "population_register")
        asked = self.fetch(known, self.answer)
        assert [seen.path for seen in asked] == ["/muutokset"] * 2
        assert asked[0].fields["hetulista"] == sorted([CODE, OTHER])
        ((manifest, content),) = delivered(known, "population_register")
        assert (content["viimeisinKirjausavain"], content["ajanTasalla"]) == (102, True)
        assert (manifest.dataset, manifest.records) == ("muutokset", 2)
        assert watermarks.read(known, "vtj") == {"key": "102"}
        take_in(known, "population_register")
        entries = deliveries.ledger(known, "population_register")
        assert {entry.dataset: entry.sequence for entry in entries}["muutokset"] == 102

    def test_no_change_is_news_and_is_delivered(self, known: DataRoot) -> None:
        self.fetch(known, self.answer)
        take_in(known, "population_register")

        def nothing(seen: Seen) -> Reply:
            return Reply({"viimeisinKirjausavain": 105, "muutokset": [], "ajanTasalla": True})

        self.fetch(known, nothing)
        ((manifest, content),) = delivered(known, "population_register")
        assert (manifest.records, content["muutokset"]) == (0, [])
        assert watermarks.read(known, "vtj") == {"key": "105"}

    def test_who_is_erased_leaves_the_subscription(self, known: DataRoot) -> None:
        assert subscription.subscribed(known, "population_register")[1].to_pylist() == sorted(
            [CODE, OTHER]
        )
        with connect(known) as connection:
            suppression.add(
                known,
                connection,
                f"SELECT 'identity_code:{CODE}' AS identifier, 'Q1' AS request_id",
                date.fromisoformat(TODAY),
            )
        assert codes_to_fetch(known) == [OTHER]
        asked = self.fetch(known, self.answer)
        assert not any(CODE in str(seen.fields) for seen in asked)

    def test_a_key_that_does_not_move_ends_the_fetch_and_moves_no_watermark(
        self, known: DataRoot
    ) -> None:
        self.fetch(known, self.answer)
        take_in(known, "population_register")

        def stuck(seen: Seen) -> Reply:
            return Reply({"viimeisinKirjausavain": 100, "muutokset": [], "ajanTasalla": False})

        with pytest.raises(FetchError, match="FETCH-REPEATED"):
            self.fetch(known, stuck)
        assert watermarks.read(known, "vtj") == {"key": "100"}
        assert delivered(known, "population_register") == []


class TestBusinessRegister:
    SETTINGS: ClassVar = {"kind": "business_register", "most": 1}

    def test_companies_are_asked_for_in_turn_at_the_allowed_pace(self, known: DataRoot) -> None:
        def answer(seen: Seen) -> Reply:
            company = {"businessId": {"value": seen.fields["businessId"]}}
            return Reply({"totalResults": 1, "companies": [company]})

        time = Time()
        with vendor(answer) as server:
            connector = made(BusinessRegister, server.url, **self.SETTINGS)
            for _ in range(3):
                connector.fetch("prh", fetching(known, time))
            whole = made(BusinessRegister, server.url, kind="business_register")
            whole.fetch("prh2", fetching(known, time))
        asked = [seen.fields["businessId"] for seen in server.seen]
        assert sorted(asked[:2]) == ["0112038-9", "1927400-1"]
        assert asked[2] == asked[0]
        assert time.pauses == [pytest.approx(0.2)]
        contents = [content for _, content in delivered(known, "authorities")]
        assert {len(content["companies"]) for content in contents} == {1, 2}
        assert not any("0112038" in str(watermarks.read(known, name)) for name in ("prh", "prh2"))
