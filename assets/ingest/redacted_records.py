"""Records of raw after a redaction: hashed, keyed and identified by the text that is left.

A source may have written somebody's address where a code or a number belongs. The canonical form of
such a field has other separators than the text, so a mention can no longer be cut out of it; and
its hash would confirm, to anyone who tries all identifiers, what the text was. So nothing made of
the old text is kept.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from assets.ingest.fault_isolation import UNEXPECTED
from assets.ingest.mentions.redaction import MARK
from assets.ingest.raw_files import IDENTIFIED, RAW_RECORDS
from assets.sources.source import Dataset
from assets.storage.quoting import literal


def identified_again(
    connection: duckdb.DuckDBPyConnection, source: str, dataset: Dataset | None, rows: pa.Table
) -> pa.Table:
    """Return rows of raw with a redacted `payload`, with what intake makes of that payload.

    What is left of a redacted field identifies nobody. A record on which our code raised at intake,
    or of a dataset that is no more, is not identified again: its identifiers stay as they are
    given.

    Args:
        connection: Has the macros of statements. Its temporary tables stay as they are.
        source: The source's name.
        dataset: The rows' dataset; None when the source has it no more.
        rows: In the shape of raw, with the `content` and `record_key` of before the redaction.
    """
    prefix = literal(f"{source}|{dataset.name if dataset else ''}|")
    with connection.cursor() as cursor:
        cursor.register("redacted_rows", rows)
        cursor.execute(
            f"""{RAW_RECORDS.create} AS
            SELECT record_no, payload, given_on, false AS ends FROM redacted_rows
            WHERE len(identifiers) > 0 AND NOT list_contains(faults, '{UNEXPECTED}')
                AND {str(dataset is not None).lower()}"""
        )
        cursor.execute(
            IDENTIFIED.create_table(dataset.identify)
            if dataset
            else f"""{IDENTIFIED.create}
                (record_no BIGINT, native_key VARCHAR, identifiers VARCHAR[])"""
        )
        return cursor.execute(
            f"""SELECT before.* REPLACE (
                md5(payload) AS content,
                CASE WHEN record_no IN (SELECT record_no FROM raw_records)
                        THEN md5({prefix} || coalesce(native_key::VARCHAR, md5(payload)))
                    WHEN record_key = md5({prefix} || content)
                        THEN md5({prefix} || md5(payload))
                    ELSE record_key END AS record_key,
                CASE WHEN record_no IN (SELECT record_no FROM raw_records)
                    THEN list_filter(coalesce(identified.identifiers, []),
                        lambda named: NOT contains(lower(named), {literal(MARK)}))
                    ELSE before.identifiers END AS identifiers)
            FROM redacted_rows AS before LEFT JOIN identified USING (record_no)
            ORDER BY record_no"""
        ).to_arrow_table()
