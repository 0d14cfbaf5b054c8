"""Going on with an older suppression list, where no backup has the recorded one.

It would forget who was erased since, so a person decides it, by name and with a reason, and that is
recorded in `requests/accepted-lists.jsonl`. What certificates are bound to says which hashes the
older list lacks; those that can be made again of the identifiers in the same backup, from before
the erasures, are put on the list again. A list goes with its pepper: for another pepper there is no
way on but a copy of the right one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from assets.backup.erasure_replay import replay
from assets.backup.intact_copies import members
from assets.erasure.proof import certificate_binding
from assets.ingest import suppression
from assets.storage import recorded_files, suppression_state
from assets.storage.backup_generations import every
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_rows
from assets.storage.quoting import parquet
from assets.storage.safe_errors import PlainError
from assets.storage.secrets import fingerprint, fingerprint_of
from assets.storage.sessions import connect
from assets.storage.suppression_state import LIST, LIST_PATH, PEPPER_PATH
from schemas.unusual_spellings import former_forms

HERE = "here"
"""The name of the list that lies in `requests/`, among those of generations."""


_LISTED_OF_A_RECORD = """list_concat(
    identifiers,
    list_transform(identifiers, lambda named: 'own_' || named),
    list_transform(identifiers, lambda named: 'shared:' || named),
    ['record:' || record_key, 'content:' || content])"""
"""SQL: what an erasure may list of a record of raw."""


class OlderListError(PlainError):
    """There is no such list, or none is needed."""


@dataclass(frozen=True)
class OlderList:
    """A list that is not the recorded one.

    Attributes:
        place: The generation that has it, or `here`.
        rows: The number of its hashes.
        recorded: The number of the recorded one's.
        lost: Request -> hashes of its certificate that the list lacks.
    """

    place: str
    rows: int
    recorded: int
    lost: Mapping[str, int]

    def __str__(self) -> str:
        where = "in requests/" if self.place == HERE else f"of backup {self.place}"
        return (
            f"the newest older one is {where}, with {self.rows} of {self.recorded} hashes: "
            f"{len(self.lost)} erasures would lose {sum(self.lost.values())} hashes; `register "
            f"repair --accept-suppressions {self.place} --by NAME --why TEXT` goes on with it"
        )


def newest(data_root: DataRoot, folder: Path | None = None) -> OlderList | None:
    """Return the newest older list that goes with the pepper: of those that can be read, the one
    with the most hashes. Cost: each generation is decrypted.
    """
    generations = [each.name for each in every(data_root, folder) if each.is_whole]
    found: list[OlderList] = []
    for place in (HERE, *reversed(generations)):
        with _unpacked(data_root, folder, place, {LIST_PATH}) as unpacked:
            if unpacked is not None:
                found.append(_described(data_root, place, unpacked / LIST))
    return max(found, key=lambda each: each.rows, default=None)


def accept(
    data_root: DataRoot, folder: Path | None, place: str, by: str, why: str, now: datetime
) -> tuple[OlderList, int]:
    """Make an older list the recorded one, with what can be made again of the hashes that it lacks.

    Only under the writer's lock. Who is on it is removed from the lake, as from a restored one.

    Args:
        data_root: The data root.
        folder: The folder of backups, None for its own.
        place: A generation, or `here`.
        by: Who has decided it.
        why: For what reason.
        now: When.

    Returns:
        The list as it is now, and how many hashes were made again.

    Raises:
        OlderListError: There is no such list with this pepper.
    """
    with _unpacked(data_root, folder, place, {LIST_PATH, "lake/raw/"}) as unpacked:
        if unpacked is None:
            raise OlderListError(f"no readable suppression list of this pepper: {place}")
        older = unpacked / LIST
        before = _described(data_root, place, older)
        again = _made_again(data_root, older, unpacked)
        listed = _described(data_root, place, older)
        _note(data_root, older, by, why, now, listed)
        suppression_state.accept(data_root, older, certificate_binding.last_number(data_root))
    replay(data_root)
    return OlderList(place, listed.rows, before.recorded, listed.lost), again


@contextmanager
def _unpacked(
    data_root: DataRoot, folder: Path | None, place: str, wanted: set[str]
) -> Iterator[Path | None]:
    """Yield a folder with the list of a place, and the raw files if wanted; None without a list
    that can be read and is of this pepper. The folder goes afterwards.
    """
    into = data_root.spill / f"older-{place}"
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(mode=0o700, parents=True)
    try:
        if place == HERE:
            lying = data_root.requests / LIST
            if lying.exists():
                shutil.copy2(lying, into / LIST)
            is_ours = True
        else:
            is_ours = _take(data_root, folder, place, wanted, into)
        yield into if is_ours and _is_list(into / LIST) else None
    finally:
        shutil.rmtree(into, ignore_errors=True)


def _take(
    data_root: DataRoot, folder: Path | None, generation: str, wanted: set[str], into: Path
) -> bool:
    """Write the wanted files of a generation into the folder; return whether its pepper is ours."""
    is_ours = False
    if generation not in {each.name for each in every(data_root, folder) if each.is_whole}:
        return False
    for number, (name, content) in enumerate(members(data_root, folder, generation)):
        if name == PEPPER_PATH:
            is_ours = fingerprint_of(content.read()) == fingerprint(data_root)
        elif any(name.startswith(start) for start in wanted) and name.endswith(".parquet"):
            target = into / (LIST if name == LIST_PATH else f"raw-{number}.parquet")
            with target.open("wb") as file:
                shutil.copyfileobj(content, file)
    return is_ours


def _is_list(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with duckdb.connect() as connection:
            connection.execute(f"SELECT token, request_id FROM {parquet(path)}").fetchall()
    except duckdb.Error:
        return False
    return True


def _described(data_root: DataRoot, place: str, older: Path) -> OlderList:
    state = suppression_state.recorded(data_root)
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT count(*) FROM {parquet(older)}").fetchall()[0][0]
    lost = certificate_binding.lost_with(data_root, older)
    recorded = state.lists[-1].rows if state else 0
    return OlderList(place, rows, recorded, {each: len(tags) for each, tags in lost.items()})


def _made_again(data_root: DataRoot, older: Path, unpacked: Path) -> int:
    """Put on the older list what it lacks of hashes that identifiers in raw files have; return how
    many.
    """
    lost = certificate_binding.lost_with(data_root, older)
    raw = sorted(unpacked.glob("raw-*.parquet"))
    if not lost or not raw:
        return 0
    period = data_root.policy.rule("suppressions")[1].period
    issued = certificate_binding.issued_on(data_root)
    rows = [
        {
            "tag": tag,
            "request_id": request_id,
            "since": issued[request_id],
            "review_on": period.after(issued[request_id]),
        }
        for request_id, tags in lost.items()
        for tag in sorted(tags)
    ]
    with connect(data_root) as connection:
        suppression.prepare(data_root, connection)
        connection.register("lost_tags", pa.Table.from_pylist(rows))
        of_records = f"SELECT DISTINCT unnest({_LISTED_OF_A_RECORD}) FROM {parquet(*raw)}"
        named = connection.execute(
            f"SELECT DISTINCT identifier FROM ({_matching(of_records, 'lost_tags')})"
        ).fetchall()
        # An erasure lists an identifier in the forms of older versions, too.
        former = sorted({form for (identifier,) in named for form in former_forms(identifier)})
        every_form = f"{of_records} UNION SELECT unnest($1::VARCHAR[])"
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE made_again AS
            SELECT DISTINCT token, request_id, since, review_on
            FROM ({_matching(every_form, "lost_tags")})""",
            [former],
        )
        together = older.with_name("together.parquet")
        count = connection.execute("SELECT count(*) FROM made_again").fetchall()[0][0]
        copy_rows(
            connection,
            f"""SELECT * FROM (FROM {parquet(older)} UNION ALL BY NAME
                SELECT *, NULL::DATE AS returned_on, NULL::DATE AS shared_on FROM made_again)
            ORDER BY token, request_id""",
            together,
        )
    together.replace(older)
    return int(count)


def _matching(identifiers: str, lost: str) -> str:
    """SQL: the rows of the table of lost tags, by the identifiers of the query, with tokens."""
    return f"""SELECT identifier, token, request_id, since, review_on
        FROM (SELECT identifier, suppression_token(form) AS token
            FROM (SELECT identifier, unnest({suppression.FORMS}) AS form
                FROM (SELECT identifier, split_part(identifier, ':', 1) AS kind
                    FROM ({identifiers}) AS of_records(identifier)))
            WHERE form IS NOT NULL)
        JOIN {lost}
            ON tag = left(keyed_hash('bound|' || token), {certificate_binding.TAG_LENGTH})"""


def _note(
    data_root: DataRoot, older: Path, by: str, why: str, now: datetime, listed: OlderList
) -> None:
    """Record who has decided it, when and why, and which hashes are lost for good."""
    path = certificate_binding.accepted_path(data_root)
    line = {
        "by": by,
        "why": why,
        "at": now.isoformat(timespec="seconds"),
        "place": listed.place,
        "rows": listed.rows,
        "recorded": listed.recorded,
        "lost": {
            request_id: sorted(tags)
            for request_id, tags in certificate_binding.lost_with(data_root, older).items()
        },
    }
    recorded_files.append_line(path, line)
