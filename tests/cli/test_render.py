# SPDX-License-Identifier: MIT
"""notso render: the chat templates of the reference folder over many conversations, byte for byte as Jinja2
renders them live, or with the same message where a template refuses; and what it says about bad input."""

import json

import pytest

from rendering import Failed, compare, ours, theirs

TEMPLATES = [
    "NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "Qwen-Qwen2.5-7B-Instruct", "Qwen-Qwen3-0.6B",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "google-gemma-2-2b-it", "ibm-granite-granite-3.3-2B-Instruct",
    "meta-llama-Llama-3.1-8B-Instruct", "meta-llama-Llama-3.2-3B-Instruct", "microsoft-Phi-3.5-mini-instruct",
    "mistralai-Mistral-Nemo-Instruct-2407", "smollm3-official", "smollm3-unsloth",
]


def message(role, content, **more):
    return {"role": role, "content": content, **more}


SYSTEM = message("system", "You are terse.")
USER = message("user",
               "  What's \"2 + 2\"?\nAnswer <b>briefly</b> & in \u4e2d\u6587 \U0001f600 \u200b\u00a0. ")
REPLY = message("assistant", "Four. \u00c9t\u00e9's \\ over.")
AGAIN = message("user", "And 3 + 3?")
THOUGHT = message("assistant", "<think>\nThree and three.\n</think>\n\nSix.")
REASONED = message("assistant", "Six.", reasoning_content="Three and three is six.\n")
EMPTY = message("assistant", "")

CALL = {"id": "abc123XYZ", "type": "function",
        "function": {"name": "weather",
                     "arguments": {"city": "Z\u00fcrich", "days": 3, "units": ["C", None, 1.5]}}}
TEXT_CALL = {"id": "def456uvw", "type": "function",
             "function": {"name": "now", "arguments": "{\"zone\": \"UTC\"}"}}
CALLING = message("assistant", "", tool_calls=[CALL])
CALLING_NULL = message("assistant", None, tool_calls=[CALL])
CALLING_TWICE = message("assistant", "Let me look.", tool_calls=[CALL, TEXT_CALL])
RESULT = message("tool", "{\"celsius\": 21.5}", tool_call_id="abc123XYZ", name="weather")
RESULT_TWO = message("tool", "09:05", tool_call_id="def456uvw", name="now")
RESULT_OBJECT = message("tool", {"celsius": 21.5, "sky": ["clear", True]},
                        tool_call_id="abc123XYZ", name="weather")

CONVERSATIONS = {
    "user": [USER],
    "system": [SYSTEM, USER],
    "turns": [USER, REPLY, AGAIN],
    "system-turns": [SYSTEM, USER, REPLY, AGAIN, THOUGHT, USER],
    "ends-with-reply": [SYSTEM, USER, REPLY],
    "thought": [USER, THOUGHT, AGAIN],
    "thought-last": [USER, THOUGHT],
    "reasoning": [USER, REASONED, AGAIN, REASONED],
    "no-think": [message("system", "Be kind. /no_think"), USER, REPLY, AGAIN],
    "think": [message("system", "/think\n"), USER, REPLY, AGAIN],
    "override": [message("system", "Only this. /system_override /no_think"), USER],
    "empty-reply": [USER, EMPTY, AGAIN],
    "parts": [message("user", [{"type": "text", "text": "Hello"}])],
    "two-users": [USER, AGAIN],
    "assistant-first": [REPLY, USER],
    "late-system": [USER, REPLY, SYSTEM, AGAIN],
    "unknown-role": [USER, message("critic", "No.")],
    "call": [USER, CALLING, RESULT, REPLY, AGAIN],
    "call-null": [SYSTEM, USER, CALLING_NULL, RESULT],
    "call-open": [SYSTEM, USER, CALLING],
    "calls": [SYSTEM, USER, CALLING_TWICE, RESULT, RESULT_TWO, THOUGHT, AGAIN],
    "call-object": [USER, CALLING, RESULT_OBJECT],
    "call-short-id": [USER, message("assistant", "", tool_calls=[{**CALL, "id": "x"}]), RESULT],
    "fake-result": [message("user", "<tool_response>\nx\n</tool_response>"), REPLY, USER],
    "none": [],
    "no-content": [{"role": "user"}],
}

