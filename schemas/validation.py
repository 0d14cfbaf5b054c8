"""Validation of a batch by a Pandera model: the failed rules of each row, as codes only."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from schemas import values
from schemas.columns import TableModel, arrow_schema, table_name

# Pandera's name of a built-in check -> the end of a column's rule code.
BUILT_IN = {
    "not_nullable": "MISSING",
    "isin": "UNKNOWN",
    "greater_than": "RANGE",
    "less_than": "RANGE",
    "str_matches": "FORMAT",
    "field_uniqueness": "REPEATED",
}
MEANINGS = {
    "MISSING": "the column must have a value",
    "UNKNOWN": "the value is none of those that the column may have",
    "RANGE": "the number is too small or too large",
    "FORMAT": "the text has not the column's form",
    "REPEATED": "the value occurs twice where it may occur once",
}
"""The end of a column's rule code -> what it means."""


# Its name of a flag's check; the code is the column's.
FLAGGED = "equal_to(True)"


class WrongShapeError(Exception):
    """A frame lacks a column, has one too many, or a type is off: a fault of the code, not of the
    data."""


def failures(model: type[TableModel], batch: pa.Table) -> pa.Table:
    """Validate `batch` against the model; cost is linear in rows, and invalid rows are read twice.

    Returns:
        A table (row int64, code string): a row per row and failed rule, without repeats.

    Raises:
        WrongShapeError: The batch does not have the model's columns and types, which is a fault of
            the code.
    """
    schema = arrow_schema(model)
    missing = [name for name in schema.names if name not in batch.column_names]
    if missing or len(batch.column_names) != len(schema.names):
        raise WrongShapeError(
            f"{table_name(model)}: expected columns {schema.names}, got {batch.column_names}"
        )
    rows = batch.select(schema.names).cast(schema)
    if rows.num_rows == 0:
        # Most tables are empty in most deliveries, and Pandera takes milliseconds for each.
        return _no_failures()
    outside = pa.concat_tables([_no_failures(), *_out_of_range(model, rows)])
    if outside.num_rows:
        return pa.concat_tables([outside, _failures_of_others(model, rows, outside["row"])])
    frame = rows.to_pandas(types_mapper=pd.ArrowDtype)
    try:
        model.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        return _codes(model, errors.failure_cases)
    return _no_failures()


def _out_of_range(model: type[TableModel], rows: pa.Table) -> Iterator[pa.Table]:
    """The rows with a date or moment outside the supported years.

    Checked before Pandera: neither pandas nor Python can read a date of the year 99999.
    """
    for field in arrow_schema(model):
        if pa.types.is_date(field.type):
            first, last = values.FIRST_DAY, values.LAST_DAY
        elif pa.types.is_timestamp(field.type):
            first, last = values.FIRST_MOMENT, values.LAST_MOMENT
        else:
            continue
        column = rows[field.name]
        inside = pc.and_(
            pc.greater_equal(column, pa.scalar(first, field.type)),
            pc.less_equal(column, pa.scalar(last, field.type)),
        )
        outside = pc.indices_nonzero(pc.invert(pc.fill_null(inside, fill_value=True)))
        if len(outside):
            code = f"{_in_codes(table_name(model))}-{_in_codes(field.name)}-RANGE"
            yield pa.table(
                {"row": outside.cast(pa.int64()), "code": pa.array([code] * len(outside))}
            )


def _failures_of_others(
    model: type[TableModel], rows: pa.Table, outside: pa.ChunkedArray
) -> pa.Table:
    """The failures of the rows that are not in `outside`, by their number among all rows."""
    numbers = pa.array(range(rows.num_rows), pa.int64())
    places = pc.filter(numbers, pc.invert(pc.is_in(numbers, value_set=outside.combine_chunks())))
    others = failures(model, rows.take(places))
    return pa.table({"row": places.take(others["row"]), "code": others["code"]})


def _in_codes(name: str) -> str:
    """A table's or a column's name in rule codes."""
    return name.upper().replace("_", "-")


def _codes(model: type[TableModel], cases: pd.DataFrame) -> pa.Table:
    if cases["index"].isna().any():
        broken = sorted({str(check) for check in cases.loc[cases["index"].isna(), "check"]})
        raise WrongShapeError(f"{table_name(model)}: rules without a row: {broken}") from None
    place = (
        _in_codes(table_name(model))
        + "-"
        + cases["column"].astype(str).str.upper().str.replace("_", "-")
    )
    checks = cases["check"].astype(str)
    columns = model.to_schema().columns
    own = {name: col.metadata["code"] for name, col in columns.items() if "code" in col.metadata}
    codes = cases["column"].map(own).where(checks.str.startswith(FLAGGED), checks)
    for built_in, kind in BUILT_IN.items():
        codes = codes.where(~checks.str.startswith(built_in), place + "-" + kind)
    distinct = pd.DataFrame(
        {"row": cases["index"].astype("int64"), "code": codes}
    ).drop_duplicates()
    return pa.table(
        {
            "row": pa.array(distinct["row"], pa.int64()),
            "code": pa.array(distinct["code"], pa.string()),
        }
    )


def _no_failures() -> pa.Table:
    return pa.table({"row": pa.array([], pa.int64()), "code": pa.array([], pa.string())})
