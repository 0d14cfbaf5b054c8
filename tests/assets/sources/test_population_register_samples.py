"""The register's public payloads, in the documented envelope: every one ends staged or in quarantine with a code."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from assets import deliveries
from assets.home import Home
from tests.support.deliveries import basic_data, changes, put
from tests.support.registers import build, registrant, rows, take_in

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "vtj"
pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the public payloads are not part of the repository"
)

MOVER, DEAD, HIDDEN = "010188-916P", "160976-904B", "010192-921W"


def payload(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text(encoding="utf-8"))


def wrapped(code: str, name: str, changed: str) -> dict[str, Any]:
    return {"henkilotunnus": code, "tietoryhmat": payload(name), "muutospv": changed}


def messages() -> list[dict[str, Any]]:
    return [
        wrapped(MOVER, "muutostietoKunnastaToiseenMuutto.json", "2019-06-27T21:00:00.000Z"),
        wrapped(MOVER, "muutostietoEtunimenmuutos.json", "2019-07-01T21:00:00.000Z"),
        wrapped(DEAD, "muutostietoKuolema.json", "2019-06-28T21:00:00.000Z"),
        wrapped(HIDDEN, "muutostietoTurvakielto.json", "2019-06-28T21:00:00.000Z"),
        wrapped(HIDDEN, "muutostietoPostiosoitteenmuutos.json", "2020-01-28T21:00:00.000Z"),
        payload("nimenmuutos.json"),
        payload("tuntematon_muutos.json"),
    ]


@pytest.mark.clause("P6.2", "P6.6")
@pytest.mark.parametrize(
    "days", list(itertools.permutations(("2026-11-02", "2026-11-03", "2026-11-04")))[:4]
)
def test_changes_end_in_the_right_state_whatever_their_delivery_day(
    home: Home, days: tuple[str, ...]
) -> None:
    basic_data(home, "2026-11-01", payload("perustiedot-response-ok.json")["perustiedot"])
    for number, day in enumerate(days):
        changes(home, day, messages()[number::3], key=number)
        take_in(home)
    build(home)
    mover = registrant(home, MOVER)
    assert (mover["street"], mover["town"], mover["municipality_code"]) == (
        "Gabriella 6a-6b A 2a",
        "MYRKKY",
        "287",
    )
    assert (mover["given_names"], mover["family_name"]) == ("Mathilda Helena Sophie", "Aslan Tes")
    assert registrant(home, DEAD)["deceased"] is True
    hidden = registrant(home, HIDDEN)
    assert (hidden["protected"], hidden["street"], hidden["municipality_code"]) == (
        True,
        None,
        None,
    )
    assert (
        rows(home, f"SELECT * FROM addresses WHERE registrant_id = '{hidden['registrant_id']}'")
        == []
    )
    assert all(entry.conserved for entry in deliveries.book(home))


def test_a_broken_record_is_quarantined_and_the_others_go_on(home: Home) -> None:
    broken = (SAMPLES / "rikkinainen_tietue.json").read_text(encoding="utf-8")
    good = json.dumps(payload("nimenmuutos.json"))
    put(
        home,
        "population_register",
        "2026-11-02",
        "muutokset",
        f'{{"viimeisinKirjausavain":"1","muutokset":[{broken},{good}]}}'.encode(),
        2,
    )
    put(
        home,
        "population_register",
        "2026-11-02",
        "muutokset",
        (SAMPLES / "modifications-response-ok.json").read_bytes(),
        0,
    )
    take_in(home)
    build(home)
    assert [
        (entry.delivered, entry.staged, entry.quarantined)
        for entry in deliveries.book(home)
        if entry.delivered
    ] == [(2, 1, 1)]
    assert {"REC-DUPLICATE-KEY", "VTJ-HETU-CHECKSUM"} <= set(
        next(entry.codes or {} for entry in deliveries.book(home) if entry.delivered)
    )


def test_basic_data_in_pieces_is_taken(home: Home) -> None:
    people = [
        {"henkilotunnus": MOVER, "tietoryhmat": payload(name)}
        for name in ("perustietoHetuKorjaus.json", "perustietoUlkomainen.json")
    ]
    basic_data(home, "2026-11-01", people)
    take_in(home)
    build(home)
    assert registrant(home, MOVER)["street"] == "Öljymäki 11 C 3"
