"""Quest on Spark from Python: answers about long documents, computed inside your Spark session.

>>> spark = questspark.configure(SparkSession.builder, model="/models/llama").getOrCreate()
>>> df.select(questspark.functions.ai_answer("text", ["Who signed?", "When?"]))
"""

from __future__ import annotations

from questspark import functions
from questspark._options import JobOptions, QueryOptions
from questspark.job import JobFailed, evaluate, run, sweep
from questspark.result import Report, RunResult, read
from questspark.session import (
    configure,
    enable,
    interruptible,
    is_enabled,
    maven_coordinate,
    release,
    set_options,
)

__version__ = "0.2.0.dev0"

__all__ = [
    "JobFailed",
    "JobOptions",
    "QueryOptions",
    "Report",
    "RunResult",
    "configure",
    "enable",
    "evaluate",
    "functions",
    "interruptible",
    "is_enabled",
    "maven_coordinate",
    "read",
    "release",
    "run",
    "set_options",
    "sweep",
]
