"""The whole job: documents in, a folder of answers and statistics out."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from questspark._options import JobOptions
from questspark._submit import submit_command
from questspark._texts import given, is_connect, text, texts
from questspark.result import RunResult
from questspark.session import quest_spark

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: Exit codes that come with answers: see docs/operations.md.
WITH_ANSWERS = (0, 3, 4, 5)


class JobFailed(RuntimeError):
    """A job that gave no answers; its message is the job's sentence."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def run(
    input: Any,
    output: str | os.PathLike[str],
    *,
    spark: Any = None,
    preset: str | None = None,
    master: str | None = None,
    conf: Mapping[str, str] | None = None,
    resume: bool = False,
    **options: Unpack[JobOptions],
) -> RunResult:
    """Answers a corpus: a path, a Spark DataFrame or a pandas one.

    :param spark: the session to run in; without it a Spark DataFrame takes its own, and the others
        a process of their own by spark-submit
    :param master: of the process of its own
    :param conf: Spark's settings of the process of its own
    :raises JobFailed: where no answers came of it
    """
    all_options: dict[str, Any] = {**options, "preset": preset, "resume": True if resume else None}
    return _job("run", input, output, spark, master, conf, all_options)


def sweep(
    input: Any,
    output: str | os.PathLike[str],
    *,
    spark: Any = None,
    preset: str | None = None,
    master: str | None = None,
    conf: Mapping[str, str] | None = None,
    **options: Unpack[JobOptions],
) -> RunResult:
    """Compares policies on a corpus: quality, speed and memory; input, session and process as for :func:`run`.

    The result's ``stats()`` has a row per policy, and its ``report`` shows the plots.
    """
    return _job("sweep", input, output, spark, master, conf, {**options, "preset": preset})


def evaluate(
    suite: str,
    output: str | os.PathLike[str],
    *,
    input: Any = None,
    spark: Any = None,
    preset: str | None = None,
    master: str | None = None,
    conf: Mapping[str, str] | None = None,
    **options: Unpack[JobOptions],
) -> RunResult:
    """Scores a model and its policies on a suite; session and process as for :func:`run`.

    :param input: the texts of suites that have any: a path, a Spark DataFrame or a pandas one
    """
    wanted = {**options, "suite": suite, "preset": preset}
    return _job("eval", input, output, spark, master, conf, wanted)


def _job(
    command: str,
    input: Any,
    output: str | os.PathLike[str],
    spark: Any,
    master: str | None,
    conf: Mapping[str, str] | None,
    options: dict[str, Any],
) -> RunResult:
    wanted = {**given(options), "command": command, "output": os.fspath(output)}
    if hasattr(input, "to_spark"):  # of pandas on Spark
        input = input.to_spark()
    session = spark or getattr(input, "sparkSession", None)
    if session is not None and (master or conf):
        raise TypeError("master and conf are of a process of its own; the session has its own")
    if session is not None and is_connect(session):
        raise RuntimeError(
            "a job needs the session's JVM, which a client of Spark Connect has not; leave spark out, and give a"
            " path or a pandas DataFrame, to run it as a process of its own"
        )
    if hasattr(input, "_jdf"):
        return _in_session(session, input._jdf, wanted)
    with tempfile.TemporaryDirectory(prefix="questspark-") as folder:
        if input is not None:
            wanted["input"] = _path(input, folder)
        if session is None:
            return _submitted(wanted, master, conf)
        return _in_session(session, session._jsparkSession, wanted)


def _path(input: Any, folder: str) -> str:
    """A path as it is; a pandas DataFrame written into the folder."""
    if isinstance(input, (str, os.PathLike)):
        return os.fspath(input)
    if not hasattr(input, "to_parquet"):
        raise TypeError(
            f"input is of type {type(input).__name__}; it must be a path, a Spark DataFrame or a pandas one"
        )
    path = os.path.join(folder, "documents.parquet")
    input.to_parquet(path, index=False, coerce_timestamps="us", allow_truncated_timestamps=True)
    return path


def _in_session(spark: Any, of: Any, wanted: dict[str, Any]) -> RunResult:
    """
    :param of: the JVM's session, or its DataFrame
    """
    from py4j.java_collections import MapConverter

    gateway = spark.sparkContext._gateway
    options = MapConverter().convert({}, gateway._gateway_client)
    for name, value in wanted.items():
        several = spark._jvm.java.util.ArrayList()
        for one in texts(value):
            several.add(one)
        options.put(name, several)
    ended = quest_spark(spark).run(of, options)
    return RunResult(str(ended.output()), int(ended.exitCode()), str(ended.console()))


def _submitted(wanted: dict[str, Any], master: str | None, conf: Mapping[str, str] | None) -> RunResult:
    command = submit_command(_arguments(wanted), [f"--master={master}"] if master else [], conf)
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
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


__all__ = ["JobFailed", "evaluate", "run", "sweep"]
