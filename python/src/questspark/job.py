"""The whole job: documents in, a folder of answers and statistics out."""

from __future__ import annotations

import html
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from questspark._options import JobOptions
from questspark._texts import given, is_connect, text, texts
from questspark.session import JAR_VARIABLE, _find_jar, maven_coordinate, quest_spark

if TYPE_CHECKING:
    from typing_extensions import Unpack

MAIN_CLASS = "dev.questspark.job.LongDocJob"
#: Exit codes that come with answers: see docs/operations.md.
WITH_ANSWERS = (0, 3, 4, 5)
SHOWN_ROWS = 20

Part = Literal["answers", "stats", "steps"]


class JobFailed(RuntimeError):
    """A job that gave no answers; its message is the job's sentence."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


@dataclass(frozen=True)
class RunResult:
    """The output folder of a job, and how it ended."""

    output: str
    exit_code: int = 0
    console: str = field(default="", repr=False)

    @property
    def run(self) -> dict[str, Any]:
        """What run.json says: options, model, engines, counts."""
        with open(Path(_local(self.output)) / "run.json", encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
        return found

    @property
    def run_id(self) -> str:
        return str(self.run["run_id"])

    def to_arrow(self, part: Part = "answers", columns: Sequence[str] | None = None) -> Any:
        """A part of the output as a pyarrow table."""
        import pyarrow.parquet as parquet

        files = sorted(Path(_local(self.output), part).glob("*.parquet"))
        tables = [parquet.read_table(file, columns=list(columns) if columns else None) for file in files]
        import pyarrow

        return pyarrow.concat_tables(tables, promote_options="default")

    def answers(self, columns: Sequence[str] | None = None) -> Any:
        """One row per document, question and policy, as a pandas DataFrame with Arrow's types."""
        return self._pandas("answers", columns)

    def stats(self, columns: Sequence[str] | None = None) -> Any:
        """Speed, memory and what was read, one row per policy."""
        return self._pandas("stats", columns)

    def steps(self, columns: Sequence[str] | None = None) -> Any:
        """One row per step of an engine."""
        return self._pandas("steps", columns)

    def errors(self) -> Any:
        """The rows that could not be answered."""
        answers = self.answers()
        return answers[answers["error_code"].notna()]

    def _pandas(self, part: Part, columns: Sequence[str] | None) -> Any:
        import pandas

        return self.to_arrow(part, columns).to_pandas(types_mapper=pandas.ArrowDtype)

    def _repr_html_(self) -> str:
        table = self.to_arrow("answers", ["doc_id", "question", "output_text", "error_code"])
        rows = table.slice(0, SHOWN_ROWS).to_pylist()
        names = ["doc_id", "question", "output_text", "error_code"]
        head = "".join(f"<th>{name}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(str(row[name] or ''))}</td>" for name in names) + "</tr>"
            for row in rows
        )
        more = f", the first {len(rows)} shown" if table.num_rows > len(rows) else ""
        caption = f"{html.escape(self.output)}: {table.num_rows} rows, exit code {self.exit_code}{more}"
        return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"


def _local(output: str) -> str:
    path = output[len("file:") :] if output.startswith("file:") else output
    if "://" in path:
        raise ValueError(f"{output} is not on this machine; read it with spark.read.parquet")
    return path


def read(output: str) -> RunResult:
    """The result of a job that has ended, by its output folder."""
    result = RunResult(output)
    if not (Path(_local(output)) / "run.json").exists():
        raise FileNotFoundError(f"{output} has no run.json; give the output folder of a job")
    return result


def run(
    input: Any,
    output: str,
    *,
    spark: Any = None,
    preset: str | None = None,
    master: str | None = None,
    conf: Mapping[str, str] | None = None,
    resume: bool = False,
    **options: Unpack[JobOptions],
) -> RunResult:
    """Answers a corpus: a path, a Spark DataFrame or a pandas one.

    :param spark: the session to run in, or None for a process of its own by spark-submit
    :param master: of the process of its own
    :param conf: Spark's settings of the process of its own
    :raises JobFailed: where no answers came of it
    """
    all_options: dict[str, Any] = {**options, "preset": preset, "resume": True if resume else None}
    return _job("run", input, output, spark, master, conf, all_options)


def sweep(
    input: Any,
    output: str,
    *,
    spark: Any = None,
    preset: str | None = None,
    master: str | None = None,
    conf: Mapping[str, str] | None = None,
    **options: Unpack[JobOptions],
) -> RunResult:
    """Compares policies on a corpus: quality, speed and memory."""
    return _job("sweep", input, output, spark, master, conf, {**options, "preset": preset})


