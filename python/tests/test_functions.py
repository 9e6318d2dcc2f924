"""The functions as columns and as SQL, in the session of either kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import IllegalArgumentException
from pyspark.sql import functions as F

import questspark
from conftest import GATE, MODE, VAULT
from questspark.functions import ai_answer, ai_summarize


def column(rows: Any) -> list[Any]:
    return [row[0] for row in rows.collect()]


def test_columns_names_and_lists_of_questions(documents: Any, tmp_path: Path) -> None:
    asked = documents.withColumn("q", F.lit(GATE)).where("id < 2")
    assert column(asked.select(ai_answer("body", "q"))) == [" 40000", " 40001"]
    assert column(asked.select(ai_answer(F.col("body"), F.lit(GATE)))) == [" 40000", " 40001"]
    assert column(asked.select(ai_answer("body", [GATE, VAULT]))) == [[" 40000", " 70000"], [" 40001", " 70001"]]
    (tmp_path / "summary.txt").write_text("{{document}} In short:")
    short = ai_summarize("body", max_tokens=2, prompt_template=str(tmp_path / "summary.txt"))
    assert column(asked.select(short).limit(1))[0] is not None


def test_options_of_each_type(documents: Any) -> None:
    one = documents.where("id = 0")
    options: Any = dict(max_tokens=1, temperature=0.0, stop=["x", "y, z"], kv_budget=256, apply_chat_template=False)
    assert column(one.select(ai_answer("body", F.lit(GATE), **options)))[0] != " 40000"


def test_on_error(documents: Any) -> None:
    blank = documents.where("id < 2").withColumn("body", F.expr("if(id = 0, ' ', body)"))
    assert column(blank.select(ai_answer("body", F.lit(GATE), on_error="null"))) == [None, " 40001"]
    record = column(blank.select(ai_answer("body", F.lit(GATE), on_error="record")))
    assert [row["error_code"] for row in record] == ["EMPTY_DOCUMENT", None]


def test_only_the_missing_rows(documents: Any) -> None:
    answer = F.coalesce("known", ai_answer("body", F.lit(GATE)))
    assert column(documents.select(answer)) == [" 40000", "known 1", " 40002", "known 3"]


def test_exploded_questions_and_groups(documents: Any) -> None:
    asked = documents.where("id < 2").select("id", "body", F.explode(F.array(F.lit(GATE), F.lit(VAULT))).alias("q"))
    assert column(asked.select(ai_answer("body", "q"))) == [" 40000", " 70000", " 40001", " 70001"]
    grouped = documents.where("id = 1").groupBy("id").agg(ai_answer(F.max("body"), F.lit(GATE)).alias("a"))
    assert [row["a"] for row in grouped.collect()] == [" 40001"]


@pytest.mark.parametrize(
    ("options", "word"),
    [({"max_tokenz": 5}, "max_tokens"), ({"max_tokens": "many"}, "number"), ({"model": "/no/such"}, "/no/such")],
)
def test_a_wrong_option_is_one_sentence(documents: Any, options: Any, word: str) -> None:
    with pytest.raises(IllegalArgumentException) as refused:
        documents.select(ai_answer("body", F.lit(GATE), **options)).collect()
    told = str(refused.value)
    if MODE == "classic":
        assert len(told) <= 300
    first = told.splitlines()[0]
    assert word in first and "--" not in first and len(first) <= 300


def test_views_caches_and_functions_keep_their_options(spark: Any, documents: Any) -> None:
    documents.where("id = 0").createOrReplaceTempView("one")
    call = f"ai_answer(body, '{GATE}')"
    questspark.set_options(spark, max_tokens=1)
    try:
        expected = spark.sql(f"SELECT {call} FROM one").first()[0]
        spark.sql(f"CREATE OR REPLACE TEMPORARY VIEW asked AS SELECT {call} AS a FROM one")
        spark.sql(f"CACHE TABLE kept AS SELECT {call} AS a FROM one")
        spark.sql(
            "CREATE OR REPLACE TEMPORARY FUNCTION who(t STRING) RETURNS STRING"
            f" RETURN ai_answer(t, '{GATE}')"
        )
    finally:
        questspark.set_options(spark, max_tokens=8)
    assert spark.sql(f"SELECT {call} FROM one").first()[0] != expected
    for query in ("SELECT a FROM asked", "SELECT a FROM kept", "SELECT who(body) FROM one"):
        assert spark.sql(query).first()[0] == expected, query


def test_session_options_can_be_read_back(spark: Any) -> None:
    questspark.set_options(spark, seed=7)
    assert spark.conf.get("spark.questspark.seed") == "7"
    questspark.set_options(spark, seed=None)
    assert questspark.is_enabled(spark)


def test_release(spark: Any, documents: Any) -> None:
    documents.where("id = 0").select(ai_answer("body", F.lit(GATE))).collect()
    assert questspark.release(spark) >= 1
    assert questspark.release(spark) == 0
