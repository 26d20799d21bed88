# SPDX-License-Identifier: MIT
"""Writes page_cases.h: templates that use other templates, with autoescape, and what Jinja2 makes of them.

    python3 tests/unit/jinja/make_page_cases.py > tests/unit/jinja/page_cases.h

The text of a case is that of Python's Jinja2 3.1.6 with trim_blocks, lstrip_blocks and autoescape; NULL is an
error.
"""
import jinja2
import jinja2.ext

CONTEXT = ('{"name": "<Ann> & \'co\'", "yes": true, "items": ["<", 2], "page": "child", '
           '"map": {"z": "</script>", "a": "\\u00e9\'"}}')

FILES = {
    'base':
        '<title>{% block title %}Base{% endblock %}</title>\n{% block body %}{{ name }}{% endblock %}\nend',
    'child': "{% extends 'base' %}\nignored\n{% block title %}Child of {{ super() }}{% endblock %}",
    'grandchild': "{% extends 'child' %}{% block title %}[{{ super() }}]{% endblock %}{% block body %}{{ "
        'self.title() }}{% endblock %}',
    'sets': "{% extends 'base' %}{% set name = '<set>' %}{% macro m() %}<m>{% endmacro %}{% block title %}{{ "
        'name }}{{ m() }}{% endblock %}',
    'part': '[{{ name }}{{ x }}]',
    'loop part': '{{ loop.index }}{{ item }};',
    'changes': "{% set name = 'changed' %}{{ name }}",
    'macros':
        "{% macro tag(n, c='') %}<{{ n }}>{{ c }}</{{ n }}>{% endmacro %}{% set version = '<1>' %}{% set "
        '_own = 1 %}{% macro outer() %}{{ name }}{% endmacro %}text',
    'wrap': '{% macro box(t) %}<div title="{{ t }}">{{ caller() }}</div>{% endmacro %}',
    'nested blocks': '{% block a %}A{% block b %}B{% endblock %}{% endblock %}',
    'fills b': "{% extends 'nested blocks' %}{% block b %}b:{{ super() }}{% endblock %}",
    'needs': '{% block must required %}{% endblock %}',
    'gives': "{% extends 'needs' %}{% block must %}given{% endblock %}",
    'loops': '{% for i in [1, 2] %}{% block row scoped %}{{ i }}{% endblock %}{% endfor %}',
    'rows': "{% extends 'loops' %}{% block row %}<{{ i }}{{ super() }}>{% endblock %}",
    'layout loops': '{% for i in [1, 2] %}{% block row %}{{ i }}{% endblock %}{% endfor %}',
    'self include': "{{ n }}{% if n > 0 %}{% set n = n - 1 %}{% include 'self include' %}{% endif %}",
    'endless': "{% include 'endless' %}",
    'circle a': "{% extends 'circle b' %}",
    'circle b': "{% extends 'circle a' %}",
    'broken': 'a\n{% if %}',
    'fails': 'line\n{{ nosuch.x }}',
    'includes in block': "{% extends 'base' %}{% block body %}{% include 'part' %}{% endblock %}",
    'imports twice':
        "{% import 'macros' as a %}{% from 'wrap' import box %}{{ a.version }}{% call box('q') %}{{ "
        "a.tag('i') }}{% endcall %}",
    'conditional': "{% if yes %}{% extends 'base' %}{% endif %}{% block title %}cond{% endblock %}tail",
    'two parents': "{% extends 'base' %}{% extends 'base' %}",
}

