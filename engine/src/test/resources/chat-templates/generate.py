"""What transformers' apply_chat_template (5.18.0, jinja2 3.1.6) makes of the templates here.

    python generate.py > expected.json
    python generate.py constructs > constructs.json

The templates are written for these tests in the manner of the published ones; what each construct
of the language means is asked one by one in constructs.txt.
"""
import json
import pathlib
import sys

import transformers.utils.chat_template_utils as chat

HERE = pathlib.Path(__file__).parent
U = {"role": "user", "content": " What is the access code?\n"}
S = {"role": "system", "content": " Answer briefly. "}
A = {"role": "assistant", "content": "<think>\nhm\n</think>\n\nIt is 71932. "}
U2 = {"role": "user", "content": "And {{ braces }} {% raw %} <b>&amp;</b> \u4f60\u597d \\n 'quote' \"q\"?"}
U3 = {"role": "user", "content": "<tool_response>\n3\n</tool_response>"}
CONVERSATIONS = {
    "user": [U], "system": [S, U], "turns": [U, A, U2], "system-turns": [S, U, A, U2],
    "ends-with-assistant": [U, A], "tool-like": [U, A, U3],
    "system-late": [U, S], "two-users": [U, U2],
}


def render(template, messages, generation_prompt):
    compiled = chat._compile_jinja_template(template)
    try:
        return compiled.render(
            messages=messages, tools=None, documents=None, bos_token="<s>", eos_token="</s>",
            add_generation_prompt=generation_prompt, date_string="01 Feb 2026")
    except Exception as e:  # raise_exception, or what jinja2 does not do
        return {"error": str(e)}


def construct(template):
    """One line of constructs.txt; its escapes are those of a Python string."""
    text = template.encode("raw_unicode_escape").decode("unicode_escape")
    try:
        answer = {"text": chat._compile_jinja_template(text).render(**VARIABLES)}
    except Exception as e:
        answer = {"error": f"{type(e).__name__}: {e}"}
    return {"template": text, **answer}


VARIABLES = {
    "messages": [S, U], "tools": None, "pad_token": "<pad>", "s": "Hello", "n": 3, "f": 2.5, "e": None,
    "yes": True, "d": {"a": 1, "b": [1, 2.0], "C": {"x": None}}, "list": [3, 1, 2], "bos_token": "<s>",
    "people": [{"name": "b", "age": 2}, {"name": "A", "age": 1}, {"name": "a", "age": 2}],
}
if sys.argv[1:] == ["constructs"]:
    lines = [line for line in (HERE / "constructs.txt").read_text().split("\n") if line and line[0] != "#"]
    print(json.dumps(VARIABLES))
    print("\n".join(json.dumps(construct(line)) for line in lines))
    sys.exit()

cases = []
for path in sorted(HERE.glob("*.jinja")):
    template = path.read_text()
    if path.stem != "blocks":
        template = template.rstrip("\n")
    for name, messages in CONVERSATIONS.items():
        for generation_prompt in (True, False):
            cases.append({
                "template": path.name, "conversation": name, "messages": messages,
                "add_generation_prompt": generation_prompt,
                "expected": render(template, messages, generation_prompt)})
print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")
