"""``questspark run|sweep|eval|report``: the job by spark-submit, without a checkout."""

from __future__ import annotations

import subprocess
import sys

from questspark._submit import divide, submit_command

COMMANDS = ("run", "sweep", "eval", "report")
USAGE = """\
Usage: questspark run|sweep|eval [PRESET] [options]
       questspark report DIR [options]

  questspark run --input DIR --question "Who signed?" --model DIR --output DIR
  questspark sweep --input FILE --question-col questions --model DIR --output DIR --kv-budgets 512,1024

PRESET is the path of a .conf file. Options of spark-submit (--master, --conf, --driver-memory, --packages, ...) pass through.
The jar is QUESTSPARK_JAR's, or else Maven Central's. All options of the job: questspark run --help."""


def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if given else 2
    command, rest = given[0], given[1:]
    try:
        if command not in COMMANDS:
            raise ValueError(f"{command} is no command; it must be one of {', '.join(COMMANDS)}")
        if rest and not rest[0].startswith("-"):
            rest = [f"--{'output' if command == 'report' else 'preset'}={rest[0]}", *rest[1:]]
        sparks, flags = divide(rest)
        return subprocess.call(submit_command([f"--command={command}", *flags], sparks))
    except (FileNotFoundError, ValueError) as refused:
        print(f"Error: {refused}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
