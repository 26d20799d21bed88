# SPDX-License-Identifier: MIT
"""Python's Jinja2 set up as Hugging Face transformers does for chat templates, beside `notso render`."""

import datetime
import functools
import json

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox
import jinja2.utils

NOW = "2026-03-07T09:05:00"


class Generation(jinja2.ext.Extension):
    """{% generation %}: a call block around the text of the assistant."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


class Namespace(jinja2.utils.Namespace):
    def __init__(*args, **kwargs):
        self, args = args[0], args[1:]
        attributes = dict(*args, **kwargs)
        for name in attributes:
            Namespace.check(name)
        jinja2.utils.Namespace.__init__(self, attributes)

    def __setitem__(self, name, value):
        Namespace.check(name)
        jinja2.utils.Namespace.__setitem__(self, name, value)

    @staticmethod
    def check(name):
        if isinstance(name, str) and name.startswith("_"):
            raise jinja2.exceptions.SecurityError(f"underscore: {name}")


def environment():
    def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                          sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def strftime_now(form):
        return datetime.datetime.fromisoformat(NOW).strftime(form)

    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = to_json
    env.globals.update(raise_exception=raise_exception, strftime_now=strftime_now, namespace=Namespace)
    return env


class Failed:
    def __init__(self, message, is_raised=False):
        self.message = message
        self.is_raised = is_raised  # by raise_exception in the template

    def __repr__(self):
        return f"Failed({self.message!r})"


@functools.lru_cache(maxsize=None)
def compiled(source):
    return environment().from_string(source)


def theirs(source, context):
    """What Jinja2 makes of it: text, or Failed."""
    try:
        return compiled(source).render(**context)
    except Exception as problem:
        return Failed(str(problem), type(problem) is jinja2.exceptions.TemplateError)


def ours(run, folder, source, context):
    """What notso render makes of it: text, or Failed with the line it printed."""
    template, data = folder / "template.jinja", folder / "context.json"
    if not template.is_file() or template.read_bytes() != source.encode():
        template.write_bytes(source.encode())
    data.write_text(json.dumps({**context, "now": NOW}), encoding="utf-8")
    done = run(["render", template, data], binary=True)
    if done.returncode == 0:
        assert done.stderr == b""
        return done.stdout.decode()
    message = done.stderr.decode("utf-8", "replace").rstrip("\n")
    assert done.returncode == 1, f"exit code {done.returncode}: {message}"
    assert done.stdout == b"" and "\n" not in message
    assert ": line " in message and ", column " in message, f"no position: {message}"
    return Failed(message)


def compare(run, folder, source, context):
    """Checks that both give the same text, or both fail, with the same message where the template says it."""
    expected, got = theirs(source, context), ours(run, folder, source, context)
    if isinstance(expected, Failed):
        assert isinstance(got, Failed), f"Jinja2 fails ({expected.message}), we print {got!r}"
        if expected.is_raised:
            assert got.message.endswith(": " + expected.message)
    else:
        assert not isinstance(got, Failed), f"Jinja2 prints {expected!r}, we fail: {got.message}"
        assert got == expected, f"Jinja2 prints {expected!r}, we print {got!r}"