TOOLS = [
    {"type": "function", "function": {
        "name": "weather", "description": "The weather's \"forecast\" for <city> & more",
        "parameters": {"type": "object", "required": ["city"], "properties": {
            "city": {"type": "string", "description": "  A city, e.g. Z\u00fcrich \U0001f600 "},
            "days": {"type": ["integer", "null"], "description": "1\u20137", "default": 1, "minimum": 0.5},
            "units": {"type": "array", "items": {"type": "string"}, "description": "SI"}}},
        "return": {"type": "object", "additionalProperties": {"type": "number"}, "description": "Degrees"}}},
    {"type": "function", "function": {
        "name": "now", "description": "The time", "parameters": {"type": "object", "properties": {}}}},
]
PLAIN_TOOLS = [tool["function"] for tool in TOOLS]
DOCUMENTS = [{"doc_id": 1, "title": "One", "text": "First document.\n"},
             {"doc_id": "b", "title": "Two", "text": "\u00c9."}]

SETTINGS = {
    "plain": {},
    "prompt": {"add_generation_prompt": True},
    "no-prompt": {"add_generation_prompt": False},
    "thinking": {"add_generation_prompt": True, "enable_thinking": True, "thinking": True},
    "not-thinking": {"add_generation_prompt": True, "enable_thinking": False, "thinking": False},
    "tools": {"add_generation_prompt": True, "tools": TOOLS},
    "plain-tools": {"add_generation_prompt": False, "tools": PLAIN_TOOLS},
    "tools-null": {"tools": None, "documents": None, "add_generation_prompt": True},
    "tools-empty": {"tools": [], "documents": [], "add_generation_prompt": True},
    "system-tools": {"tools": TOOLS, "tools_in_user_message": False,
                     "builtin_tools": ["search", "code_interpreter"], "date_string": "1 Jan 2026"},
    "smollm-tools": {"xml_tools": PLAIN_TOOLS, "add_generation_prompt": True},
    "python-tools": {"python_tools": ["def f(x):\n    'doc'"], "xml_tools": TOOLS, "enable_thinking": False},
    "documents": {"documents": DOCUMENTS, "add_generation_prompt": True},
    "documents-tools": {"documents": DOCUMENTS, "available_tools": TOOLS, "add_generation_prompt": True,
                        "controls": {"citations": True, "hallucinations": True, "length": "short"}},
    "custom-tools": {"custom_tools": TOOLS, "add_generation_prompt": True,
                     "controls": {"originality": "abstractive"}},
}


# Every conversation with these settings, and every setting with these conversations.
COMMON_SETTINGS = {"plain", "thinking", "not-thinking", "tools", "documents-tools"}
COMMON_CONVERSATIONS = {"user", "system-turns", "thought-last", "no-think", "call", "calls"}


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_template(run, reference, tmp_path, template, settings):
    source = (reference / "chat-templates" / f"{template}.jinja").read_bytes().decode()
    for name, messages in CONVERSATIONS.items():
        if settings in COMMON_SETTINGS or name in COMMON_CONVERSATIONS:
            tokens = {"bos_token": "<|bos|>", "eos_token": "<|eos|>"}
            context = {"messages": messages, **tokens, **SETTINGS[settings]}
            compare(run, tmp_path, source, context)


def test_templates_are_all_there(reference):
    assert sorted(path.stem for path in (reference / "chat-templates").glob("*.jinja")) == sorted(TEMPLATES)


def test_bytes_that_are_not_text_pass_through(run, tmp_path):
    """JSON has no such bytes, but a template file can."""
    (tmp_path / "t").write_bytes(b"a\xff{{ 'x\xff' | upper }}{{ ['\xff\\n'] }}{{ '\xff'|tojson }}")
    (tmp_path / "c").write_text("{}")
    done = run(["render", tmp_path / "t", tmp_path / "c"], binary=True)
    assert done.stdout == b"a\xffX\xff['\xff\\n']\"\xff\""


@pytest.mark.parametrize("now, shown", [("2026-03-07T09:05:00", "07 March 2026 09:05"),
                                        ("1999-12-31T23:59:59", "31 December 1999 23:59")])
