"""Renders a folder of chat templates beside transformers and lists what differs.

    ./mvnw -q -pl engine test-compile dependency:build-classpath -Dmdep.outputFile=target/classpath
    python compare.py --classpath engine/target/classes:engine/target/test-classes:$(cat engine/target/classpath) FOLDER...
    python compare.py --classpath ... --fuzz 5000 --seed 1

Each template (*.jinja, or .txt, or chat_template of a tokenizer_config.json) is rendered for each
conversation with and without the generation prompt. Counted by folder: renderings that are alike,
that both refuse, that only Java or only Python refuses, and that differ. Exits 1 if any differs.
Needs the Python packages transformers (5.24 was used) and jinja2.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import warnings

import transformers.utils.chat_template_utils as chat

warnings.simplefilter("ignore")  # SyntaxWarning of templates that call numbers

SYSTEM = {"role": "system", "content": " Answer briefly.\n"}
USER = {"role": "user", "content": "  What is the 'code' of \"room\" {{ 7 }}? \U0001f985\u4f60\n\n"}
REPLY = {"role": "assistant", "content": "<think>\nhm {% x %}\n</think>\n\nIt is 71932. "}
NEXT = {"role": "user", "content": "And <b>&amp;</b> {braces} \\n?"}
CONVERSATIONS = {
    "user": [USER], "system+user": [SYSTEM, USER], "turns": [USER, REPLY, NEXT],
    "system+turns": [SYSTEM, USER, REPLY, NEXT, {"role": "assistant", "content": "Yes."}, USER],
    "ends with assistant": [USER, REPLY],
}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


class Java:
    """The interpreter under test, one request at a time."""

    def __init__(self, classpath):
        self.process = subprocess.Popen(
            ["java", "-Xss1m", "-cp", classpath, "dev.questspark.engine.jinja.RenderLines"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def render(self, template, variables):
        self.process.stdin.write(json.dumps({"template": template, "variables": variables}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def python(template, variables):
    try:
        return {"text": chat._compile_jinja_template(template).render(**variables)}
    except RecursionError as e:
        return {"error": f"RecursionError: {e}"}
    except Exception as e:
        return {"error": f"{type(e).__name__}: {e}"}


def verdict(java, expected):
    if "crash" in java:
        return "crash"
    if "text" in java and "text" in expected:
        return "alike" if java["text"] == expected["text"] else "differ"
    if "error" in java:
        return "both refuse" if "error" in expected else "only Java refuses"
    return "only Python refuses"


def templates(folder):
    for path in sorted(folder.rglob("*")):
        if path.name == "tokenizer_config.json":
            value = json.loads(path.read_text()).get("chat_template")
            for named in value if isinstance(value, list) else [{"name": "default", "template": value}] if value else []:
                yield f"{path.relative_to(folder)}#{named['name']}", named["template"]
        elif path.suffix in (".jinja", ".txt"):
            yield str(path.relative_to(folder)), path.read_text()


def compare_folder(java, folder, more):
    counts, notes = {}, []
    for name, template in templates(folder):
        for title, messages in CONVERSATIONS.items():
            for prompt in (True, False):
                variables = {"messages": messages, "tools": None, "documents": None,
                             "add_generation_prompt": prompt, **TOKENS, **more}
                got, expected = java.render(template, variables), python(template, variables)
                kind = verdict(got, expected)
                counts[kind] = counts.get(kind, 0) + 1
                if kind not in ("alike", "both refuse"):
                    notes.append(f"  {kind}: {name} [{title}, {prompt}]\n    Java: {got}\n    Python: {expected}")
    print(f"{folder}: {counts}", *notes, sep="\n")
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=pathlib.Path)
    parser.add_argument("--classpath", required=True)
    parser.add_argument("--variables", type=json.loads, default={}, help="more variables, as JSON")
    parser.add_argument("--fuzz", type=int, default=0, help="number of random expressions")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    java = Java(given.classpath)
    counts = [compare_folder(java, folder, given.variables) for folder in given.folders]
    if given.fuzz:
        import fuzz
        counts.append(fuzz.compare(java, python, verdict, given.fuzz, given.seed))
    sys.exit(1 if any(c.get("differ") or c.get("crash") for c in counts) else 0)


if __name__ == "__main__":
    main()
