"""What a job leaves: a folder of answers, or of measurements and a report."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Part = Literal["answers", "stats", "steps", "quality", "speed", "selection"]

SHOWN_ROWS = 20
#: What a result shows of its answers.
ANSWER_COLUMNS = ("doc_id", "question", "output_text", "error_code")
#: What it shows of a comparison's policies, as far as they were measured.
POLICY_COLUMNS = (
    "policy",
    "cache_policy",
    "kv_budget",
    "questions",
    "score",
    "perplexity_over_dense",
    "kl",
    "kv_read_share",
    "decode_throughput",
    "documents_per_hour",
)


@dataclass(frozen=True)
class RunResult:
    """The output folder of a job, and how it ended. In a notebook it shows as a table."""

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
        import pyarrow
        import pyarrow.parquet as parquet

        files = sorted(Path(_local(self.output), part).glob("*.parquet"))
        if not files:
            raise FileNotFoundError(f"{self.output} has no {part}; it has {', '.join(self.parts()) or 'no part'}")
        tables = [parquet.read_table(file, columns=list(columns) if columns else None) for file in files]
        return pyarrow.concat_tables(tables, promote_options="default")

    def parts(self) -> list[str]:
        """The parts that the output has: a run has answers, a sweep and an evaluation have quality."""
        folder = Path(_local(self.output))
        return sorted({file.parent.name for file in folder.glob("*/*.parquet")})

    def answers(self, columns: Sequence[str] | None = None) -> Any:
        """One row per document, question and policy, as a pandas DataFrame with Arrow's types."""
        return self._pandas("answers", columns)

    def quality(self, columns: Sequence[str] | None = None) -> Any:
        """Of a sweep or an evaluation: one row per question and policy, with its score."""
        return self._pandas("quality", columns)

    def stats(self, columns: Sequence[str] | None = None) -> Any:
        """Speed, memory and what was read, one row per policy."""
        return self._pandas("stats", columns)

    def steps(self, columns: Sequence[str] | None = None) -> Any:
        """One row per step of an engine."""
        return self._pandas("steps", columns)

    def errors(self) -> Any:
        """The rows that could not be answered."""
        rows = self._pandas("answers" if "answers" in self.parts() else "quality", None)
        return rows[rows["error_code"].notna()]

    @property
    def report(self) -> Report:
        """The page of a sweep or an evaluation, with its plots."""
        page = Path(_local(self.output), "report.html")
        if not page.exists():
            raise FileNotFoundError(f"{self.output} has no report.html; a sweep and an evaluation write one")
        return Report(str(page))

    def _pandas(self, part: Part, columns: Sequence[str] | None) -> Any:
        import pandas

        return self.to_arrow(part, columns).to_pandas(types_mapper=pandas.ArrowDtype)

    def _repr_html_(self) -> str:
        told = f"{self.output}: exit code {self.exit_code}"
        if "://" in self.output:
            return f"<p>{html.escape(told)}; spark.read.parquet reads it</p>"
        parts = self.parts()
        if "answers" in parts:
            return _table(self.to_arrow("answers", ANSWER_COLUMNS), told)
        if "stats" in parts:
            stats = self.to_arrow("stats")
            measured = [
                name for name in POLICY_COLUMNS if name in stats.column_names and stats[name].null_count < len(stats)
            ]
            return _table(stats.select(measured), told)
        return f"<p>{html.escape(told)}, without rows</p>"


@dataclass(frozen=True)
class Report:
    """A page of tables and plots that needs nothing besides itself. In a notebook it shows as it is."""

    path: str

    def _repr_html_(self) -> str:
        page = html.escape(Path(self.path).read_text(encoding="utf-8"))
        return f'<iframe srcdoc="{page}" width="100%" height="900" style="border: 0"></iframe>'


def _table(rows: Any, told: str) -> str:
    names = rows.column_names
    shown = rows.slice(0, SHOWN_ROWS).to_pylist()
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{_cell(row[name])}</td>" for name in names) + "</tr>" for row in shown)
    more = f", the first {len(shown)} shown" if rows.num_rows > len(shown) else ""
    caption = html.escape(f"{told}, {rows.num_rows} rows{more}")
    return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))


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


__all__ = ["Part", "Report", "RunResult", "read"]