CASES = [
    "{% extends 'base' %}", "{% include 'base' %}", "{% include 'child' %}", "{% include 'grandchild' %}",
    "{% include 'sets' %}", '{% extends page %}{% block body %}dynamic{% endblock %}',
    "{% extends 'no' ~ 'such' %}", '{% extends nosuch %}', '{% extends 5 %}',
    "before{% extends 'base' %}after", "{% include 'conditional' %}", "{% include 'two parents' %}",
    "{% set x = '<x>' %}{% include 'part' %}", "{% set x = 1 %}{% include 'part' without context %}",
    "{% include 'part' with context %}", "{% include 'nosuch' %}", "{% include 'nosuch' ignore missing %}ok",
    "{% include ['nosuch', 'part'] %}", "{% include ['nosuch', 'none'] %}",
    "{% include ['no'] ignore missing %}ok", '{% include nosuch %}', "{% include 'pa' ~ 'rt' %}",
    "{% for item in items %}{% include 'loop part' %}{% endfor %}", "{% include 'changes' %}{{ name }}",
    "{% set n = 3 %}{% include 'self include' %}", "{% include 'endless' %}", "{% include 'circle a' %}",
    "{% include 'broken' %}", "{% include 'fails' %}", "{% if no %}{% include 'nosuch' %}{% endif %}ok",
    "{% import 'macros' as m %}{{ m.tag('b', name) }}{{ m.version }}{{ m._own }}|{{ m }}|",
    "{% import 'macros' as m %}{{ m.nosuch }}", "{% import 'macros' as m %}{{ m.nosuch() }}",
    "{% from 'macros' import tag, version as v %}{{ tag('i', v) }}", "{% from 'macros' import nosuch %}ok",
    "{% from 'macros' import nosuch %}{{ nosuch() }}", "{% from 'macros' import outer %}{{ outer() }}",
    "{% from 'macros' import outer with context %}{{ outer() }}",
    "{% import 'macros' as m with context %}{{ m.outer() }}",
    '{% import \'wrap\' as w %}{% call w.box(\'"<\') %}<p>{{ name }}{% endcall %}',
    "{% include 'imports twice' %}", "{% include 'nested blocks' %}", "{% include 'fills b' %}",
    "{% include 'needs' %}", "{% include 'gives' %}", "{% include 'loops' %}", "{% include 'rows' %}",
    "{% include 'layout loops' %}", "{% include 'includes in block' %}", '{{ name }}', '{{ name|safe }}',
    '{{ name|e }}', '{{ name|e|e }}', "{{ '<b>' }}{{ '<b>'|safe }}", '{{ items }}{{ map }}',
    '{{ map|tojson }}', '{{ map|tojson(indent=2) }}', '{{ map|tojson is escaped }}', "{{ name ~ '<' }}",
    "{{ name ~ '<b>'|safe }}", "{{ name + '<b>'|safe }}", "{{ '<b>'|safe + name }}",
    "{{ '%s'|format(name) }}", "{{ ('<i>%s</i>'|safe) % name }}",
    "{{ ('<i>{}</i>{x}'|safe).format(name, x='&') }}", "{{ ('<%s %d %r>'|safe)|format(name, 5, '<') }}",
    "{{ items|join(', ') }}", "{{ items|join('<'|safe) }}", "{{ ['<', '<'|safe]|join('&') }}",
    "{{ name|replace('&', '<and>') }}", "{{ name|replace('&', '<and>'|safe) }}",
    "{{ ('<a>'|safe)|replace('a', '<') }}", "{{ name|upper }}{{ ('<a>'|safe)|upper }}",
    "{{ name.upper() }}{{ ('<a>'|safe).upper() }}", "{{ ('<a>'|safe).replace('a', '<') }}",
    "{{ ('<a b>'|safe).split()|join }}", "{{ ('<'|safe).join(['>', '&'|safe]) }}",
    "{{ ('<'|safe).center(5, '>') }}", "{{ ('<a>'|safe)|title }}{{ ('<a>'|safe)|capitalize }}",
    "{{ ('<a>'|safe)|trim('<') }}{{ ('<a>'|safe)|truncate(3, true, '&') }}",
    "{{ 'a b c d e f g'|truncate(5, false, '<', 0) }}",
    "{{ ('<a>\\nb'|safe)|indent }}{{ '<a>\\nb'|indent('&', true) }}",
    "{{ name|striptags }}{{ '<b>x</b> &amp;'|striptags }}", "{{ name|string }}{{ ('<'|safe)|string }}",
    "{{ {'class': name}|xmlattr }}", '{{ name|urlencode }}', '{{ name|forceescape }}',
    "{{ ('<'|safe)|forceescape }}", "{{ ['<'|safe]|first }}{{ ('<>'|safe)[0] }}{{ ('<>'|safe)|list }}",
    "{{ ('<>'|safe)|reverse }}", '{% set x %}<b>{{ name }}</b>{% endset %}{{ x }}{{ x is escaped }}',
    '{% set x|upper %}<b>{{ name }}{% endset %}{{ x }}',
    "{% macro m(x) %}<i>{{ x }}</i>{% endmacro %}{{ m(name) }}{{ m(name) is escaped }}{{ m('<'|safe) }}",
    "{% macro m() %}{{ caller('<') }}{% endmacro %}{% call(x) m() %}<p>{{ x }}{% endcall %}",
    '{% filter upper %}<b>{{ name }}</b>{% endfilter %}', '{% filter e %}<b>{% endfilter %}',
    "{% filter replace('b', '<') %}b{% endfilter %}",
    '{% autoescape false %}{{ name }}{% endautoescape %}{{ name }}',
    '{% autoescape yes %}{{ name }}{% endautoescape %}',
    '{% autoescape false %}{% set x %}{{ name }}{% endset %}{% endautoescape %}{{ x }}',
    '{% macro m() %}{{ name }}{% endmacro %}{% autoescape false %}{{ m() }}{% endautoescape %}',
    '{% autoescape false %}{% macro m() %}{{ name }}{% endmacro %}{% endautoescape %}{{ m is defined }}',
    "{% for i in items recursive %}{{ i }}{% if loop.first and loop.depth == 1 %}{{ loop(['<r>']) }}{% "
    'endif %}{% endfor %}',
    '{% block a %}<{{ name }}>{% endblock %}{{ self.a() }}', '{{ super() }}',
    '{% block a %}{{ super() }}{% endblock %}', '{{ self.nosuch }}',
    "{{ ('<'|safe) == '<' }}{{ ('<'|safe) in ['<'] }}{{ {'<': 1}['<'|safe] }}",
    "{{ ('a'|safe) * 2 }}{{ '<' * 2 }}", '{{ (name|e) ~ none ~ 1 }}', '{{ [name|e] }}',
    '{{ (name|e)|length }}', '{{ nosuch }}{{ none }}{{ 1.5 }}',
    "{{ name|default('<') }}{{ nosuch|default('<') }}",
]


