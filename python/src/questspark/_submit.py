"""The job as a process of its own, by spark-submit."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence

from questspark.session import find_jar, maven_coordinate

MAIN_CLASS = "dev.questspark.job.LongDocJob"
#: Options of spark-submit; all others are the job's.
SPARKS_OPTIONS = (
    "--master",
    "--deploy-mode",
    "--name",
    "--conf",
    "--properties-file",
    "--driver-memory",
    "--driver-cores",
    "--driver-java-options",
    "--driver-class-path",
    "--driver-library-path",
    "--executor-memory",
    "--executor-cores",
    "--num-executors",
    "--total-executor-cores",
    "--files",
    "--archives",
    "--jars",
    "--packages",
    "--repositories",
    "--exclude-packages",
    "--queue",
    "--principal",
    "--keytab",
    "--proxy-user",
)


def submit_command(
    arguments: Sequence[str], sparks: Sequence[str] = (), conf: Mapping[str, str] | None = None
) -> list[str]:
    """The command line of spark-submit for a job.

    :param arguments: the job's flags
    :param sparks: options of spark-submit, as ``--name=value``
    """
    command = [_spark_submit(), "--class", MAIN_CLASS]
    named = {option.split("=", 1)[0] for option in sparks}
    settings = dict(conf or {})
    if "--properties-file" not in named:
        if "--master" not in named and "spark.master" not in settings:
            command.append("--master=local[*]")
        if "--driver-memory" not in named and "spark.driver.memory" not in settings:
            command.append("--driver-memory=4g")
    for key, value in settings.items():
        command.append(f"--conf={key}={value}")
    jar = find_jar(None)
    packages = [option.split("=", 1)[1] for option in sparks if option.startswith("--packages=")]
    command += [option for option in sparks if not option.startswith("--packages=")]
    if jar is None:
        packages.insert(0, maven_coordinate())
        jar = _empty_jar()
    if packages:
        command.append(f"--packages={','.join(packages)}")
    return [*command, jar, *arguments]


def divide(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Spark's options as ``--name=value``, and the job's flags, of one command line."""
    sparks: list[str] = []
    jobs: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name = argument.split("=", 1)[0]
        if name not in SPARKS_OPTIONS:
            jobs.append(argument)
        elif "=" in argument:
            sparks.append(argument)
        else:
            value = next(rest, None)
            if value is None:
                raise ValueError(f"{name} needs a value")
            sparks.append(f"{name}={value}")
    return sparks, jobs


def _spark_submit() -> str:
    home = os.environ.get("SPARK_HOME")
    script = os.path.join(home, "bin", "spark-submit") if home else shutil.which("spark-submit")
    if script is None:
        import pyspark

        script = os.path.join(os.path.dirname(pyspark.__file__), "bin", "spark-submit")
    if not os.path.exists(script):
        raise FileNotFoundError(f'there is no {script}; pip install "pyspark==4.1.*", or set SPARK_HOME to a Spark')
    return script


def _empty_jar() -> str:
    """spark-submit wants a jar of the application; with coordinates the classes come from there."""
    path = os.path.join(tempfile.gettempdir(), f"questspark-empty-{os.getuid()}.jar")
    with zipfile.ZipFile(path, "w"):
        pass
    return path


__all__ = ["divide", "submit_command"]
