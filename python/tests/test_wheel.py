"""What pip installs, in an environment that has PySpark and nothing of this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import questspark
from conftest import GATE, OPTIONS, ROOT

pytestmark = pytest.mark.wheel


def test_the_wheel_is_what_is_tested_here() -> None:
    assert ROOT / "python" / "src" not in Path(questspark.__file__).parents


@pytest.mark.parametrize("by_coordinates", [False, True])
def test_the_command_answers_three_files(corpus: Path, tmp_path: Path, by_coordinates: bool) -> None:
    command = os.path.join(os.path.dirname(sys.executable), "questspark")
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in OPTIONS.items()]
    output = tmp_path / "answers"
    given = [command, "run", "--master", "local[2]", f"--input={corpus}", f"--output={output}", f"--question={GATE}"]
    environment = dict(os.environ)
    if by_coordinates:  # from the one repository that is asked; nothing has been resolved before
        del environment["QUESTSPARK_JAR"]
        environment["DEFAULT_ARTIFACT_REPOSITORY"] = environment["QUESTSPARK_TEST_REPOSITORY"]
        given += ["--conf", f"spark.jars.ivy={tmp_path / 'ivy'}"]
    ended = subprocess.run([*given, *flags], cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert sorted(questspark.read(str(output)).answers()["output_text"]) == [" 40000", " 40001", " 40002"]
    if by_coordinates:
        assert len(list((tmp_path / "ivy" / "jars").iterdir())) == 1, "the jar draws nothing"


def test_a_wrong_option_does_not_pass_the_types(tmp_path: Path) -> None:
    program = tmp_path / "wrong.py"
    program.write_text(
        'import questspark\nfrom questspark.functions import ai_answer\nai_answer("a", "b", max_tokens=3)\n'
        'ai_answer("a", "b", max_tokenz=3)\nai_answer("a", "b", max_tokens="3")\n'
        'questspark.run("in", "out", fail_onn="empty")\n'
    )
    mypy = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path / 'cache'}", str(program)]
    found = subprocess.run(mypy, cwd=tmp_path, capture_output=True, text=True)
    for place, word in (("wrong.py:4", "max_tokenz"), ("wrong.py:5", "max_tokens"), ("wrong.py:6", "fail_onn")):
        assert any(line.startswith(place) and word in line for line in found.stdout.splitlines()), found.stdout
    assert "wrong.py:3" not in found.stdout, found.stdout
