"""One classic session, and one client of a Connect server, for all tests; the demo model."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = str(ROOT / "demo" / "model")
TEMPLATE = str(ROOT / "conf" / "prompts" / "demo.txt")
OPTIONS: dict[str, Any] = {
    "model": MODEL,
    "prompt_template": TEMPLATE,
    "kv_cache_memory_bytes": "64m",
    "max_model_len": 1024,
    "max_tokens": 8,
}
MODE = os.environ.get("QUESTSPARK_TEST_MODE", "classic")


#: Each mode is a run of its own. A test without one of these marks is of the first two.
MODES = ("classic", "connect", "notebook", "wheel")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of the other modes are none of this run's: they are left out, not skipped."""

    def wanted(item: pytest.Item) -> bool:
        marks = [mode for mode in MODES if item.get_closest_marker(mode)]
        return MODE in (marks or MODES[:2])

    config.hook.pytest_deselected(items=[item for item in items if not wanted(item)])
    items[:] = [item for item in items if wanted(item)]


def jar() -> str:
    path = os.environ.get("QUESTSPARK_JAR", str(ROOT / "job" / "target" / "questspark-job.jar"))
    assert os.path.exists(path), f"{path} is missing: ./mvnw package -DskipTests builds it"
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The session of the mode that this pytest was started for: a process has one kind."""
    from pyspark.sql import SparkSession

    import questspark

    os.environ["QUESTSPARK_JAR"] = jar()
    warehouse = str(tmp_path_factory.mktemp("warehouse"))
    if MODE == "classic":
        builder = SparkSession.builder.master("local[2]")
        builder = builder.config("spark.ui.enabled", "false").config("spark.sql.warehouse.dir", warehouse)
        builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
        session = questspark.configure(builder, **OPTIONS).getOrCreate()
        yield session
        session.stop()
        return
    port = free_port()
    log = open(tmp_path_factory.mktemp("server") / "log", "w+")
    server = subprocess.Popen(
        [
            *spark_submit(),
            "--master=local[2]",
            "--class=org.apache.spark.sql.connect.service.SparkConnectServer",
            f"--jars={jar()}",
            "--conf=spark.sql.extensions=dev.questspark.job.sql.QuestSparkExtensions",
            "--conf=spark.ui.enabled=false",
            f"--conf=spark.sql.warehouse.dir={warehouse}",
            f"--conf=spark.connect.grpc.binding.port={port}",
            "--conf=spark.driver.host=127.0.0.1",
            "spark-internal",
        ],
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for(port, server)
        session = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").getOrCreate()
        questspark.set_options(session, **OPTIONS)
        yield session
        session.stop()
    finally:
        server.terminate()
        server.wait(20)


def spark_submit() -> list[str]:
    """Of the Spark that SPARK_HOME names; pyspark-client has none."""
    import pyspark

    home = os.environ.get("SPARK_HOME", os.path.dirname(pyspark.__file__))
    return [os.path.join(home, "bin", "spark-submit")]


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None, "the Connect server has ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the Connect server does not listen")


def text(code: int) -> str:
    return (
        f"It was a grey morning. The gate code of the silver otter is {code}."
        f" The vault code of the wild tiger is {code + 30000}. Nobody spoke."
    )


GATE = "What is the gate code of the silver otter?"
VAULT = "What is the vault code of the wild tiger?"


@pytest.fixture(scope="session")
def documents(spark: Any) -> Any:
    rows = [(i, text(40000 + i), f"known {i}" if i % 2 else None) for i in range(4)]
    return spark.createDataFrame(rows, "id int, body string, known string").coalesce(1)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Three files, one document each."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.txt").write_text(text(40000 + i))
    return folder


