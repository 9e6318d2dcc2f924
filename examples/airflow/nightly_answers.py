"""Every night: the questions to the documents that are new since yesterday, and a check of what failed."""

from __future__ import annotations

import os

import pendulum
from airflow.sdk import dag, task

ROOT = os.environ.get("QUESTSPARK_HOME", ".")
INPUT = os.environ.get("CORPUS", f"{ROOT}/demo/corpus/demo.jsonl")
OUTPUT = os.environ.get("ANSWERS", "/tmp/nightly-answers")


@dag(schedule="@daily", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), catchup=False, max_active_runs=1)
def nightly_answers() -> None:
    @task(retries=2)
    def answer() -> str:
        import questspark  # in a process of its own: a task that is killed leaves what it has committed

        questspark.run(
            INPUT,
            OUTPUT,
            master="local[2]",  # a cluster's
            resume=True,  # answers that exist are kept, and those of a killed attempt too
            model=f"{ROOT}/demo/model",
            prompt_template=f"{ROOT}/conf/prompts/demo.txt",  # of the demo's model; leave it out with yours
            question_col="questions",
            answer_col="answers",
            max_tokens=16,
        )
        return OUTPUT

    @task
    def check(output: str) -> int:
        import questspark

        failed = questspark.read(output).errors()
        for row in failed[["doc_id", "error_code", "error_message"]].head(20).itertuples(index=False):
            print(*row)
        if len(failed) > 10:
            raise RuntimeError(f"{len(failed)} questions have no answer")
        return len(failed)

    check(answer())


nightly_answers()
