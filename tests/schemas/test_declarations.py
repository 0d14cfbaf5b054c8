"""What the tables' columns declare, and that the policy covers them."""

from __future__ import annotations

import pytest

from assets.sources.all_sources import SOURCES, check_sources
from schemas import declarations, vocabulary
from schemas.columns import categories
from schemas.declarations import declared
from schemas.marts import PurposeError
from schemas.policy.loader import load_policy
from schemas.policy.model import Policy
from schemas.source_names import source_names
from tests.support.changed_policy import changed


def policy_with(where: tuple[str, ...], value: object) -> Policy:
    return Policy.model_validate(changed(where, value))


class TestDeclarations:
    def test_a_column_that_its_purpose_may_not_see_is_named(self) -> None:
        with pytest.raises(
            PurposeError,
            match=r"registrants\.identity_code of mart 'contracts' has category 'identity_code'",
        ):
            declarations.check(
                policy_with(("categories", "identity_code", "purposes"), ["credit_decision"])
            )

    def test_a_mart_without_a_purpose_is_named(self) -> None:
        with pytest.raises(PurposeError, match="mart 'analytics' has no purpose"):
            declarations.check(policy_with(("purposes", "analytics"), None))

    def test_a_category_that_tables_use_cannot_be_taken_out(self) -> None:
        with pytest.raises(
            declarations.DeclarationError, match=r"persons\.deceased \('life_event'\)"
        ):
            declarations.check(
                policy_with(("categories", "life_event"), None),
                {"staged": declarations.LAYERS["staged"]},
            )

    def test_what_is_not_stored_has_no_column(self) -> None:
        with pytest.raises(declarations.DeclarationError, match="is not stored"):
            declarations.check(policy_with(("categories", "life_event", "stored"), False))

    @pytest.mark.clause("P6")
    def test_a_source_that_is_read_has_an_entry(self) -> None:
        with pytest.raises(declarations.DeclarationError, match="says nothing of crm"):
            check_sources(policy_with(("sources", "crm"), None))

    @pytest.mark.clause("P5", "P8.2")
    @pytest.mark.parametrize("layer", declarations.LAYERS)
    def test_every_column_declares_category_basis_source_retention_and_clause(
        self, layer: str
    ) -> None:
        policy = load_policy()
        for model in declarations.LAYERS[layer]:
            for name, declaration in declared(
                policy, model, layer.split(".", maxsplit=1)[0]
            ).items():
                assert declaration.category, name
                assert declaration.sources, name
                assert set(declaration.retention) <= set(policy.retention), name
                assert declaration.retention, name
                assert declaration.clause.startswith("P"), name
                assert not declaration.purposes or declaration.bases, name

    def test_a_technical_column_lives_as_long_as_its_row(self) -> None:
        policy = load_policy()
        orders = next(
            model for model in declarations.LAYERS["register"] if model.to_schema().name == "orders"
        )
        assert declared(policy, orders, "register")["order_number"].retention == ("RET-VOUCHER-6Y",)
        assert declared(policy, declarations.LAYERS["raw"][0], "raw")["payload"].retention == (
            "RET-RAW-13M",
        )

    @pytest.mark.clause("P4.2")
    @pytest.mark.parametrize(
        ("category", "purposes"),
        [
            ("identity_code", {"contracts", "credit_decision", "legal_claims"}),
            ("credit", {"credit_decision"}),
            ("protection", set()),
            ("website_identifier", set()),
        ],
    )
    def test_the_most_sensitive_categories_stay_where_the_law_has_them(
        self, category: str, purposes: set[str]
    ) -> None:
        assert set(load_policy().categories[category].purposes) == purposes


def test_the_vocabulary_names_the_categories_of_all_columns_and_the_sources_that_are_read() -> None:
    """A policy without one of them is refused when it is read."""
    assert set(vocabulary.CATEGORIES) == {
        category
        for models in declarations.LAYERS.values()
        for model in models
        for category in categories(model).values()
    }
    assert set(source_names()) == {source.name for source in SOURCES}
