"""The Fides manifest is one by Fides' own models and taxonomy."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest
import yaml
from fideslang.default_taxonomy import DEFAULT_TAXONOMY
from fideslang.models import LegalBasisForProcessingEnum, LegalBasisForTransfersEnum, Taxonomy

from assets.documents import fides
from schemas.columns import categories, table_name
from schemas.declarations import LAYERS
from schemas.fides import BASES, DATA_CATEGORIES, DATA_SUBJECTS, DATA_USES, TRANSFERS
from schemas.policy.loader import load_policy
from schemas.vocabulary import PURPOSES, Basis, Mechanism
from tests.assets.documents.mended import policy

TODAY = date(2026, 11, 20)
KNOWN = {
    kind: {entry.fides_key for entry in getattr(DEFAULT_TAXONOMY, kind)}
    for kind in ("data_category", "data_use", "data_subject")
}


@pytest.fixture(scope="module")
def manifest() -> Taxonomy:
    return Taxonomy(**yaml.safe_load(fides.manifest(load_policy(), TODAY)))


def test_every_key_is_one_of_the_taxonomy(manifest: Taxonomy) -> None:
    fields = {
        key
        for dataset in manifest.dataset
        for collection in dataset.collections
        for field in collection.fields
        for key in field.data_categories or ()
    }
    declared = manifest.system[0].privacy_declarations
    assert fields
    assert fields <= KNOWN["data_category"]
    assert {key for declaration in declared for key in declaration.data_categories} <= KNOWN[
        "data_category"
    ]
    assert {declaration.data_use for declaration in declared} <= KNOWN["data_use"]
    assert {key for declaration in declared for key in declaration.data_subjects} <= KNOWN[
        "data_subject"
    ]


def test_every_column_of_every_layer_is_a_field(manifest: Taxonomy) -> None:
    fields = {
        (dataset.name, collection.name, field.name)
        for dataset in manifest.dataset
        for collection in dataset.collections
        for field in collection.fields
    }
    assert fields == {
        (layer, table_name(model), column)
        for layer, models in LAYERS.items()
        for model in models
        for column in categories(model)
    }


def test_every_purpose_declares_each_of_its_bases(manifest: Taxonomy) -> None:
    declarations = {
        (declaration.data_use, declaration.legal_basis_for_processing)
        for declaration in manifest.system[0].privacy_declarations
    }
    assert declarations == {
        (DATA_USES[name], BASES[basis])
        for name, purpose in load_policy().purposes.items()
        for basis in purpose.bases
    }


def test_references_lead_somewhere(manifest: Taxonomy) -> None:
    keys = {dataset.fides_key for dataset in manifest.dataset}
    system = manifest.system[0]
    assert set(system.dataset_references) == keys
    assert {
        key
        for declaration in system.privacy_declarations
        for key in declaration.dataset_references or ()
    } <= keys


@pytest.mark.clause("P7.3")
def test_a_transfer_that_does_not_hold_is_no_transfer(manifest: Taxonomy) -> None:
    assert (
        manifest.system[0].does_international_transfers,
        manifest.system[0].legal_basis_for_transfers,
    ) == (False, [])
    mended = policy(
        (("recipients", "marketing_automation", "mechanisms"), ["scc_2021"]),
        (("recipients", "marketing_automation", "checked"), date(2026, 1, 1)),
    )
    system = Taxonomy(**yaml.safe_load(fides.manifest(mended, TODAY))).system[0]
    assert (system.does_international_transfers, system.legal_basis_for_transfers) == (
        True,
        ["SCCs"],
    )


def test_the_table_of_words_is_whole_and_right() -> None:
    assert set(DATA_CATEGORIES) == set(load_policy().categories)
    assert {key for keys in DATA_CATEGORIES.values() for key in keys} <= KNOWN["data_category"]
    assert set(DATA_USES) == set(PURPOSES)
    assert set(DATA_USES.values()) <= KNOWN["data_use"]
    assert set(DATA_SUBJECTS) <= KNOWN["data_subject"]
    assert set(BASES) == set(get_args(Basis))
    assert set(BASES.values()) <= {basis.value for basis in LegalBasisForProcessingEnum}
    assert set(TRANSFERS) < set(get_args(Mechanism))
    assert set(TRANSFERS.values()) <= {mechanism.value for mechanism in LegalBasisForTransfersEnum}
