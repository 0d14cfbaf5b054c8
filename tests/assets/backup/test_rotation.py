"""Backups go by the policy's period, so that a backup from before an erasure ends by itself; one is
always left.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from assets.backup import generations, rotation
from assets.erasure.proof import certificate_checks, certificate_pages, certificates
from assets.erasure.proof.evidence import Evidence
from assets.erasure.proof.verification import verify
from assets.requests import ledger
from assets.storage import backup_generations
from assets.storage.data_root import DataRoot
from schemas.policy.loader import load_policy

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
DAYS = load_policy().rule("backups")[1].period.count


def days(count: int) -> datetime:
    return NOW + timedelta(count)


def left(data_root: DataRoot) -> list[str]:
    return [
        generation.name
        for generation in backup_generations.every(data_root, None)
        if generation.has_key
    ]


@pytest.mark.clause("P8.2")
def test_a_generation_is_kept_for_the_policys_period_and_not_a_day_longer(
    data_root: DataRoot,
) -> None:
    first = generations.make(data_root, None, NOW).name
    second = generations.make(data_root, None, days(1)).name
    assert backup_generations.expires_on(data_root, first) == (NOW + timedelta(DAYS)).date()
    assert rotation.rotate(data_root, None, days(DAYS - 1)) == rotation.Rotated([], None)
    assert rotation.rotate(data_root, None, days(DAYS)) == rotation.Rotated([first], None)
    assert left(data_root) == [second]


def test_a_generation_is_made_first_where_none_would_be_left(data_root: DataRoot) -> None:
    first = generations.make(data_root, None, NOW).name
    done = rotation.rotate(data_root, None, days(DAYS))
    assert done.destroyed == [first]
    assert left(data_root) == [done.made]


def test_no_generation_is_made_where_there_never_was_one(data_root: DataRoot) -> None:
    assert rotation.rotate(data_root, None, NOW) == rotation.Rotated([], None)
    assert left(data_root) == []


def test_a_key_goes_wherever_its_file_is(data_root: DataRoot) -> None:
    generations.make(data_root, data_root.root.parent / "tape", NOW)
    assert rotation.expired(data_root, None, (NOW + timedelta(DAYS)).date())
    rotation.rotate(data_root, None, days(DAYS))
    assert left(data_root) == []


def test_a_rotation_that_was_killed_is_taken_up_again(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count in range(3):
        generations.make(data_root, None, days(count))
    destroy = generations.destroy
    left_to_do = [1]

    def once(*given: object) -> None:
        left_to_do.pop()
        destroy(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(rotation, "destroy", once)
    with pytest.raises(IndexError):
        rotation.rotate(data_root, None, days(DAYS + 2))
    monkeypatch.setattr(rotation, "destroy", destroy)
    rotation.rotate(data_root, None, days(DAYS + 2))
    assert len(left(data_root)) == 1
    assert rotation.expired(data_root, None, days(DAYS + 2).date()) == []


def test_an_erased_person_remains_until_the_last_earlier_generation_is_destroyed(
    data_root: DataRoot,
) -> None:
    for count in (0, 3, 6):
        generations.make(data_root, None, days(count))
    remaining = backup_generations.remaining(data_root, days(4))
    assert (remaining.generations, remaining.until) == (2, (NOW + timedelta(3 + DAYS)).date())
    assert backup_generations.remaining(data_root, days(-1)) == backup_generations.Remaining(
        0, None
    )
    assert backup_generations.remaining(data_root).generations == 3


def closed(data_root: DataRoot, at: datetime) -> str:
    request_id = ledger.receive(data_root, "erasure", "written", ["customer_number:C1"], NOW)
    ledger.close(data_root, ledger.load(data_root, request_id), at)
    return request_id


def test_a_proof_states_until_when_backups_contain_the_erased_person(data_root: DataRoot) -> None:
    """Those that were carried elsewhere: an erasure renews what lies in the data root's own
    folder.
    """
    assert verify(data_root).backups == backup_generations.Remaining()
    generations.make(data_root, None, NOW)
    generations.make(data_root, data_root.root.parent / "tape", NOW)
    generations.make(data_root, data_root.root.parent / "tape", days(5))
    first, second = closed(data_root, days(2)), closed(data_root, days(6))
    assert verify(data_root, [first]).backups == backup_generations.Remaining(
        1, (NOW + timedelta(DAYS)).date()
    )
    assert verify(data_root, [second]).backups == backup_generations.Remaining(
        2, (NOW + timedelta(5 + DAYS)).date()
    )
    assert verify(data_root).backups.generations == 2


def test_the_certificate_states_it_too(data_root: DataRoot) -> None:
    generations.make(data_root, data_root.root.parent / "tape", NOW)
    request = ledger.load(
        data_root, ledger.receive(data_root, "erasure", "written", ["customer_number:C1"], NOW)
    )
    content = certificates.content_of(
        data_root.policy,
        request,
        Evidence(),
        [],
        verify(data_root, [request.request_id]),
        NOW.isoformat(),
        {},
    )
    until = str(date(2026, 11, 23) + timedelta(DAYS))
    assert content["backups"] == {"generations": 1, "until": until}
    certificates.issue(data_root, content)
    assert certificate_checks.check(data_root) == []
    for kind in ("md", "html"):
        assert (
            f"1, the last until {until}"
            in certificates.path_of(data_root, request.request_id, kind).read_text()
        )


def test_a_certificate_from_before_is_still_shown(data_root: DataRoot) -> None:
    request = ledger.load(
        data_root, ledger.receive(data_root, "erasure", "written", ["customer_number:C1"], NOW)
    )
    content = certificates.content_of(
        data_root.policy,
        request,
        Evidence(),
        [],
        verify(data_root, [request.request_id]),
        NOW.isoformat(),
        {},
    )
    certificates.issue(data_root, content)
    certificate = json.loads(certificates.path_of(data_root, request.request_id).read_bytes())[
        "certificate"
    ]
    del certificate["backups"]
    assert "backups from before" not in certificate_pages.markdown(certificate, "0")
