"""A Spark session that knows the functions: built so, or taught so later."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from questspark._options import ALIASES, STAGE_PARAMETERS, QueryOptions
from questspark._texts import given, is_connect, texts

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pyspark.sql import SparkSession

T = TypeVar("T")

EXTENSIONS = "dev.questspark.job.sql.QuestSparkExtensions"
PLUGIN = "dev.questspark.job.plugin.QuestSparkPlugin"
#: Where the jar is, when neither ``jar`` nor ``packages`` says it.
JAR_VARIABLE = "QUESTSPARK_JAR"
#: Sparks that there is a jar for.
SPARKS = ("3.5", "4.1", "4.2")
PREFIX = "spark.questspark."
LOOK_AROUND_SECONDS = 0.2
#: How long an interrupt waits for the action to end.
CANCEL_SECONDS = 10.0


def maven_coordinate(spark_version: str | None = None) -> str:
    """The jar's coordinate on Maven Central for a Spark, by default the installed PySpark's."""
    from questspark import __version__

    version = spark_version or _pyspark_version()
    line = ".".join(version.split(".")[:2])
    if line not in SPARKS:
        raise ValueError(
            f"there is no jar for Spark {version}, only for {', '.join(SPARKS[:-1])} and {SPARKS[-1]};"
            ' pip install "pyspark==4.1.*" fits'
        )
    release = re.sub(r"\.dev\d+$", "-SNAPSHOT", __version__)
    return f"dev.questspark:questspark-spark-{line}_2.13:{release}"


def _pyspark_version() -> str:
    import pyspark

    return str(pyspark.__version__)


def find_jar(jar: str | None) -> str | None:
    found = jar or os.environ.get(JAR_VARIABLE)
    if found and "://" not in found and not os.path.exists(found):
        source = "jar" if jar else JAR_VARIABLE
        raise FileNotFoundError(f"{source} is {found}, which does not exist; give the path of questspark-job.jar")
    return found


def configure(
    builder: SparkSession.Builder,
    *,
    jar: str | None = None,
    packages: Sequence[str] = (),
    metrics: bool = False,
    **options: Unpack[QueryOptions],
) -> SparkSession.Builder:
    """Adds the jar, the extension and the options to a session that is to be built.

    :param jar: path of the jar; by default ``QUESTSPARK_JAR``, and else Maven Central's
    :param packages: further Maven coordinates, since ``spark.jars.packages`` holds one list
    :param metrics: whether executors are checked before their first task and engines show in
        Spark's metrics
    """
    maven_coordinate()  # refuses a Spark that there is no jar for
    found = find_jar(jar)
    before = dict(getattr(builder, "_options", {}))
    if found:
        _append(builder, before, "spark.jars", [found])
        _append(builder, before, "spark.jars.packages", packages)
    else:
        _append(builder, before, "spark.jars.packages", [maven_coordinate(), *packages])
    _append(builder, before, "spark.sql.extensions", [EXTENSIONS])
    if metrics:
        _append(builder, before, "spark.plugins", [PLUGIN])
    for name, value in given(dict(options)).items():
        builder.config(PREFIX + name, _setting(name, value))
    return builder


def _setting(name: str, value: Any) -> str:
    """A list as one text. Elements that may hold commas themselves are not joined."""
    several = texts(value)
    if len(several) > 1 and dict(STAGE_PARAMETERS).get(ALIASES.get(name, name)):
        raise ValueError(f"{name} takes one value in a session, and {len(several)} are given; give them in the call")
    return ",".join(several)


def _append(builder: Any, before: dict[str, Any], key: str, values: Sequence[str]) -> None:
    present = [value for value in str(before.get(key, "")).split(",") if value]
    missing = [value for value in values if value not in present]
    if missing:
        builder.config(key, ",".join(present + missing))


def is_enabled(spark: SparkSession) -> bool:
    """Whether the session knows the functions."""
    return bool(spark.catalog.functionExists("ai_answer"))


def enable(spark: SparkSession, *, jar: str | None = None) -> None:
    """Makes a session that exists know the functions; adds the jar where it is not there yet."""
    if is_enabled(spark):
        return
    if is_connect(spark):
        raise RuntimeError(
            "enable needs the session's JVM, which a client of Spark Connect has not; start the server"
            f" with the jar and spark.sql.extensions={EXTENSIONS}"
        )
    found = find_jar(jar)
    if found:
        spark.sql(f"ADD JAR '{found}'")
    quest_spark(spark).register(spark._jsparkSession)


def quest_spark(spark: Any) -> Any:
    """The Java class QuestSpark, by the class loader that knows added jars."""
    jvm = spark._jvm
    loader = spark._jsparkSession.sharedState().jarClassLoader()
    try:
        found = jvm.java.lang.Class.forName("dev.questspark.job.QuestSpark", True, loader)
    except Exception:
        raise RuntimeError(
            f"the session does not have the jar; set {JAR_VARIABLE}, or build the session with questspark.configure"
        ) from None
    return _Statics(spark, found)


class _Statics:
    """Static methods of a class that only an added jar has, which py4j's packages do not see."""

    def __init__(self, spark: Any, java_class: Any) -> None:
        self._gateway = spark.sparkContext._gateway
        self._class = java_class

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            for method in self._class.getMethods():
                types = method.getParameterTypes()
                if method.getName() == name and len(types) == len(arguments):
                    if all(type_.isInstance(one) for type_, one in zip(types, arguments)):
                        values = self._gateway.new_array(self._gateway.jvm.java.lang.Object, len(arguments))
                        for i, one in enumerate(arguments):
                            values[i] = one
                        return _unwrapped(method, values)
            raise AttributeError(name)

        return call


