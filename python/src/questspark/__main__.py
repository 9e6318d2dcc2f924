"""``questspark run|sweep|eval|report [PRESET] --flag=value``: spark-submit without a checkout."""

from __future__ import annotations

import subprocess
import sys

from questspark.job import submit_command

COMMANDS = ("run", "sweep", "eval", "report")


def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] not in COMMANDS:
        if given and given[0] not in ("-h", "--help"):
            print(f"Error: {given[0]} is no command; it must be one of {', '.join(COMMANDS)}.", file=sys.stderr)
            return 2
        return subprocess.call(submit_command(["--help"]))
    flags = [f"--command={given[0]}", *given[1:]]
    master = next((flag.split("=", 1)[1] for flag in flags if flag.startswith("--master=")), None)
    flags = [flag for flag in flags if not flag.startswith("--master=")]
    try:
        return subprocess.call(submit_command(flags, master))
    except (FileNotFoundError, ValueError) as refused:
        print(f"Error: {refused}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
