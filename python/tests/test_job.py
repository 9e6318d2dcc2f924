"""Jobs in the session and beside it, the stage, the command line, the types."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import IllegalArgumentException
from pyspark.sql import functions as F

import questspark
from conftest import GATE, OPTIONS, ROOT, VAULT, text
from questspark.functions import ai_answer
from questspark.ml import LongDocTransformer

classic = pytest.mark.classic


@classic
def test_a_job_over_each_kind_of_input(spark: Any, documents: Any, corpus: Path, tmp_path: Path) -> None:
    files = questspark.run(str(corpus), str(tmp_path / "files"), spark=spark, question=GATE, **OPTIONS)
    answers = files.answers()
    assert sorted(answers["output_text"]) == [" 40000", " 40001", " 40002"]
    assert str(answers["output_text"].dtype).startswith("string")
    assert files.exit_code == 0 and files.run_id and "40001" in files._repr_html_()
    assert len(files.errors()) == 0 and len(files.stats()) == 1

    rows = documents.where("id < 2").select(F.col("id").cast("string"), F.col("body").alias("text"))
    frame = questspark.run(rows, str(tmp_path / "rows"), spark=spark, question=[GATE, VAULT], **OPTIONS)
    assert sorted(frame.answers()["output_text"]) == [" 40000", " 40001", " 70000", " 70001"]

    import pandas

    local = pandas.DataFrame({"id": ["a"], "text": [text(40009)], "at": [pandas.Timestamp("2026-01-01")]})
    result = questspark.run(local, str(tmp_path / "pandas"), spark=spark, question=GATE, **OPTIONS)
    assert list(result.answers()["output_text"]) == [" 40009"]
    assert questspark.read(result.output).run_id == result.run_id

    with pytest.raises(IllegalArgumentException, match="max_tokens") as refused:
        options: Any = {"max_tokenz": 3}
        questspark.run(str(corpus), str(tmp_path / "wrong"), spark=spark, **options)
    assert len(str(refused.value)) <= 300
    assert spark.range(3).count() == 3


@classic
def test_a_job_in_a_process_of_its_own(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(questspark.JobFailed, match="max_tokens") as failed:
        options: Any = {"max_tokenz": 3}
        questspark.run(str(corpus), str(tmp_path / "wrong"), **options)
    assert failed.value.exit_code == 2


@pytest.mark.connect
def test_what_needs_a_jvm_says_so(spark: Any, corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="a client of Spark Connect has not"):
        questspark.run(str(corpus), str(tmp_path / "out"), spark=spark)


def test_the_stage_saves_and_loads(spark: Any, documents: Any, tmp_path: Path) -> None:
    from pyspark.ml import Pipeline, PipelineModel

    stage = LongDocTransformer(inputCol="body", outputCol="found", question=GATE, max_tokens=8)
    one = documents.where("id = 1")
    model = Pipeline(stages=[stage]).fit(one)
    assert [row["found"] for row in model.transform(one).collect()] == [" 40001"]
    path = str(tmp_path / "pipeline")
    model.write().overwrite().save(path)
    loaded = PipelineModel.load(path)
    assert [row["found"] for row in loaded.transform(one).collect()] == [" 40001"]
    assert loaded.stages[0].getOrDefault("maxTokens") == "8"
    with pytest.raises(TypeError, match="max_tokenz"):
        options: Any = {"max_tokenz": 3}
        LongDocTransformer(**options)


@classic
def test_a_pipeline_that_java_saved(spark: Any, documents: Any, tmp_path: Path) -> None:
    from pyspark.ml import PipelineModel

    java = spark._jvm.dev.questspark.job.ml.LongDocTransformer()
    java.setInputCol("body").setOutputCol("found").setQuestion(GATE)
    stages = spark.sparkContext._gateway.new_array(spark._jvm.org.apache.spark.ml.PipelineStage, 1)
    stages[0] = java
    path = str(tmp_path / "java")
    spark._jvm.org.apache.spark.ml.Pipeline().setStages(stages).fit(documents._jdf).write().save(path)
    one = documents.where("id = 2")
    assert [row["found"] for row in PipelineModel.load(path).transform(one).collect()] == [" 40002"]


def test_interruptible_gives_what_the_action_gives(spark: Any, documents: Any) -> None:
    assert questspark.interruptible(lambda: spark.range(5).count()) == 5
    with pytest.raises(ZeroDivisionError):
        questspark.interruptible(lambda: 1 // 0)


@classic
def test_ctrl_c_cancels_the_query(tmp_path: Path) -> None:
    program = tmp_path / "ask.py"
    program.write_text(
        """
import os, signal, threading, time
import questspark
from pyspark.sql import SparkSession, functions as F
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
tracker = spark.sparkContext.statusTracker()
def interrupt():
    while not tracker.getActiveStageIds():
        time.sleep(0.1)
    time.sleep(1)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
slow = F.udf(lambda n: time.sleep(100))
try:
    questspark.interruptible(lambda: spark.range(1).select(slow("id")).collect())
except KeyboardInterrupt:
    for _ in range(300):  # the query itself would take longer
        if not tracker.getActiveJobsIds():
            break
        time.sleep(0.1)
    print("interrupted, jobs left:", len(tracker.getActiveJobsIds()))
spark.stop()
"""
    )
    ended = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=90)
    assert "interrupted, jobs left: 0" in ended.stdout, ended.stderr


@classic
def test_enable_teaches_a_session_that_exists(tmp_path: Path) -> None:
    program = tmp_path / "late.py"
    program.write_text(
        f"""
import questspark
from pyspark.sql import SparkSession, functions as F
from questspark.functions import ai_answer
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
assert not questspark.is_enabled(spark)
questspark.enable(spark)
questspark.set_options(spark, **{OPTIONS!r})
row = spark.range(1).select(ai_answer(F.lit({text(40003)!r}), F.lit({GATE!r})).alias("a")).first()
print("answer:", row.a)
"""
    )
    ended = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=120)
    assert "answer:  40003" in ended.stdout, ended.stderr[-3000:]


@classic
def test_types_are_strict_and_find_a_wrong_option(tmp_path: Path) -> None:
    mypy = [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", f"--cache-dir={tmp_path}"]
    environment = {**os.environ, "MYPYPATH": str(ROOT / "python" / "src")}
    sound = subprocess.run([*mypy, "-p", "questspark"], capture_output=True, text=True, env=environment)
    assert sound.returncode == 0, sound.stdout
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        'from questspark.functions import ai_answer\nai_answer("a", "b", max_tokenz=3)\nai_answer("a", "b", max_tokens="3")\n'
    )
    found = subprocess.run([*mypy, str(wrong)], capture_output=True, text=True, env=environment)
    assert '"max_tokenz"' in found.stdout and "wrong.py:3" in found.stdout, found.stdout


def test_a_spark_without_a_jar_is_told_which_one_fits() -> None:
    assert questspark.maven_coordinate("4.1.9").startswith("dev.questspark:questspark-spark-4.1_2.13:")
    with pytest.raises(ValueError, match="pip install"):
        questspark.maven_coordinate("4.3.0")


@classic
def test_the_version_is_the_projects() -> None:
    import re

    pom = re.search(r"<version>([^<]*)</version>", (ROOT / "pom.xml").read_text())
    assert pom and pom.group(1).replace("-SNAPSHOT", ".dev0") == questspark.__version__
    assert f'version = "{questspark.__version__}"' in (ROOT / "python" / "pyproject.toml").read_text()


def test_functions_are_exported() -> None:
    assert questspark.functions.ai_answer is ai_answer