def _unwrapped(method: Any, values: Any) -> Any:
    """Calls by reflection; what the method throws comes as itself."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors.exceptions.captured import convert_exception

    try:
        return method.invoke(None, values)
    except Py4JJavaError as failed:
        cause = failed.java_exception
        inner = cause.getCause() if hasattr(cause, "getCause") else None
        raise convert_exception(inner if inner is not None else cause) from None


def set_options(spark: SparkSession, **options: Unpack[QueryOptions]) -> None:
    """Sets options of the session, as ``SET spark.questspark.…``; None unsets one."""
    for name, value in dict(options).items():
        if value is None:
            spark.conf.unset(PREFIX + name)
        else:
            spark.conf.set(PREFIX + name, _setting(name, value))


def release(spark: SparkSession) -> int:
    """Closes the engines that no task uses and gives their number; works in Connect, too.

    Asks one task per slot of the cluster, so that every executor with a free slot hears of it.
    """
    slots = 64 if is_connect(spark) else int(spark.sparkContext.defaultParallelism)
    closed = spark.range(0, slots, 1, slots).selectExpr("ai_release() AS closed").collect()
    return sum(int(row["closed"]) for row in closed)


def interruptible(action: Callable[[], T]) -> T:
    """Runs an action so that Ctrl-C, or a kernel's interrupt, cancels its Spark jobs.

    In a classic session Python alone hears of the interrupt, and the jobs run on; in Spark Connect
    the client passes it on by itself.

    >>> questspark.interruptible(lambda: df.toPandas())
    """
    from pyspark.sql import SparkSession

    spark: Any = SparkSession.getActiveSession()
    if spark is None or is_connect(spark):
        return action()
    from pyspark import InheritableThread

    context = spark.sparkContext
    results: list[T] = []
    failures: list[BaseException] = []
    tag = f"questspark-{uuid.uuid4()}"

    def work() -> None:
        try:
            context.addJobTag(tag)  # the context's, which jobs of other sessions carry too
            results.append(action())
        except BaseException as failed:  # handed to the caller's thread
            failures.append(failed)

    thread = InheritableThread(target=work, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(LOOK_AROUND_SECONDS)
    except KeyboardInterrupt:
        for _ in range(int(CANCEL_SECONDS / LOOK_AROUND_SECONDS)):  # jobs that start meanwhile, too
            context.cancelJobsWithTag(tag)
            thread.join(LOOK_AROUND_SECONDS)
            if not thread.is_alive():
                break
        raise
    if failures:
        raise failures[0]
    return results[0]


__all__ = [
    "configure",
    "enable",
    "interruptible",
    "is_enabled",
    "maven_coordinate",
    "release",
    "set_options",
]
