"""The notebook of examples/, executed as it stands; what it shows is what it showed."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT, jar

NOTEBOOK = ROOT / "examples" / "pyspark.ipynb"
#: Tag of cells whose output holds paths or times.
VARIES = "varies"


@pytest.mark.notebook
def test_the_notebook_shows_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("QUESTSPARK_JAR", jar())
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    stored: Any = nbformat.read(NOTEBOOK, as_version=4)
    executed = copy.deepcopy(stored)
    client = NotebookClient(
        executed, timeout=120, record_timing=False, resources={"metadata": {"path": str(NOTEBOOK.parent)}}
    )
    client.execute()
    if os.environ.get("QUESTSPARK_RENEW_NOTEBOOK"):
        nbformat.write(kept(executed), NOTEBOOK)
        return
    for before, after in zip(stored.cells, executed.cells, strict=True):
        if before.cell_type == "code" and VARIES not in before.metadata.get("tags", ()):
            assert texts(after) == texts(before), before.source
    shown = {cell.source.splitlines()[-1]: cell for cell in executed.cells if cell.cell_type == "code"}
    assert "exit code 0, 52 rows, the first 20 shown" in html(shown["result"])
    assert "Which budget" in html(shown["sweep.report"])


def texts(cell: Any) -> list[str]:
    """What a cell shows as text, without what Spark logs."""
    outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return [output["text"] if "text" in output else output["data"]["text/plain"] for output in outputs]


def html(cell: Any) -> str:
    return "".join(output["data"].get("text/html", "") for output in cell.outputs if "data" in output)


def kept(executed: Any) -> Any:
    """Without logs; of cells that vary, the pictures alone."""
    for cell in executed.cells:
        if cell.cell_type == "code":
            varies = VARIES in cell.metadata.get("tags", ())
            cell.outputs = [
                output
                for output in cell.outputs
                if output.get("name") != "stderr" and (not varies or "image/png" in output.get("data", {}))
            ]
    executed.metadata["language_info"] = {"name": "python"}
    return executed
