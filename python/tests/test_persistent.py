"""Views and functions that a metastore keeps, from one application to another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import GATE, OPTIONS, text

pytestmark = pytest.mark.classic

SESSION = """
import questspark
from pyspark.sql import SparkSession
builder = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.warehouse.dir", {warehouse!r})
    .config("spark.hadoop.javax.jdo.option.ConnectionURL", "jdbc:derby:;databaseName={metastore};create=true")
    .enableHiveSupport()
)
"""


def application(folder: Path, body: str) -> list[str]:
    """Runs a Python program with a session over the folder's metastore; its lines that say something."""
    session = SESSION.format(warehouse=str(folder / "warehouse"), metastore=folder / "metastore")
    (folder / "application.py").write_text(session + body)
    ended = subprocess.run(
        [sys.executable, str(folder / "application.py")], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return [line[5:] for line in ended.stdout.splitlines() if line.startswith("said:")]


def test_a_view_of_one_application_answers_in_another(tmp_path: Path) -> None:
    application(
        tmp_path,
        f"""
spark = questspark.configure(builder, **{OPTIONS!r}).getOrCreate()
spark.sql("CREATE TABLE texts USING parquet AS SELECT {text(40004)!r} AS body")
spark.sql("CREATE VIEW asked AS SELECT ai_answer(body, {GATE!r}) AS a FROM texts")
spark.sql("CREATE FUNCTION ask(t STRING) RETURNS STRING RETURN ai_answer(t, {GATE!r})")
""",
    )
    said = application(
        tmp_path,
        """
spark = questspark.configure(builder, max_tokens=1).getOrCreate()
print("said:" + spark.table("asked").first().a)
print("said:" + spark.sql("SELECT ask(body) AS a FROM texts").first().a)
plan = spark.sql("EXPLAIN SELECT a FROM asked").first()[0]
print("said:" + str(plan.count("EngineCalls")))
""",
    )
    assert said == [" 40004", " 40004", "1"]
    said = application(
        tmp_path,
        """
spark = builder.getOrCreate()
try:
    spark.table("asked").collect()
except Exception as refused:
    print("said:" + type(refused).__name__ + " " + str(refused).splitlines()[0])
""",
    )
    assert len(said) == 1 and said[0].startswith("AnalysisException [UNRESOLVED_ROUTINE]"), said
    assert "`ai_answer`" in said[0]
