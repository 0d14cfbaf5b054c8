"""What a simulation says of a day is what a run on that day does; and after the run nothing past
its time is in any layer.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from assets.marts import building as marts
from assets.register import building, forecast_counts
from assets.retention import forecast, overdue_check, sweep
from assets.storage.data_root import DataRoot
from schemas.policy.loader import load_policy
from schemas.policy.model import Policy
from schemas.policy.what_if import SupposedError, supposing
from tests.support.dated_records import contact, contract, deliver, order, visit
from tests.support.deliveries import basic_data, csv, put
from tests.support.population_register_messages import BASE
from tests.support.registers import build, rows, take_in

DATES = [
    "2026-11-20",
    "2026-12-31",
    "2027-01-01",
    "2028-02-28",
    "2028-02-29",
    "2028-12-31",
    "2029-01-01",
    "2034-06-30",
    "2034-07-01",
]


def renamed() -> Policy:
    """Another controller: every rule has another code, the financial year ends in June, orders are
    books too.
    """
    policy = load_policy()
    codes = {code: f"RET-OURS-{number}" for number, code in enumerate(policy.retention, 1)}
    categories = {
        name: category.model_copy(
            update={"retention": tuple(codes.get(code, code) for code in category.retention)}
        )
        for name, category in policy.categories.items()
    }
    books = codes[policy.rule("books")[0]]
    categories["order"] = categories["order"].model_copy(
        update={"retention": (*categories["order"].retention, books)}
    )
    return policy.model_copy(
        update={
            "retention": {codes[code]: rule for code, rule in policy.retention.items()},
            "categories": categories,
            "controller": policy.controller.model_copy(update={"financial_year_ends": "06-30"}),
        }
    )


def full(root: Path, policy: Policy | None = None) -> DataRoot:
    data_root = DataRoot(root, policy)
    data_root.create()
    deliver(data_root)
    put(
        data_root,
        "crm",
        "2026-11-11",
        "contacts",
        csv([contact("501", "Aatu", "Hiljainen", "2023-11-20 23:59")]),
        1,
    )
    take_in(data_root)
    return data_root


def bytes_of(data_root: DataRoot) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(data_root.root.rglob("*"))
        if path.is_file()
    }


def rows_in(data_root: DataRoot, layer: str) -> int:
    files = [str(path) for path in data_root.files(layer, name="*/*" if layer == "staged" else "*")]
    return sum(
        duckdb.sql(f"SELECT count(*) FROM read_parquet('{path}')").fetchone()[0] for path in files
    )  # type: ignore[index]


@pytest.mark.parametrize(
    ("policy", "dates"),
    [(None, DATES), (renamed(), [DATES[0], *DATES[-4:]])],
    ids=["ours", "another controller's"],
)
def test_a_simulation_is_what_a_run_on_that_day_does(
    tmp_path: Path, policy: Policy | None, dates: list[str]
) -> None:
    data_root = full(tmp_path / "data", policy)
    something = 0
    for day in map(date.fromisoformat, dates):
        before, layers = (
            bytes_of(data_root),
            {layer: rows_in(data_root, layer) for layer in ("raw", "staged", "quarantine")},
        )
        effects = sweep.simulate(data_root, day)
        assert bytes_of(data_root) == before, "a simulation writes nothing"
        building.build(data_root, day)
        assert sweep.sweep(data_root, day) == effects == sweep.last_sweep(data_root)
        went = {layer: number - rows_in(data_root, layer) for layer, number in layers.items()}
        assert went == {
            layer: sum(
                effect.rows
                for effect in effects
                if (effect.layer, effect.effect) == (layer, "delete")
            )
            for layer in layers
        }
        # Of a mart only the day that it shows can be overdue.
        marts.build(data_root, "contracts", day)
        marts.publish(data_root, "contracts")
        assert not any(overdue_check.overdue(data_root, day).values())
        assert sweep.simulate(data_root, day) == []
        assert {effect.rule for effect in effects} <= set(data_root.policy.retention)
        something += sum(effect.rows for effect in effects)
    assert something > 50


def test_what_repeats_a_record_word_for_word_goes_with_it(tmp_path: Path) -> None:
    data_root = full(tmp_path / "data")
    build(data_root)
    payloads = [
        row["payload"]
        for path in data_root.files("raw", "crm")
        for row in rows(data_root, f"SELECT payload FROM read_parquet('{path}')")
    ]
    assert [payload for payload in payloads if "Hiljainen" in payload] == []


def test_the_check_finds_what_a_sweep_has_missed(tmp_path: Path) -> None:
    data_root = full(tmp_path / "data")
    building.build(data_root, date(2026, 11, 20))
    overdue = overdue_check.overdue(data_root, date(2026, 11, 20))
    assert overdue["staged"] > 0
    assert overdue["quarantine"] > 0
    assert overdue["raw"] > 0


class TestForecast:
    @pytest.fixture(scope="class")
    @staticmethod
    def data_root(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
        made = full(tmp_path_factory.mktemp("forecast") / "data")
        build(made)
        build(made)
        return made

    def test_by_the_end_of_a_month_as_much_is_foreseen_as_a_simulation_says(
        self, data_root: DataRoot
    ) -> None:
        due = forecast.simulate(data_root, date(2026, 11, 20)).due
        for last in (date(2026, 12, 31), date(2027, 11, 30), date(2028, 10, 31)):
            foreseen: dict[tuple[str, str], int] = {}
            for expiry in due:
                if expiry.month <= f"{last:%Y-%m}" and expiry.category != "technical":
                    foreseen[expiry.rule, expiry.category] = (
                        foreseen.get((expiry.rule, expiry.category), 0) + expiry.rows
                    )
            simulated = {
                (effect.rule, effect.category): effect.rows
                for effect in sweep.simulate(data_root, last)
                if effect.layer == "register"
            }
            # When the last purpose of a registrant goes with other data, nobody can foresee.
            foreseen, simulated = (
                {pair: rows for pair, rows in counts.items() if pair[0] != "RET-NO-PURPOSE-30D"}
                for counts in (foreseen, simulated)
            )
            if last > date(2026, 12, 31):
                # A person with no records left by then is no registrant any more, who could leave.
                foreseen, simulated = (
                    {pair: rows for pair, rows in counts.items() if pair[1] != "registrant_id"}
                    for counts in (foreseen, simulated)
                )
            assert foreseen == simulated

    def test_the_build_keeps_a_forecast_of_24_months_from_the_current_month(
        self, data_root: DataRoot
    ) -> None:
        latest = forecast.latest(data_root)
        assert latest is not None
        assert latest[1] == forecast.simulate(data_root, date(2026, 11, 20))
        assert [month for month, _, _ in forecast.bars(latest[0], latest[1].due)][::23] == [
            "2026-11",
            "2028-10",
        ]

    def test_the_chart_has_a_number_for_every_rule_and_month(self, data_root: DataRoot) -> None:
        latest = forecast.latest(data_root)
        assert latest is not None
        today, due = latest[0], latest[1].due
        picture = forecast.chart(today, due)
        cells = dict(re.findall(r"<title>([^:]+): ([\d,]+)</title>", picture))
        bars = forecast.bars(today, due)
        totals = {f"{month} all rules": count for month, count, _ in bars if count}
        assert {name: int(cells[name].replace(",", "")) for name in totals} == totals
        assert len(cells) == len(totals) + len({(entry.month, entry.rule) for entry in due})

    def test_a_small_month_is_readable_beside_the_largest(self) -> None:
        due = [
            forecast_counts.Due(month, "RET-VISITS-25M", "website", rows)
            for month, rows in (("2026-12", 3), ("2027-01", 1_000_000))
        ]
        picture = forecast.chart(date(2026, 11, 20), due)
        assert re.findall(r'fill="#(?:fff|111)">([^<]+)<', picture) == ["3", "1,000k"] * 2

    def test_a_shorter_period_is_supposed_without_touching_anything(
        self, data_root: DataRoot
    ) -> None:
        supposed = DataRoot(
            data_root.root, supposing(data_root.policy, {"RET-VISITS-25M": "1 months"})
        )
        day = date(2026, 12, 2)
        in_register = [
            sweep.per_rule(sweep.simulate(root, day), "register").get("RET-VISITS-25M", 0)
            for root in (data_root, supposed)
        ]
        assert in_register == [1, 4]
        assert supposed.policy.fingerprint != data_root.policy.fingerprint

    @pytest.mark.parametrize(
        ("code", "period", "message"),
        [
            ("RET-VISIT-25M", "1 months", "RET-VISITS-25M"),
            ("RET-VISITS-25M", "2 yaers", "2 yaers"),
            ("RET-VOUCHER-6Y", "5 years", "1336/1997"),
        ],
    )
    def test_a_period_that_no_policy_may_have_cannot_be_simulated(
        self, data_root: DataRoot, code: str, period: str, message: str
    ) -> None:
        with pytest.raises(SupposedError, match=message):
            supposing(data_root.policy, {code: period})


def consent(email: str, status: str, at: str) -> dict[str, str]:
    return {
        "event_ts": at, "subject_key_type": "email", "subject_key": email,
        "purpose": "direct_marketing", "channel": "email", "status": status,
        "source": "form", "evidence": "double opt-in", "text_version": "v1", "language": "fi",
    }  # fmt: skip


def test_a_proof_of_consent_outlives_its_registrant_as_long_as_the_policy_states_and_names_nobody(
    tmp_path: Path,
) -> None:
    policy = supposing(load_policy(), {"RET-CONSENT-3Y": "4 years"})
    data_root = DataRoot(tmp_path / "data", policy)
    data_root.create()
    put(
        data_root,
        "consents",
        "2023-11-20",
        "consent_log",
        csv([consent("aatu@example.fi", "granted", "2023-11-20T10:00:00+02:00")]),
        1,
    )
    take_in(data_root)
    build(data_root, date(2026, 11, 19))
    assert rows(data_root, "SELECT * FROM segregated_consents") == []
    for _ in range(2):
        build(data_root, date(2026, 11, 20))
        [proof] = rows(data_root, "SELECT * FROM segregated_consents")
        assert (proof["choice"], proof["evidence"], proof["relationship_ended_on"]) == (
            "granted",
            "double opt-in",
            date(2023, 11, 20),
        )
        assert len(proof["consented"]) == 64
    assert b"aatu@example.fi" not in b"".join(
        path.read_bytes() for path in data_root.root.rglob("*") if path.is_file()
    )
    build(data_root, date(2027, 11, 19))
    assert len(rows(data_root, "SELECT * FROM segregated_consents")) == 1
    deleted = sweep.per_rule(sweep.simulate(data_root, date(2027, 11, 20)), "register")
    assert deleted == {"RET-CONSENT-3Y": 1}
    build(data_root, date(2027, 11, 20))
    assert rows(data_root, "SELECT * FROM segregated_consents") == []


def test_visits_leave_their_number_behind(tmp_path: Path) -> None:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    first = datetime(2024, 10, 1, 12, tzinfo=UTC)
    seen = [
        visit(number, f"a{number:015x}", first + timedelta(days=number % 28))
        for number in range(1, 46)
    ]
    for number, record in enumerate(seen):
        record["deviceType"] = (
            "Smartphone" if number < 25 else "Desktop" if number < 42 else "Tablet"
        )
    put(data_root, "website", "2024-11-02", "visits", json.dumps(seen).encode(), len(seen))
    take_in(data_root)
    for day in ("2024-11-03", "2024-11-03", "2026-11-10", "2026-11-20", "2026-11-20"):
        build(data_root, date.fromisoformat(day))
        counted = rows(
            data_root,
            "SELECT month, sum(visits)::INT AS visits FROM visits_per_month GROUP BY month",
        )
        assert counted == [{"month": date(2024, 10, 1), "visits": 45}], day
    for _ in range(2):
        build(data_root, date(2026, 12, 1))
        assert rows(data_root, "SELECT * FROM visits") == []
        kept = rows(
            data_root,
            "SELECT channel, device_type, visits, closed FROM visits_per_month ORDER BY visits",
        )
        assert [(row["device_type"], row["visits"], row["closed"]) for row in kept] == [
            ("any", 20, True),
            ("Smartphone", 25, True),
        ]


@pytest.mark.parametrize("ip", ["203.0.113.77", "2001:db8:85a3:8d3:1319:8a2e:370:7348"])
def test_a_full_ip_address_is_nowhere_from_the_first_day(tmp_path: Path, ip: str) -> None:
    import json
    from datetime import UTC, datetime

    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    record = {**visit(1, "a000000000000001", datetime(2026, 11, 19, 12, tzinfo=UTC)), "visitIp": ip}
    put(data_root, "website", "2026-11-20", "visits", json.dumps([record]).encode(), 1)
    take_in(data_root)
    build(data_root)
    for path in data_root.lake.rglob("*.parquet"):
        assert ip not in str(duckdb.sql(f"SELECT * FROM read_parquet('{path}')").fetchall())
    [staged] = rows(
        data_root, f"SELECT ip FROM read_parquet('{data_root.files('staged', name='*/visits')[0]}')"
    )
    assert staged["ip"] in ("203.0.113.0", "2001:db8:85a3::")


def test_an_order_stays_for_the_accounts_without_its_person_and_then_goes(tmp_path: Path) -> None:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    put(
        data_root,
        "crm",
        "2026-01-10",
        "contracts",
        csv([contract("K-1", "C0000009", "2021-03-31")]),
        1,
    )
    put(
        data_root,
        "crm",
        "2026-01-10",
        "orders",
        csv([order("T-1", "C0000009", "2021-03-01T10:00:00Z")]),
        1,
    )
    take_in(data_root, date(2026, 1, 10))
    build(data_root, date(2026, 1, 10))
    assert (
        rows(data_root, "SELECT * FROM registrants")
        == rows(data_root, "SELECT * FROM orders")
        == []
    )
    [segregated] = rows(data_root, "SELECT * FROM segregated_orders")
    assert (segregated["order_number"], segregated["held_until"]) == ("T-1", date(2028, 1, 1))
    build(data_root, date(2027, 12, 31))
    assert len(rows(data_root, "SELECT * FROM segregated_orders")) == 1
    build(data_root, date(2028, 1, 1))
    assert rows(data_root, "SELECT * FROM segregated_orders") == []
    assert data_root.files("staged", name="*/orders") == [] or rows_in(data_root, "staged") == 0


def test_a_registrant_known_to_the_population_register_only_expires_for_want_of_a_purpose(
    tmp_path: Path,
) -> None:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    basic_data(data_root, "2024-02-29", [BASE])
    take_in(data_root)
    build(data_root, date(2024, 3, 29))
    assert len(rows(data_root, "SELECT * FROM registrants")) == 1
    assert sweep.per_rule(sweep.simulate(data_root, date(2024, 3, 30)), "register") == {
        "RET-NO-PURPOSE-30D": 1
    }