def evaluate(
    suite: str,
    output: str,
    *,
    spark: Any = None,
    preset: str | None = None,
    master: str | None = None,
    conf: Mapping[str, str] | None = None,
    **options: Unpack[JobOptions],
) -> RunResult:
    """Scores a model and its policies on a suite."""
    wanted = {**options, "suite": suite, "preset": preset}
    return _job("eval", None, output, spark, master, conf, wanted)


def _job(
    command: str,
    input: Any,
    output: str,
    spark: Any,
    master: str | None,
    conf: Mapping[str, str] | None,
    options: dict[str, Any],
) -> RunResult:
    wanted = {**given(options), "command": command, "output": output}
    if spark is not None:
        if master or conf:
            raise TypeError("master and conf are of a process of its own; the session has its own")
        return _in_session(spark, input, wanted)
    if input is None or isinstance(input, (str, os.PathLike)):
        if input is not None:
            wanted["input"] = os.fspath(input)
        return _submitted(wanted, master, conf)
    if not hasattr(input, "to_parquet"):
        raise TypeError("a Spark DataFrame needs its session: give spark=df.sparkSession")
    with tempfile.TemporaryDirectory(prefix="questspark-") as folder:
        wanted["input"] = _written(input, folder)
        return _submitted(wanted, master, conf)


def _written(frame: Any, folder: str) -> str:
    path = os.path.join(folder, "documents.parquet")
    frame.to_parquet(path, index=False, coerce_timestamps="us", allow_truncated_timestamps=True)
    return path


def _in_session(spark: Any, input: Any, wanted: dict[str, Any]) -> RunResult:
    if is_connect(spark):
        raise RuntimeError(
            "a job needs the session's JVM, which a client of Spark Connect has not; leave spark out to"
            " run it as a process of its own"
        )
    java = quest_spark(spark)
    options = {name: texts(value) for name, value in wanted.items()}
    from py4j.java_collections import MapConverter

    def as_map(values: dict[str, list[str]]) -> Any:
        jvm, gateway = spark._jvm, spark.sparkContext._gateway
        converted = MapConverter().convert({}, gateway._gateway_client)
        for name, several in values.items():
            each = jvm.java.util.ArrayList()
            for one in several:
                each.add(one)
            converted.put(name, each)
        return converted

    if input is None or isinstance(input, (str, os.PathLike)):
        if input is not None:
            options["input"] = [os.fspath(input)]
        ended = java.run(spark._jsparkSession, as_map(options))
    elif hasattr(input, "_jdf"):
        ended = java.run(input._jdf, as_map(options))
    else:
        with tempfile.TemporaryDirectory(prefix="questspark-") as folder:
            options["input"] = [_written(input, folder)]
            ended = java.run(spark._jsparkSession, as_map(options))
    return RunResult(str(ended.output()), int(ended.exitCode()), str(ended.console()))


def _submitted(wanted: dict[str, Any], master: str | None, conf: Mapping[str, str] | None) -> RunResult:
    ended = subprocess.run(
        submit_command(_arguments(wanted), master, conf), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if ended.returncode not in WITH_ANSWERS:
        sentences = [line for line in ended.stderr.splitlines() if line.startswith("Error: ")]
        last = (ended.stderr.strip() or "no word").splitlines()[-1]
        raise JobFailed(sentences[-1][len("Error: ") :] if sentences else last, ended.returncode)
    return RunResult(wanted["output"], ended.returncode, ended.stdout)


def _arguments(wanted: Mapping[str, Any]) -> list[str]:
    flags: list[str] = []
    for name, value in wanted.items():
        for one in texts(value):
            flags.append(f"--{name.replace('_', '-')}={text(one)}")
    return flags


def submit_command(
    arguments: Sequence[str], master: str | None = None, conf: Mapping[str, str] | None = None
) -> list[str]:
    """The command line of spark-submit for a job with these flags."""
    home = os.environ.get("SPARK_HOME")
    script = os.path.join(home, "bin", "spark-submit") if home else shutil.which("spark-submit")
    if script is None:
        import pyspark

        script = os.path.join(os.path.dirname(pyspark.__file__), "bin", "spark-submit")
    command = [script, "--class", MAIN_CLASS]
    if master:
        command += ["--master", master]
    for key, value in (conf or {}).items():
        command += ["--conf", f"{key}={value}"]
    jar = _find_jar(None)
    if jar is None:
        return command + ["--packages", maven_coordinate(), _empty_jar(), *arguments]
    return command + [jar, *arguments]


def _empty_jar() -> str:
    """spark-submit wants a jar of the application; with coordinates the classes come from there."""
    import zipfile

    path = os.path.join(tempfile.gettempdir(), f"questspark-empty-{os.getuid()}.jar")
    with zipfile.ZipFile(path, "w"):
        pass
    return path


__all__ = ["JAR_VARIABLE", "JobFailed", "RunResult", "evaluate", "read", "run", "submit_command", "sweep"]
