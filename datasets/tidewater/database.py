"""One DuckDB file from the Parquet files of a world."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["make_database"]


def make_database(target: Path, sources: Mapping[str, str]) -> Path:
    """Writes a DuckDB file with one table for each source; it appears whole or not at all. One process at a time.

    sources: table name -> path or pattern of its Parquet files, in whose order the rows stay.
    Raises OSError if the file cannot be written.
    """
    import duckdb

    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        with duckdb.connect(str(part)) as connection:
            for name, files in sources.items():
                query = f'CREATE TABLE "{name}" AS SELECT * FROM read_parquet(?, hive_partitioning = false)'
                connection.execute(query, [files])
        os.replace(part, target)
    except duckdb.IOException as error:
        raise OSError(f"{target} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)
        part.with_name(f"{part.name}.wal").unlink(missing_ok=True)
    return target
