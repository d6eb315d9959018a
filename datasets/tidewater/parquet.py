"""One table in one Parquet file: encodings that fit the columns, whole files only, a hash of the content inside."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LEVEL", "SMALLEST_LEVEL", "content_hash", "joined_hash", "stored_hash", "write_table"]

LEVEL = 3  # of zstd, where speed counts
SMALLEST_LEVEL = 19  # of zstd, for what is written once and shipped
_ROW_GROUP = 1 << 17
_KEY = b"tidewater.content"
_OFTEN = 8  # a value that comes this often or more, on average, is written as a position in a dictionary


def content_hash(table: pa.Table) -> str:
    """SHA-256, in hex, of names, types, missing values and values, whatever file or chunks they come from."""
    import pyarrow as pa

    digest = hashlib.sha256(f"{table.num_rows}".encode())
    for name in table.column_names:
        column = table.column(name)
        text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        digest.update(f"\0{name}\0{'string' if text else column.type}\0".encode())
        for rows in _slices(column):
            digest.update(rows.is_null().cast(pa.uint8()).to_numpy(zero_copy_only=False).tobytes())
            if text:
                for part in _text_bytes(rows):
                    digest.update(part)
            elif pa.types.is_timestamp(rows.type):
                digest.update(rows.cast(pa.int64()).fill_null(0).to_numpy().tobytes())
            else:
                filled = rows.fill_null(pa.scalar(0).cast(rows.type))
                digest.update(filled.to_numpy(zero_copy_only=False).tobytes())
    return digest.hexdigest()


def joined_hash(hashes: Iterable[str]) -> str:
    """The hash of a table from those of its days, in order."""
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def stored_hash(path: Path) -> str | None:
    """The content hash that a file names; None if the file is not there or not whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = (pq.read_metadata(path).metadata or {}).get(_KEY)
    except (OSError, pa.ArrowInvalid):
        return None
    return found.decode() if found else None


def write_table(table: pa.Table, path: Path, level: int = LEVEL) -> str:
    """Writes the file in one step, under another name until it is whole; returns the table's content hash."""
    import pyarrow.parquet as pq

    found = content_hash(table)
    deltas = [name for name in table.column_names if _takes_delta(table.column(name))]
    part = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        table.replace_schema_metadata({_KEY: found.encode()}),
        part,
        row_group_size=_ROW_GROUP,
        compression="zstd",
        compression_level=level,
        use_dictionary=[name for name in table.column_names if name not in deltas],
        column_encoding=dict.fromkeys(deltas, "DELTA_BINARY_PACKED") or None,
    )
    os.replace(part, path)
    return found


def _takes_delta(column: pa.ChunkedArray) -> bool:
    """Whether differences are shorter than a dictionary: whole numbers and times of many different values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_int64(column.type) or pa.types.is_timestamp(column.type)):
        return False
    sample = column.slice(0, _ROW_GROUP)
    return pc.count_distinct(sample).as_py() * _OFTEN > len(sample)


def _text_bytes(rows: pa.Array) -> tuple[bytes, bytes]:
    """The lengths of the words in bytes as int64, shape (n,), and all words in one row; a missing one is empty."""
    import pyarrow as pa

    filled = rows.fill_null("").cast(pa.large_string())
    _, bounds, words = filled.buffers()
    if not len(filled) or words is None:
        return np.zeros(len(filled), np.int64).tobytes(), b""
    ends = np.frombuffer(bounds, np.int64)[filled.offset : filled.offset + len(filled) + 1]
    return np.diff(ends).tobytes(), words[int(ends[0]) : int(ends[-1])].to_pybytes()


def _slices(column: pa.ChunkedArray) -> Iterable[pa.Array]:
    """The column's rows in pieces that do not depend on its chunks; one empty piece for no rows."""
    import pyarrow as pa

    for begin in range(0, max(1, len(column)), _ROW_GROUP):
        piece = column.slice(begin, _ROW_GROUP)
        yield pa.concat_arrays(piece.chunks) if piece.num_chunks else pa.array([], column.type)
