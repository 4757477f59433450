#!/usr/bin/env python3
"""Writes the Parquet files of data_file_test.cpp beside itself. Needs pyarrow; run by hand when a
file is to change (the files are committed, so that tests need no Python package)."""
import datetime
import decimal
import os

import pyarrow as pa
import pyarrow.parquet as pq

HERE = os.path.dirname(os.path.abspath(__file__))


def write(name, table, **options):
    pq.write_table(table, os.path.join(HERE, name), **options)


def verl(rows=300):
    """As verl's preprocessing scripts lay GSM8K out: messages, nested reward and extra columns."""
    message = pa.struct([("content", pa.string()), ("role", pa.string())])
    columns = {
        "data_source": pa.array(["openai/gsm8k"] * rows).dictionary_encode(),
        "prompt": pa.array(
            [[{"content": "Reason step by step.", "role": "system"},
              {"content": f"What is {i} + {i}?", "role": "user"}] for i in range(rows)],
            pa.list_(message)),
        "ability": pa.array(["math"] * rows),
        "reward_model": pa.array(
            [{"ground_truth": str(2 * i), "style": "rule"} for i in range(rows)]),
        "extra_info": pa.array([{"index": i, "split": "train"} for i in range(rows)]),
    }
    return pa.table(columns)


def types():
    """One column of every type that a question or an answer may have."""
    columns = {
        "question": pa.array(["a", "b", None, "d"], pa.large_string()),
        "int": pa.array([1, -2, 3, None], pa.int16()),
        "unsigned": pa.array([1, 2, 3, 2**64 - 1], pa.uint64()),
        "double": pa.array([0.5, 1e300, 3.0, float("nan")]),
        "decimal": pa.array([decimal.Decimal("1.50")] * 4),
        "date": pa.array([datetime.date(2024, 2, 29)] * 4),
        "bool": pa.array([True, False, True, None]),
        "binary": pa.array([b"bytes", b"\xff\xfe", b"", b"x"]),
        "map": pa.array([[("k", 7)]] * 4, pa.map_(pa.string(), pa.int64())),
        "list": pa.array([[1, 2], [], None, [3]], pa.list_(pa.int64())),
        "fixed": pa.array([[1, 2], [3, 4], [5, 6], [7, 8]], pa.list_(pa.int32(), 2)),
        "answers": pa.array([[{"text": ["x", "y"]}]] * 4),
        "with.dot": pa.array(["p", "q", "r", "s"]),
    }
    return pa.table(columns)


def main():
    write("verl_snappy.parquet", verl(), compression="snappy", row_group_size=70)
    write("verl_zstd.parquet", verl(), compression="zstd", data_page_version="2.0")
    write("verl_gzip.parquet", verl(), compression="gzip", row_group_size=150, use_dictionary=False)
    write("types.parquet", types(), compression="none")
    write("empty.parquet", verl(0))


if __name__ == "__main__":
    main()
