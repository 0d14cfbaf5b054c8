"""A visit as the website's log tells it, and what the register takes from it."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.sources.website.website import SOURCE
from tests.support.examples import examples
from tests.support.source_batches import codes, keep, stage, text

VISITS = SOURCE.datasets[0]
STARTED = 1_788_250_000


def visit(**fields: Any) -> dict[str, Any]:
    """A visit; fields given as None are left out."""
    whole = {
        "idSite": 1,
        "idVisit": 77,
        "visitIp": "198.51.100.7",
        "visitorId": "0a1b2c3d4e5f6071",
        "firstActionTimestamp": STARTED,
        "serverTimestamp": STARTED + 60,
        "visitDuration": "61",
        "deviceType": "Smartphone",
        "browserCode": "CM",
        "actionDetails": [],
        **fields,
    }
    return {name: value for name, value in whole.items() if value is not None}


def key(identifier: str) -> str:
    return hashlib.md5(identifier.encode()).hexdigest()  # noqa: S324


class TestMinimising:
    @pytest.mark.clause("P5.8")
    @pytest.mark.parametrize(
        ("whole", "kept"),
        [
            ("198.51.100.7", "198.51.100.0"),
            ("111.1.0.0", "111.1.0.0"),
            ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "2001:db8:85a3::"),
            ("2001:DB8:1::5", "2001:DB8:1::"),
            ("2001:db8::1", "2001:db8::"),
            ("fe80::1", "fe80::"),
            ("::1", "::"),
            ("::ffff:192.0.2.1", "::"),
            ("2001:db8:1::", "2001:db8:1::"),
            ("", ""),
        ],
    )
    def test_an_address_keeps_its_network_only(self, whole: str, kept: str) -> None:
        assert json.loads(keep(VISITS, [visit(visitIp=whole)]).payloads[0])["visitIp"] == kept

    @pytest.mark.parametrize(
        "whole",
        [
            "192.0.2.1, 10.0.0.1",
            "fe80::1%eth0",
            "192.0.2.1:8080",
            " 192.0.2.1",
            3221225985,
            ["192.0.2.1"],
            {"v4": "192.0.2.1"},
        ],
    )
    def test_what_is_no_plain_address_goes_whole(self, whole: Any) -> None:
        assert "visitIp" not in json.loads(keep(VISITS, [visit(visitIp=whole)]).payloads[0])

    @settings(max_examples=examples(12), deadline=None)
    @given(st.lists(st.ip_addresses(), min_size=1, max_size=20))
    def test_no_address_keeps_more_than_its_network_whichever_way_it_is_written(
        self, addresses: list[Any]
    ) -> None:
        for written in (
            [str(address) for address in addresses],
            [address.exploded.upper() for address in addresses],
        ):
            for original, payload in zip(
                addresses,
                keep(VISITS, [visit(visitIp=address) for address in written]).payloads,
                strict=True,
            ):
                kept = ipaddress.ip_address(json.loads(payload)["visitIp"])
                assert (
                    kept
                    == ipaddress.ip_network(
                        (kept, 24 if original.version == 4 else 48)
                    ).network_address
                )
                assert kept in ipaddress.ip_network(
                    (original, 24 if original.version == 4 else 32), strict=False
                ) or "::" in str(original)

    def test_geolocation_is_emptied_and_all_else_stays_byte_for_byte(self) -> None:
        before = (
            '{"idSite": 1,"city":"Malli\\"kylä","latitude":60.17,"longitude" : '
            '"-24.9e1","title":"city","countryCode":"fi","note":"\\"city\\":\\"x\\"",'
            '"revenue":1.10,"emoji":"🏠","region":null}'
        )
        after = (
            '{"idSite": '
            '1,"city":null,"latitude":null,"longitude":null,"title":"city",'
            '"countryCode":null,"note":"\\"city\\":\\"x\\"",'
            '"revenue":1.10,"emoji":"🏠","region":null}'
        )
        assert keep(VISITS, [before]).payloads == [after]

    def test_geolocation_of_another_shape_goes_too(self) -> None:
        kept = json.loads(
            keep(VISITS, [visit(location={"city": "Mallikylä"}, city=["Mallikylä"])]).payloads[0]
        )
        assert not {"location", "city"} & kept.keys()

    def test_a_record_without_either_stays_byte_for_byte(self) -> None:
        payload = '{ "idSite" : "1", "idVisit":2.50 }'
        assert keep(VISITS, [payload]).payloads == [payload]

    def test_minimising_twice_changes_nothing_more(self) -> None:
        once = keep(
            VISITS,
            [
                visit(city="Mallikylä", latitude="60.1"),
                visit(visitIp="2001:db8::1"),
                visit(visitIp="x"),
            ],
        ).payloads
        assert keep(VISITS, once).payloads == once


class TestWhoVisits:
    def test_an_account_with_an_email_address_is_that_address(self) -> None:
        payload = visit(userId=" Maija@Example.FI ")
        done = stage(VISITS, [payload])
        assert done.only("visits")["person_key"] == key("email:maija@example.fi")
        assert done.only("visits")["user_id"] == "maija@example.fi"
        assert (done.only("contact_points")["value"], done.only("contact_points")["match_key"]) == (
            "Maija@Example.FI",
            "maija@example.fi",
        )
        assert {
            "email:maija@example.fi",
            "user_id:maija@example.fi",
            "visitor_id:0a1b2c3d4e5f6071",
            "visit:1|77",
        } == set(keep(VISITS, [payload]).identifiers[0])

    def test_another_account_is_a_customer_number(self) -> None:
        done = stage(VISITS, [visit(userId="C0000042")])
        assert done.only("visits")["person_key"] == key("customer_number:C0000042")
        stated = {(row["type"], row["value"]) for row in done.tables["identifiers"]}
        assert stated == {
            ("customer_number", "C0000042"),
            ("user_id", "C0000042"),
            ("visitor_id", "0a1b2c3d4e5f6071"),
        }
        assert done.tables["contact_points"] == []

    @pytest.mark.parametrize(
        "nobody",
        [None, "", " ", "null", "undefined", "NaN", "0", "anonymous", {"id": 1}, ["a@example.fi"]],
    )
    def test_without_an_account_it_is_the_cookie(self, nobody: Any) -> None:
        payload = visit(userId=nobody)
        assert stage(VISITS, [payload]).only("visits")["person_key"] == key(
            "visitor_id:0a1b2c3d4e5f6071"
        )
        assert set(keep(VISITS, [payload]).identifiers[0]) == {
            "visit:1|77",
            "visitor_id:0a1b2c3d4e5f6071",
        }

    @pytest.mark.parametrize("cookie", [None, "", "0000000000000000", {"a": 1}])
    def test_without_a_cookie_too_it_is_nobody(self, cookie: Any) -> None:
        done = stage(VISITS, [visit(visitorId=cookie)])
        assert done.only("visits")["person_key"] is None
        assert done.tables["identifiers"] == []

    def test_an_account_that_is_no_good_address_loses_its_contact_point_only(self) -> None:
        done = stage(VISITS, [visit(userId="maija@")])
        assert done.row_codes["contact_points"] == {"CONTACT-EMAIL-INVALID"}
        assert len(done.tables["visits"]) == 1


class TestVisit:
    def test_numbers_may_be_typed_as_text(self) -> None:
        numbers = visit(idSite=1, idVisit=9, firstActionTimestamp=STARTED, visitDuration=30)
        texts = visit(
            idSite="1", idVisit="9", firstActionTimestamp=str(STARTED), visitDuration="30"
        )
        first, second = stage(VISITS, [numbers, texts]).tables["visits"]
        assert {**first, "record_no": 0, "record_key": ""} == {
            **second,
            "record_no": 0,
            "record_key": "",
        }
        assert keep(VISITS, [numbers, texts]).native_keys == ["1|9", "1|9"]

    def test_it_began_at_its_first_action_and_never_at_the_local_time_beside_it(self) -> None:
        began = stage(
            VISITS, [visit(serverDate="2001-01-01", lastActionDateTime="2001-01-01 01:01:01")]
        ).only("visits")
        assert began["started_at"] == began["stated_at"] == datetime.fromtimestamp(STARTED, UTC)
        later = stage(VISITS, [visit(firstActionTimestamp=None)]).only("visits")
        assert later["started_at"] == datetime.fromtimestamp(STARTED + 60, UTC)

    @pytest.mark.clause("P5.8")
    def test_every_field_of_the_policy_is_taken_over(self) -> None:
        fields = {
            "fingerprint": "f1", "referrerType": "search", "referrerName": "Haku",
            "referrerUrl": "https://haku.example.fi/", "referrerKeyword": "sähkö ⚡",
            "deviceBrand": "Malli", "deviceModel": "M1", "browserName": "Selain",
            "browserVersion": "126.0", "operatingSystemName": "Android",
            "operatingSystemVersion": "14", "resolution": "360x800",
        }  # fmt: skip
        row = stage(VISITS, [visit(**fields)]).only("visits")
        expected = {
            "fingerprint": "f1", "referrer_type": "search", "referrer_name": "Haku",
            "referrer_url": "https://haku.example.fi/",
            "referrer_keyword": "sähkö ⚡", "device_type": "Smartphone", "device_brand": "Malli",
            "device_model": "M1", "browser_name": "Selain",
            "browser_version": "126.0", "os_name": "Android", "os_version": "14",
            "resolution": "360x800", "ip": "198.51.100.0", "duration_s": 61,
        }  # fmt: skip
        assert {name: row[name] for name in expected} == expected

    @pytest.mark.parametrize(
        ("device", "browser", "channel"),
        [
            ("Smartphone", "CM", "mobile browser"),
            ("Tablet", "MF", "mobile browser"),
            ("Smartphone", "UNK", "app"),
            ("Phablet", None, "app"),
            ("Desktop", "FF", "browser"),
            ("Desktop", None, "browser"),
            (None, "FF", "browser"),
            (None, None, None),
        ],
    )
    def test_the_channel_follows_from_device_and_browser(
        self, device: str | None, browser: str | None, channel: str | None
    ) -> None:
        assert (
            stage(VISITS, [visit(deviceType=device, browserCode=browser)]).only("visits")["channel"]
            == channel
        )

    @pytest.mark.parametrize(
        ("payload", "code"),
        [
            ({"result": "error", "message": "no access"}, "MATOMO-ERROR-PAYLOAD"),
            (visit(idVisit=None), "MATOMO-VISIT-KEY"),
            (visit(idSite={"a": 1}), "MATOMO-VISIT-KEY"),
            (visit(idSite=""), "MATOMO-VISIT-KEY"),
            (visit(firstActionTimestamp=None, serverTimestamp=None), "MATOMO-TIMESTAMP"),
            (visit(firstActionTimestamp="yesterday", serverTimestamp=0), "MATOMO-TIMESTAMP"),
            (visit(firstActionTimestamp=STARTED * 1000, serverTimestamp=1e300), "MATOMO-TIMESTAMP"),
            (visit(visitDuration=-5), "MATOMO-DURATION"),
            (visit(visitDuration=172_801), "MATOMO-DURATION"),
            (visit(visitDuration="4 min 31s"), "MATOMO-DURATION"),
            (visit(actionDetails={"0": {"type": "action"}}), "MATOMO-ACTIONS"),
            (visit(actionDetails="none"), "MATOMO-ACTIONS"),
        ],
    )
    def test_a_visit_that_cannot_be_used_says_why(self, payload: dict[str, Any], code: str) -> None:
        assert codes(VISITS, payload) == {code}

    def test_a_visit_without_a_duration_or_actions_is_a_visit(self) -> None:
        assert codes(VISITS, visit(visitDuration=None, actionDetails=None)) == set()


class TestActions:
    @pytest.mark.clause("P5.8")
    def test_searches_advertisements_and_pages_keep_their_place_and_time(self) -> None:
        actions = [
            {"type": "action", "url": "https://kauppa.example.fi/", "timestamp": STARTED},
            {
                "type": "search",
                "siteSearchKeyword": "🏠 vakuutus",
                "siteSearchCategory": None,
                "siteSearchCount": "12",
                "timestamp": str(STARTED + 5),
            },
            {
                "type": 13,
                "contentName": "ImageAd",
                "contentPiece": "/a.jpg",
                "contentTarget": "",
                "contentInteraction": "click",
            },
        ]
        page, search, ad = stage(VISITS, [visit(actionDetails=actions)]).tables["visit_actions"]
        assert (page["type"], page["position"], page["at"]) == (
            "action",
            1,
            datetime.fromtimestamp(STARTED, UTC),
        )
        assert (search["search_keyword"], search["search_category"], search["search_count"]) == (
            "🏠 vakuutus",
            None,
            12,
        )
        assert (
            ad["type"],
            ad["content_name"],
            ad["content_target"],
            ad["content_interaction"],
            ad["at"],
        ) == ("13", "ImageAd", None, "click", None)

    def test_revenue_is_not_taken_over(self) -> None:
        done = stage(
            VISITS, [visit(actionDetails=[{"type": "ecommerceOrder", "revenue": 9_999_999_999}])]
        )
        assert "9999999999" not in str(dict(done.tables))

    @pytest.mark.parametrize(
        "broken", [None, "click", 7, [], {"url": "https://kauppa.example.fi/"}, {"type": {"a": 1}}]
    )
    def test_an_action_without_a_type_is_left_out_and_the_visit_stays(self, broken: Any) -> None:
        done = stage(VISITS, [visit(actionDetails=[broken, {"type": "action"}])])
        assert done.row_codes["visit_actions"] == {"VISIT-ACTIONS-TYPE-MISSING"}
        assert [row["position"] for row in done.tables["visit_actions"]] == [2]
        assert len(done.tables["visits"]) == 1


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "url", "timestamp", "city"]), inner, max_size=2)
    ),
    max_leaves=4,
)
FIELDS = [*visit(userId="x", result="ok", fingerprint="f", city="c").keys()]


@settings(max_examples=examples(10), deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=5), min_size=10, max_size=30
    )
)
def test_whatever_the_types_every_visit_is_staged_or_has_a_code(
    changes: list[dict[str, Any]],
) -> None:
    payloads = [text({**visit(), **change}) for change in changes]
    kept = keep(VISITS, payloads)
    assert all(
        json.loads(payload).keys() <= json.loads(before).keys()
        for payload, before in zip(kept.payloads, payloads, strict=True)
    )
    done = stage(VISITS, payloads)
    assert {row["record_no"] for row in done.tables["visits"]} | {
        record for record, codes_of_record in done.codes.items() if codes_of_record
    } == set(range(len(payloads)))
