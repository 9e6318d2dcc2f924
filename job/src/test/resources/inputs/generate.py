"""Writes the Parquet files of this folder: what pyarrow and pandas write, and Spark does not.

Run with pyarrow: python generate.py
"""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = pathlib.Path(__file__).parent
TEXT = "The code is 71932."
QUESTION = "What is the code?"


def write(name, **columns):
    pq.write_table(pa.table(columns), FOLDER / f"{name}.parquet", compression="none")


def text(*values):
    """A column of strings, whatever the bytes."""
    return pa.array([v.encode() if isinstance(v, str) else v for v in values], pa.binary()).view(pa.string())


# ids that differ in one byte, which is no UTF-8
write(
    "bad-utf8-ids",
    id=text(b"caf\xe9", b"caf\xe8", "fine"),
    text=text(TEXT, TEXT, TEXT),
    question=text(QUESTION, QUESTION, QUESTION),
)
write(
    "bad-utf8-question",
    id=text("bad", "fine"),
    text=text(TEXT, TEXT),
    question=text(b"What is the code? \xff", QUESTION),
)
# timestamps in nanoseconds and UUIDs, whose Parquet types Spark does not know
write(
    "unused-columns",
    id=text("a"),
    text=text(TEXT),
    question=text(QUESTION),
    created=pa.array([0], pa.timestamp("ns")),
    key=pa.array([bytes(16)], pa.uuid()),
)
# decimals and binaries as ids, structs and lists of structs
write(
    "nested",
    meta=pa.array([{"id": 1}, {"id": 2}]),
    body=pa.array([{"text": TEXT}, {"text": TEXT}]),
    asked=pa.array([[{"q": QUESTION, "a": "71932"}, {"q": "Who?", "a": None}], []]),
)
# fractions as ids, and one file of each integer type and of text under the same name
write("double-ids", id=pa.array([1.1]), text=text(TEXT), question=text(QUESTION))
write("id-as-number", id=pa.array([7]), text=text(TEXT), question=text(QUESTION))
write("id-as-text", question=text(QUESTION), id=text("007"), text=text(TEXT))
write("without-text", id=text("a"), question=text(QUESTION))
write("decimal-ids", id=pa.array(["1.10", "1.20"]).cast(pa.decimal128(5, 2)), text=text(TEXT, TEXT), question=text(QUESTION, QUESTION))