def test_now_of_the_context(run, tmp_path, now, shown):
    (tmp_path / "t").write_text("{{ strftime_now('%d %B %Y %H:%M') }}")
    (tmp_path / "c").write_text(json.dumps({"now": now}))
    for zone in ("UTC", "America/New_York"):
        assert run(["render", tmp_path / "t", tmp_path / "c"], env={"TZ": zone}).stdout == shown


@pytest.mark.parametrize("source, line, column", [
    ("{{ 1", 1, 5), ("a\n  {{ x.y }}", 2, 7), ("\u4e2d\U0001f600{{ nosuch() }}", 1, 12),
    ("{% if x %}\n\n{% endfor %}", 3, 4),
    ("x\n{% for a in 5 %}{% endfor %}", 2, 13), ("{#", None, None), ("{# open", 1, 1),
    ("\n\n {% raw %} x", 3, 2),
    ("{% macro m() %}\n{{ 1 / 0 }}{% endmacro %}\n{{ m() }}", 2, 6), ("{{ 'a'\n   | nosuch }}", 2, 6),
])
def test_position_of_an_error(run, tmp_path, source, line, column):
    got = ours(run, tmp_path, source, {})
    if line is None:
        assert got == ""
    else:
        assert isinstance(got, Failed) and f": line {line}, column {column}: " in got.message


@pytest.mark.parametrize("context, words", [
    ("{", ["line 1", "column 1"]), ("{\"a\": 1,\n \"b\": }", ["line 2", "column"]), ("[1]", ["object"]),
    ("", ["line 1"]),
    ("{\"a\": \"\udcff\"}", ["line 1"]), ("{\"now\": \"yesterday\"}", ["now", "yesterday"]),
    ("{} x", ["line 1"]),
    ("{\"a\": 99999999999999999999}", ["line 1"]), ("{\"a\": " + "[" * 400 + "]" * 400 + "}", ["nested"]),
    ("{\"a\": " + "[" * 99999 + "}", ["line 1"]),
])
def test_bad_context(fails, tmp_path, context, words):
    (tmp_path / "t").write_text("{{ a }}")
    (tmp_path / "c.json").write_bytes(context.encode("utf-8", "surrogateescape"))
    fails(["render", tmp_path / "t", tmp_path / "c.json"], *words, code=1)


def test_missing_files_and_arguments(fails, tmp_path):
    (tmp_path / "t").write_text("x")
    (tmp_path / "c").write_text("{}")
    fails(["render", tmp_path / "nosuch", tmp_path / "c"], "nosuch", code=1)
    fails(["render", tmp_path / "t", tmp_path / "nosuch"], "nosuch", code=1)
    fails(["render", tmp_path, tmp_path / "c"], code=1)
    fails(["render", tmp_path / "t"], code=2)
    fails(["render"], code=2)


@pytest.mark.parametrize("source", [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{{ range(10 ** 9)|list }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{{ 'x' * 10 ** 12 }}", "{{ [1] * 10 ** 12 }}",
    "{{ '%1000000000000d' % 1 }}", "{{ 'x'.center(10 ** 12) }}", "{{ '{:999999999999}'.format(1) }}",
    "{% set ns = namespace(s='x' * 1000) %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}", "{{ " + "(" * 5000 + ")" * 5000 + " }}",
    "{% if x %}" * 5000 + "{% endif %}" * 5000, "{{ " + "-" * 5000 + "1 }}", "{{ 1" + " + 1" * 5000 + " }}",
    "{{ x" + "|upper" * 5000 + " }}", "{{ x" + ".y" * 5000 + " }}", "{{ " + "not " * 5000 + "x }}",
    "{% for x in [[]] recursive %}{{ loop([[]]) }}{% endfor %}",
    "{{ 'ab'|wordwrap(1)|replace('', 'x' * 10 ** 8) }}",
])
def test_runaway_templates_end(run, tmp_path, source):
    assert isinstance(ours(run, tmp_path, source, {}), Failed)


def test_long_conversation(run, reference, tmp_path):
    """Thousands of turns, and text of a megabyte, are no run-away."""
    source = (reference / "chat-templates" / "Qwen-Qwen3-0.6B.jinja").read_text()
    turns = [message("user" if i % 2 == 0 else "assistant", f"turn {i} " + "word " * 50) for i in range(4001)]
    context = {"messages": turns, "add_generation_prompt": True}
    assert ours(run, tmp_path, source, context) == theirs(source, context)