def c_string(text):
    out = []
    for byte in text.encode():
        char = chr(byte)
        if char in "\\\"?":
            out.append("\\" + char)
        elif char == "\n":
            out.append("\\n")
        elif 32 <= byte < 127:
            out.append(char)
        else:
            out.append(f"\\{byte:03o}")
    lines, line = [], ""
    for part in out:
        if len(line) + len(part) > 96:
            lines.append(line)
            line = ""
        line += part
    lines.append(line)
    return "\n     ".join(f'"{line}"' for line in lines)


def main():
    import json
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, autoescape=True,
                                     loader=jinja2.DictLoader(FILES), extensions=[jinja2.ext.loopcontrols])
    print("/* SPDX-License-Identifier: MIT */")
    print(f"/* Generated by make_page_cases.py with Jinja2 {jinja2.__version__}; do not edit. */")
    print("#ifndef TESTS_PAGE_CASES_H\n#define TESTS_PAGE_CASES_H\n")
    print(f"static const char page_context[] =\n     {c_string(CONTEXT)};\n")
    print("static const struct page_file {\n    const char *name, *source;\n} page_files[] = {")
    for name, source in FILES.items():
        print(f"    {{{c_string(name)},\n     {c_string(source)}}},")
    print("};\n\n/* What the template gives; NULL: an error. */")
    print("static const struct page_case {\n    const char *source, *text;\n} page_cases[] = {")
    for source in CASES:
        try:
            text = c_string(environment.from_string(source).render(**json.loads(CONTEXT)))
        except (Exception, RecursionError):
            text = "NULL"
        print(f"    {{{c_string(source)},\n     {text}}},")
    print("};\n\n#endif")


main()
