"""How a table declares its columns: an Arrow type, a category of the policy, and the rules a value
must pass.

Every Pandera model here is a `TableModel` with columns made by `column`. From one
model come the validation, the Arrow schema that files are written with, the DDL of a mart and the
column tags that the UI shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

Text = Annotated[pd.ArrowDtype, pa.string()]
Flag = Annotated[pd.ArrowDtype, pa.bool_()]
Count = Annotated[pd.ArrowDtype, pa.int64()]
Amount = Annotated[pd.ArrowDtype, pa.decimal128(18, 2)]
Day = Annotated[pd.ArrowDtype, pa.date32()]
Moment = Annotated[pd.ArrowDtype, pa.timestamp("us", tz="UTC")]
TextList = Annotated[pd.ArrowDtype, pa.list_(pa.string())]

_DUCKDB_TYPES = {
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.int64(): "BIGINT",
    pa.decimal128(18, 2): "DECIMAL(18,2)",
    pa.date32(): "DATE",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
    pa.list_(pa.string()): "VARCHAR[]",
}


def column(
    category: str,
    description: str = "",
    *,
    required: bool = False,
    classes: tuple[Mapping[int, str], ...] = (),
    **checks: Any,
) -> Any:
    """A column of a `TableModel`: `category` is one of policy.yaml's, `required` means never null.

    Args:
        classes: The values are names of these classes of a number: lowest number -> name.
    """
    if named := [name for limits in classes for name in limits.values()]:
        checks["isin"] = named
    return pandera.Field(
        nullable=not required,
        description=description,
        metadata={"category": category, "classes": classes},
        **checks,
    )


def flag(code: str, description: str = "") -> Any:
    """A column that states of each row whether it passes the rule `code`; it is worked out in SQL,
    and must be true. Without a description it means just that."""
    return pandera.Field(
        nullable=False,
        description=description or f"passes {code}",
        metadata={"category": "technical", "code": code},
        eq=True,
    )


class TableModel(pandera.DataFrameModel):
    """One table; subclasses name it in `Config.name`."""

    class Config:
        strict = True
        ordered = False


def rule(columns: str | Iterable[str], code: str) -> Callable[[Any], Any]:
    """A check on one column or several, element by element; `code` is what lands in quarantine and
    metadata."""
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    return pandera.check(*names, name=code, error=code)


def row_rule(code: str) -> Callable[[Any], Any]:
    """A check on whole rows: the method gets the frame and returns a boolean per row."""
    return pandera.dataframe_check(name=code, error=code, ignore_na=False)


def table_name(model: type[TableModel]) -> str:
    """The table's name in files and the UI."""
    return str(model.to_schema().name)


def categories(model: type[TableModel]) -> dict[str, str]:
    """Column name -> category of the policy."""
    return {name: col.metadata["category"] for name, col in model.to_schema().columns.items()}


def main_category(model: type[TableModel]) -> str:
    """The category of a table: that of its first column that is not technical."""
    return next(
        (
            category
            for category in categories(model).values()
            if category not in ("technical", "registrant_id")
        ),
        "technical",
    )


def class_limits(model: type[TableModel]) -> dict[str, tuple[Mapping[int, str], ...]]:
    """Column name -> the classes that its values are names of; only columns that have some."""
    return {
        name: col.metadata["classes"]
        for name, col in model.to_schema().columns.items()
        if col.metadata.get("classes")
    }


def unique_columns(model: type[TableModel]) -> set[str]:
    """The columns of which no value occurs twice."""
    return {name for name, col in model.to_schema().columns.items() if col.unique}


def descriptions(model: type[TableModel]) -> dict[str, str]:
    """Column name -> its description, empty where the name is enough."""
    return {name: col.description or "" for name, col in model.to_schema().columns.items()}


def arrow_schema(model: type[TableModel]) -> pa.Schema:
    """The exact schema that files of this table carry; types are declared, never inferred from
    data."""
    return pa.schema(
        [pa.field(name, _arrow_type(col)) for name, col in model.to_schema().columns.items()]
    )


def duckdb_types(model: type[TableModel]) -> dict[str, str]:
    """Column name -> DuckDB type."""
    return {field.name: _DUCKDB_TYPES[field.type] for field in arrow_schema(model)}


def duckdb_columns(model: type[TableModel]) -> str:
    """The column list of a CREATE TABLE, in the model's order, with NOT NULL where the model
    requires a value."""
    schema = model.to_schema()
    return ", ".join(
        f'"{name}" {kind}{"" if schema.columns[name].nullable else " NOT NULL"}'
        for name, kind in duckdb_types(model).items()
    )


def _arrow_type(col: pandera.Column) -> pa.DataType:
    return col.dtype.type.pyarrow_dtype
