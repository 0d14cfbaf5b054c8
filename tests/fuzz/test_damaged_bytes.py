"""Whatever happens to the bytes of a file, it is refused or every record of it is accounted for."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ingest import deliveries, raw
from assets.ingest.file_formats import reading
from assets.sources.all_sources import SOURCES, in_order
from assets.sources.source import Dataset
from assets.staging import staged
from assets.storage.data_root import DataRoot
from schemas.delivery import RefusedDeliveryError
from tests.fuzz.damaged_bytes import DAY, MANIFEST, manifest_of, several, sound_files
from tests.support.examples import examples
from tests.support.source_batches import stage

DATASETS = {
    f"{source.name}.{dataset.name}": dataset for source in SOURCES for dataset in source.datasets
}


def test_the_sample_has_a_file_of_every_dataset() -> None:
    """Corrections are made by the register itself, on request, and no vendor delivers them; what
    connectors fetch has the content of an export that is sampled, the streets are as postcodes, and
    a sample this small has no report of UC.
    """
    sampled = {f"{file.source}.{file.manifest.dataset}" for file in sound_files()}
    assert set(DATASETS) - sampled <= {
        "self.corrections",
        "authorities.companies_found",
        "contact_provider.streets",
        "credit_bureau.uc_reports",
        "crm.hubspot_api_contacts",
        "crm.pipedrive_api_people",
        "crm.salesforce_api_contacts",
    }


def _put(data_root: DataRoot, seed: int, count: int) -> Counter[str]:
    """Deliver damaged files with manifests that state what they are; the number of each source."""
    rng = random.Random(seed)
    delivered: Counter[str] = Counter()
    for number, (file, data) in enumerate(several(rng, count)):
        folder = data_root.inbox / file.source / str(DAY)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{number}-{file.name}"
        if path.exists() or not data:
            continue
        path.write_bytes(data)
        declared = DATASETS[f"{file.source}.{file.manifest.dataset}"].format
        try:
            records = sum(
                batch.num_rows for batch in reading.records(path, file.manifest.codec, declared)
            )
        except RefusedDeliveryError:
            records = 1
        digest = hashlib.sha256(data).hexdigest()
        manifest = manifest_of(file, digest, len(data), records)
        path.with_name(path.name + MANIFEST).write_text(manifest, encoding="utf-8")
        delivered[file.source] += 1
    return delivered


@pytest.mark.parametrize("seed", range(examples(1)))
def test_a_damaged_file_is_refused_or_conserved(seed: int, tmp_path: Path) -> None:
    data_root = DataRoot(tmp_path / "home")
    data_root.create()
    delivered = _put(data_root, seed, 2)
    for source in in_order(data_root.policy):
        done = raw.ingest(data_root, source, None, DAY)
        assert len(done.entries) + len(done.refused) + done.redelivered == delivered[source.name]
        staged.stage(data_root, source, {str(DAY)})
        entries = deliveries.ledger(data_root, source.name)
        assert [entry.dataset for entry in entries if not entry.conserved] == []
        assert not staged.lost_by_key(data_root, entries)
        codes = Counter(code for entry in entries for code in (entry.codes or {}))
        assert codes["REC-UNEXPECTED"] == 0


_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        ["", " ", "0", "1", "true", "2026-11-01", "2026-02-30", "infinity", "1e400", "\0", "N/A",
         "020180-999Y", "198002019985", "a@example.fi", "+358401234567", "2026-11-01T10:00:00Z"]
    ),
    st.lists(st.none() | st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none() | st.text(max_size=3), max_size=2),
)  # fmt: skip


def shaped(shape: object) -> st.SearchStrategy[object]:
    """Values of the shape that a dataset declares, or anything in the place of a part of it."""
    if isinstance(shape, dict):
        members = {name: shaped(part) for name, part in shape.items()}
        return st.one_of(st.fixed_dictionaries({}, optional=members), _ODD)
    if isinstance(shape, list):
        return st.one_of(st.lists(shaped(shape[0]), max_size=2), _ODD)
    return _ODD


@pytest.mark.parametrize("name", DATASETS)
@settings(max_examples=examples(2), deadline=None)
@given(data=st.data())
def test_any_record_is_staged_or_has_a_code(name: str, data: st.DataObject) -> None:
    dataset: Dataset = DATASETS[name]
    members = {field: shaped(part) for field, part in dataset.disclosable.items()}
    payloads = data.draw(
        st.lists(st.fixed_dictionaries({}, optional=members), min_size=1, max_size=12)
    )
    done = stage(dataset, payloads)
    staged_records = {row["record_no"] for rows in done.tables.values() for row in rows}
    quarantined = {number for number, given_codes in done.codes.items() if given_codes}
    assert staged_records | quarantined == set(range(len(payloads)))
