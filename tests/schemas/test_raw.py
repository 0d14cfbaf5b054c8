"""The faults of records: which of them make a record unreadable is decided for each."""

from __future__ import annotations

from schemas.raw import FAULTS, UNREADABLE

READABLE = {"REC-DUPLICATE-KEY", "REC-REPLACEMENT", "REC-HEADERS", "REC-SHARED-ID"}


def test_each_fault_is_of_a_record_that_sources_read_or_do_not() -> None:
    assert set(FAULTS) == {*UNREADABLE, *READABLE}
    assert not READABLE & set(UNREADABLE)
