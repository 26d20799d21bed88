# SPDX-License-Identifier: MIT
"""The template language, feature by feature, against Python's Jinja2 live: the same text, or both fail."""

import pytest

from rendering import compare

CONTEXT = {
    "name": "World", "empty": "", "zero": 0, "one": 1, "minus": -7, "pi": 3.14159, "big": 12345678901,
    "yes": True, "no": False, "nothing": None, "text": "the quick brown Fox",
    "html": "<b>\"bold\" & 'brave'</b>", "lines": "first line\nsecond line\n\n  fourth\n",
    "word": "stra\u00dfe \u00c9COLE \u03a3\u039f\u03a6\u039f\u03a3", "emoji": "a\U0001f600\u00e9\u4e2d",
    "numbers": [3, 1, 2, 10, -4], "floats": [0.1, 1e16, 1e-5, 100.0, 1e22, 5e-324],
    "words": ["beta", "Alpha", "gamma", "alpha"], "nested": [[1, 2], [3, [4, 5]]],
    "users": [{"name": "Ann", "age": 30, "city": "Rome", "on": True},
              {"name": "bob", "age": 25, "city": "oslo"},
              {"name": "Cy", "age": 30, "city": "Oslo", "on": False}],
    "map": {"b": 1, "a": [1, {"x": None}], "items": "shadowed", "C": 2.5, "k y": "v"},
    "deep": {"a": {"b": {"c": [10, {"d": "found"}]}}},
    "tree": [{"n": "root", "c": [{"n": "x", "c": [{"n": "y", "c": []}]}, {"n": "z", "c": []}]}],
    "schema": {"type": "object", "properties": {"q": {"type": "string"}, "n": {"type": ["integer", "null"]}}},
}

SNIPPETS = {
    "output": [
        'plain text', '', '\n', 'a\n', 'a\n\n', '{{ name }}', '{{name}}{{  name  }}', '{{ name, one }}',
        '{{ (name,) }}', '{{ () }}', '{{ undefined_name }}', '{{ nothing }}', '{{ yes }} {{ no }}',
        '{{ 1.0 }} {{ 1e3 }} {{ 1E-7 }}', '{{ 0x1f }} {{ 0b101 }} {{ 0o17 }} {{ 1_000 }}', '{{ floats }}',
        '{{ numbers }}', '{{ map }}', '{{ nested }}', '{{ word }} {{ emoji }}',
        '{{ [word, emoji, html, lines] }}', "{{ '\\u200b\\xa0\\x7f\\\\' | list }}", '{{ {} }}', '{{ [] }}',
        "{{ {'a': 1, 2: 'b', none: true, 1.5: []} }}", "{{ {1: 'a', true: 'b', 1.0: 'c'} }}",
        '{% print name %}', '{% print name, one %}', '{{ name }', '{{ }}', '{{ name name }}', '{{',
        "{{ 'abc }}", '{% %}', '{% nosuch %}', '{{ 007 }}', '{{ 1__0 }}', '{{ 1.e5 }}', '{{ 3.real }}',
        '{{ name ! }}', '{{ (1 }}', '{{ 1) }}', '{{ [1, 2 }}', '{{ {1: 2 }}', '}} %} #}', '{ { name } }',
        "{{ '}}' }}", "{{ {'a': {'b': 1}} }}", "{{ {'a': {}}['a'] }}",
    ],
    "literals": [
        '{{ \'a\' \'b\' "c" }}', "{{ 'it\\'s' }}", '{{ "tab\\tnew\\nline" }}',
        "{{ '\\x41\\u00e9\\U0001F600\\101' }}", "{{ '\\d\\q' }}", "{{ '\\'\n' }}", "{{ 'a\\\nb' }}",
        "{{ '\\x4' }}", "{{ [1, 'a', [2]] }}", '{{ [1,] }}', '{{ (1, 2) }}', '{{ (1) }}', "{{ {'a': 1,} }}",
        "{{ {'a' 1} }}", '{{ true }}{{ True }}{{ false }}{{ none }}{{ None }}', "{{ 'é' }}",
        '{{ "a\'b" }} {{ [\'a\\\'b\', \'a"b\', \'a\\\'"b\'] }}', "{{ '\\a\\b\\f\\v\\0' | list }}",
    ],
    "arithmetic": [
        '{{ 1 + 2 * 3 - 4 }}', '{{ (1 + 2) * 3 }}', '{{ 7 / 2 }} {{ 8 / 2 }}',
        '{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 // -2 }}', '{{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }}',
        '{{ 7.5 // 2 }} {{ -7.5 // 2 }} {{ 7.5 % 2 }} {{ -7.5 % 2 }}',
        '{{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 0.5 }}', '{{ 2 ** 3 ** 2 }}', '{{ -2 ** 2 }}',
        '{{ 10 ** 2 ** 0 }}', '{{ 1 / 0 }}', '{{ 1 // 0 }}', '{{ 1 % 0 }}', '{{ 0 ** -1 }}',
        '{{ 1.5 + 1 }} {{ 0.1 + 0.2 }}', '{{ true + true }}', "{{ 'a' + 'b' }}", "{{ 'a' + 1 }}",
        "{{ 1 + 'a' }}", "{{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ 'a' * -1 }}", '{{ [1] * 3 }} {{ 2 * (1, 2) }}',
        '{{ [1] + [2, 3] }}', '{{ (1,) + (2,) }}', '{{ [1] + (2,) }}', '{{ none + 1 }}', '{{ missing + 1 }}',
        "{{ 'a' + missing }}", '{{ [] - [] }}', "{{ 'a' - 'b' }}", '{{ -one }} {{ +one }} {{ - minus }}',
        "{{ -'a' }}", '{{ -missing }}', '{{ - - 1 }}', '{{ 1e308 * 10 }} {{ -1e308 * 10 }}', '{{ 1_0.5e-1 }}',
        '{{ 5 - -3 }}', '{{ 3.0 }} {{ 3.10 }} {{ 1/3 }}',
        '{{ 123456789.123456789 }} {{ 1e15 }} {{ 1e16 }} {{ 123456789012345678.0 }}',
        '{{ 0.0001 }} {{ 0.00001 }}', '{{ -0.0 }}', '{{ one + pi * 2 }}', '{{ 1 if 2 > 1 else 3 + 4 }}',
        '{{ not 1 + 1 }}', '{{ -1 | abs }}', '{{ (-1) | abs }}', '{{ 2 * 3 | abs }}',
    ],
    "comparison": [
        '{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 3 > 2 >= 2 }}', '{{ 1 == 1.0 == true }}',
        "{{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ 'é' > 'z' }}",
        "{{ [1, 2] < [1, 3] }} {{ [1] < [1, 0] }} {{ (1, 'a') < (1, 'b') }}", "{{ 1 < 'a' }}",
        '{{ none < 1 }}', '{{ {} < {} }}', '{{ 1 in [1, 2] }} {{ 3 not in [1, 2] }}',
        "{{ 'a' in 'abc' }} {{ '' in 'abc' }}", "{{ 1 in 'abc' }}", "{{ 'b' in map }}",
        "{{ 'x' in nothing }}", "{{ 'x' in missing }}", '{{ [] in map }}', '{{ 2 in range(3) }}',
        "{{ 1 == '1' }}", '{{ none == none }}', "{{ [1, [2, {'a': 3}]] == [1, [2, {'a': 3}]] }}",
        "{{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }}", '{{ (1,) == [1] }}',
        '{{ missing == missing2 }} {{ missing == none }} {{ missing != 1 }}', '{{ missing < 1 }}',
        '{{ 1 != 2 != 1 }}', '{{ not 1 in [1] }}', "{{ not not '' }}",
        "{{ 1 and 0 or 2 }} {{ '' or 'x' }} {{ 0 and missing.x }}", '{{ 1 or missing.x }}',
        '{{ 9007199254740993 == 9007199254740993.0 }} {{ 9007199254740993 > 9007199254740992.0 }}',
        '{{ range(3) == range(0, 3) }}', '{{ 1 <> 2 }}', '{{ 1 = 1 }}',
        "{{ 'a' in ['a', 'b'] and 'c' not in ['a'] }}", '{{ 1 in missing.x }}', '{{ true in [1] }}',
    ],
    "conditional": [
        "{{ 'a' if yes else 'b' }}", "{{ 'a' if no }}", "{{ ('a' if no) is defined }}", "{{ ('a' if no).x }}",
        '{{ 1 if no else 2 if no else 3 }}', "{{ 'x' ~ ('a' if yes) ~ 1 }}",
        "{{ missing if missing is defined else 'default' }}", '{% if yes %}a{% endif %}',
        '{% if no %}a{% elif yes %}b{% else %}c{% endif %}',
        '{% if no %}a{% elif no %}b{% else %}c{% endif %}', '{% if missing %}a{% else %}b{% endif %}',
        '{% if numbers and not empty %}ok{% endif %}', '{% if yes %}a', '{% if yes %}{% endfor %}',
        '{% if %}{% endif %}', '{% else %}', '{% endif %}', '{% if yes: %}colon{% endif %}',
        '{% if yes %}{% if no %}{% else %}x{% endif %}{% endif %}', '{% if 1, 2 %}tuple{% endif %}',
        "{% if numbers|select('string') %}generators are true{% endif %}", '{% elif x %}',
        '{% if no %}{{ 1|nosuch }}{% endif %}ok', '{% for x in [] %}{{ 1|nosuch }}{% endfor %}',
        '{{ 1|nosuch if no else 2 }}', '{% if yes %}{{ 1|nosuch }}{% endif %}',
        '{% if no %}{{ 1 is nosuch }}{% endif %}ok',
    ],
    "for": [
        '{% for x in numbers %}{{ x }},{% endfor %}', '{% for x in [] %}a{% else %}none{% endfor %}',
        '{% for c in emoji %}[{{ c }}]{% endfor %}', '{% for k in map %}{{ k }};{% endfor %}',
        '{% for k, v in map.items() %}{{ k }}={{ v }};{% endfor %}',
        '{% for x in missing %}a{% else %}e{% endfor %}', '{% for x in 5 %}{% endfor %}',
        '{% for x in nothing %}{% endfor %}', '{% for a, b in [(1, 2), (3, 4)] %}{{ a + b }} {% endfor %}',
        '{% for a, b in [(1, 2, 3)] %}{% endfor %}', '{% for a, b in [(1,)] %}{% endfor %}',
        '{% for a, b in [1] %}{% endfor %}',
        '{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}',
        "{% for a, b in ['xy'] %}{{ b }}{{ a }}{% endfor %}",
        '{% for x in numbers if x > 1 %}{{ loop.index }}:{{ x }}/{{ loop.length }} {% else %}no{% endfor %}',
        '{% for x in numbers if x > 100 %}{{ x }}{% else %}no{% endfor %}',
        "{% for x in 'abc' %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ "
        'loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}',
        "{% for x in 'abc' %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}",
        "{% for x in 'abc' %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}",
        '{% for x in [1, 1, 2, 2, 1] %}{{ loop.changed(x) }} {% endfor %}',
        "{% for x in 'abcd' %}{{ loop.cycle('odd', 'even') }} {% endfor %}",
        "{% for x in 'a' %}{{ loop.cycle() }}{% endfor %}",
        "{% for x in 'ab' %}{% for y in 'cd' %}{{ loop.index }}{{ x }}{{ y }} {% endfor %}{{ loop.index }}"
        '{% endfor %}',
        "{% for x in 'abc' %}{% if x == 'b' %}{% continue %}{% endif %}{{ x }}{% endfor %}",
        "{% for x in 'abc' %}{% if x == 'b' %}{% break %}{% endif %}{{ x }}{% endfor %}",
        "{% for x in 'a' %}{% break %}{% else %}else{% endfor %}",
        "{% for x in 'ab' %}{% continue %}{% else %}else{% endfor %}",
        "{% for x in 'ab' %}{% if loop.last %}{% break %}{% endif %}.{% else %}else{% endfor %}",
        '{% break %}', "{% for x in 'ab' %}{% for y in '12' %}{% break %}{% endfor %}{{ x }}{% endfor %}",
        '{% for n in tree recursive %}{{ n.n }}({{ loop.depth }},{{ loop.depth0 }}){% if n.c %}[{{ '
        'loop(n.c) }}]{% endif %}{% endfor %}',
        "{% for x in 'ab' %}{{ loop('c') }}{% endfor %}",
        '{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}',
        "{% for x in 'ab' %}{% set y = x %}{% endfor %}{{ y }}", "{% for x in 'ab' %}{% endfor %}{{ x }}",
        '{{ loop }}', '{% for x in [1] %}{{ loop }}{% endfor %}',
        '{% for x in range(3) %}{{ x }}{% endfor %}', '{% for x in range(5, 0, -2) %}{{ x }}{% endfor %}',
        '{% for x in range(2, 4) %}{{ x }}{% endfor %}',
        "{% for x in users|map(attribute='name') %}{{ loop.index }}{{ x }}{{ loop.last }}{{ loop.length }}"
        ' {% endfor %}',
        "{% set g = numbers|select('odd') %}{{ g|list }}{{ g|list }}",
        "{% set ns = namespace(n=0) %}{% for x in 'abcd' if ns.n < 2 %}{{ x }}{% set ns.n = ns.n + 1 %}{% "
        'endfor %}',
        "{% set ns = namespace(n=0) %}{% for x in 'abcd' if ns.n < 2 %}{{ loop.length }}{{ x }}{% set "
        'ns.n = ns.n + 1 %}{% endfor %}',
        "{% for loop in 'a' %}{% endfor %}", "{% for x in 'a' %}{% set loop = 1 %}{% endfor %}",
        "{% for x in 'ab' %}{{ x }}{% endfor -%}  \n z", '{% for x, in [[1], [2]] %}{{ x }}{% endfor %}',
        '{% for x.y in [1] %}{% endfor %}', '{% for 1 in [1] %}{% endfor %}', '{% for x [1] %}{% endfor %}',
        '{% for x in [1, 2], [3] %}{{ x }}{% endfor %}', "{% for x in 'abc'[::-1] %}{{ x }}{% endfor %}",
        '{% for x in numbers|sort %}{{ loop.previtem }}|{% endfor %}',
        '{% for i in [1, 2, 3] %}{% if loop.nextitem is defined and loop.nextitem == 3 %}next{% endif %}'
        '{% endfor %}',
        "{% for x in 'ab' %}{{ loop.nosuch }}{{ loop['index'] }}{% endfor %}",
        '{% for x in numbers %}{{ loop.length }}{% break %}{% endfor %}',
        '{% for item in [1] %}{% for item in [2] %}{{ item }}{% endfor %}{{ item }}{% endfor %}',
    ],
    "set": [
        '{% set a = 1 %}{{ a }}', '{% set a, b = 1, 2 %}{{ a }}{{ b }}', '{% set a, b = b, a %}{{ a }}',
        '{% set a = 1, 2 %}{{ a }}', '{% set a %}x{{ name }}y{% endset %}{{ a }}',
        '{% set a | upper %}abc{% endset %}{{ a }}',
        "{% set a | replace('b', 'x') | upper %}abc{% endset %}{{ a }}", '{% set a.b = 1 %}',
        '{% set map.b = 1 %}', '{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns.b }}',
        '{% set ns = namespace(a=1, b=[]) %}{{ ns }}{{ ns.a }}',
        "{% set ns = namespace({'x': 5}) %}{{ ns.x }}{{ ns['x'] }}",
        '{% set ns = namespace(a=1) %}{% for i in [1, 2, 3] %}{% set ns.a = ns.a + i %}{% endfor %}{{ '
        'ns.a }}',
        '{% set ns = namespace() %}{% set ns._x = 1 %}', '{{ namespace(_x=1) }}',
        '{% set ns = namespace() %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}',
        '{% if yes %}{% set q = 5 %}{% endif %}{{ q }}', '{% if no %}{% set name = 5 %}{% endif %}{{ name }}',
        "{% set name = 'x' %}{{ name }}", "{% set name = name ~ '!' %}{{ name }}", '{% set 1 = 2 %}',
        '{% set a %}{% set b = 1 %}{% endset %}{{ b }}', '{% set a = %}', '{% set none = 1 %}',
        '{% set [a, b] = [1, 2] %}', '{% set (a, b) = (1, 2) %}{{ a + b }}',
        '{% set x %}a{% endset %}{{ x is string }}{{ x|length }}',
        '{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}',
        '{% with %}{% set a = 1 %}{{ a }}{% endwith %}{{ a }}',
        '{% set a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}',
        '{% with a, b = (1, 2) %}{{ a }}{{ b }}{% endwith %}',
        '{% set ns = namespace() %}{{ ns.items }}{{ ns.x is defined }}',
        '{% set ns = namespace(a=[]) %}{% set ns.a = ns.a + [1] %}{{ ns.a }}',
        '{% set x = 1 %}{% if yes %}{% set x = 2 %}{% endif %}{{ x }}', '{% set a = b = 1 %}',
        '{% set ns = namespace(x=1) %}{% with %}{% set ns.x = 2 %}{% endwith %}{{ ns.x }}',
    ],
    "macro": [
        '{% macro m() %}hi{% endmacro %}{{ m() }}{{ m() }}',
        '{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=1, a=2) }}',
        '{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m() }}',
        '{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}', '{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}',
        '{% macro m(a) %}{% endmacro %}{{ m(c=2) }}',
        '{% macro m(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}',
        '{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}body{% endcall %}',
        '{% macro m() %}{% for i in [1, 2] %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(x) m() %}'
        '<{{ x }}>{% endcall %}',
        '{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}',
        '{% macro m() %}x{% endmacro %}{% call m() %}{% endcall %}',
        '{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}',
        '{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}', '{% macro m(a=1, b) %}{% endmacro %}',
        '{% macro m(a, a) %}{% endmacro %}',
        '{% set x = 1 %}{% macro m() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ m() }}',
        '{% macro m() %}{% set y = 5 %}{% endmacro %}{{ m() }}{{ y }}',
        '{{ m }}{% macro m() %}{% endmacro %}{{ m }}',
        '{% macro m(a, b) %}{% endmacro %}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ '
        'm.catch_varargs }}{{ m.caller }}',
        '{% macro m() %}{{ name }}{% endmacro %}{{ m() }}',
        '{% for i in [1] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}',
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(*[1]) }}{{ m(**{'x': 2}) }}{{ m(*[], x=3) }}",
        '{% macro m(x) %}{{ x }}{% endmacro %}{{ m(1, x=2) }}', '{{ m() }}', '{% call 5 %}{% endcall %}',
        '{% call missing() %}{% endcall %}', "{% macro m() %}a{% endmacro %}{{ m() | upper }}{{ m() ~ 'x' }}",
        '{% macro outer() %}{% macro inner() %}i{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}{{ '
        'inner is defined }}',
        "{% macro m() %}{% for x in 'ab' %}{{ x }}{% endfor %}{% endmacro %}{{ m()|length }}",
        '{% macro m(caller=none) %}{{ caller is none }}{% endmacro %}{{ m() }}',
        "{% macro m(kw={'a': 1}) %}{{ kw.a }}{% endmacro %}{{ m() }}",
        '{% macro m() %}  x  {% endmacro %}[{{ m() }}][{{ m()|trim }}]',
        "{% for x in 'ab' %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}",
        '{% macro loop_it(xs) %}{% for x in xs %}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}{% '
        'endmacro %}{{ loop_it(numbers) }}',
        "{% macro m(a, b=[]) %}{{ a }}{{ b }}{% endmacro %}{{ m('x', b='y') }}",
        '{% call(a, b=2) (missing)() %}{% endcall %}',
    ],
    "blocks": [
        '{% filter upper %}abc {{ name }}{% endfilter %}',
        "{% filter replace('a', 'b')|upper %}aaa{% endfilter %}", '{% filter length %}abc{% endfilter %}',
        '{% raw %}{{ x }}{% y %}{# z #}{% endraw %}', '{%- raw -%} a {%- endraw -%} b',
        '{% raw %}\na\n{% endraw %}\nb', '{% raw %}unclosed', '{# comment #}x', '{# unclosed',
        '{#- a -#} x {#- b #}  y', '{# {{ x }} {% if %} #}ok', 'a {#', '{#}{##}',
        '{% generation %}x{{ name }}{% endgeneration %}',
        '{% generation %}{% set q = 1 %}{% endgeneration %}{{ q }}', '{% block a %}x{{ name }}{% endblock %}',
        '{% block a %}{% endblock a %}', '{% block a %}{% endblock b %}',
        '{% block a %}1{% endblock %}{{ self.a() }}',
        '{% block a %}{% endblock %}{% block a %}{% endblock %}',
        '{% set v = 1 %}{% block a %}{{ v }}{% endblock %}',
        '{% for i in [1] %}{% block a %}{{ i }}{% endblock %}{% endfor %}',
        '{% for i in [1] %}{% block a scoped %}{{ i }}{% endblock %}{% endfor %}',
        '{% block a %}{{ super() }}{% endblock %}', '{% block a required %}{% endblock %}',
        '{% block a-b %}{% endblock %}', "{% include 'nosuch' %}", "{% include 'nosuch' ignore missing %}ok",
        "{% extends 'nosuch' %}", "{% import 'nosuch' as x %}", "{% from 'nosuch' import x %}",
        "{% from 'a' import _x %}",
        '{% autoescape true %}{{ html }}{{ html|safe }}{% endautoescape %}{{ html }}',
        "{% autoescape true %}{{ name ~ '&' ~ html|safe }}{{ html ~ 1 }}{% endautoescape %}",
        '{% autoescape true %}{{ [html|safe] }}{% endautoescape %}',
        '{% autoescape true %}{% set x %}<b>{{ html }}</b>{% endset %}{{ x }}{% endautoescape %}',
        "{% autoescape true %}{% macro m(x) %}<i>{{ x }}</i>{% endmacro %}{{ m('<') }}{{ m('<')|length }}"
        '{% endautoescape %}',
        "{% autoescape true %}{{ ('<%s>'|safe) % '<' }}{{ ('{}'|safe).format('<') }}{% endautoescape %}",
        "{% autoescape true %}{{ ['<', '<'|safe]|join('&') }}{% endautoescape %}",
        "{% autoescape true %}{{ html|upper }}{{ (html|safe)|upper }}{{ html|replace('<', '>') }}{% "
        'endautoescape %}',
        "{% autoescape true %}{{ 'a'|replace('a', '<'|safe) }}{{ ('<'|safe)|replace('<', '>') }}{% "
        'endautoescape %}',
        "{% autoescape true %}{{ '<' + ('>'|safe) }}{{ ('>'|safe) * 2 }}{{ ('<>'|safe)[0] }}{% "
        'endautoescape %}',
        '{% autoescape no %}{{ html }}{% endautoescape %}', '{% filter escape %}<{% endfilter %}',
        '{% filter nosuch %}{% endfilter %}',
        "{% for x in 'ab' %}{% filter upper %}{{ x }}{% if x == 'a' %}{% continue %}{% endif %}{% "
        'endfilter %}.{% endfor %}',
        "{% for x in 'ab' %}{% set y %}{{ x }}{% break %}{% endset %}.{% endfor %}{{ y }}",
        '{% with a = 1 %}{% if a %}{% for x in [a] %}{{ x }}{% endfor %}{% endif %}{% endwith %}',
        '{% do 1 %}', "{% for x in 'ab' %}{% generation %}{% break %}{% endgeneration %}{% endfor %}",
    ],
    "whitespace": [
        'a\n{% if yes %}\nb\n{% endif %}\nc\n', 'a\n  {% if yes %}  \n  b\n  {% endif %}\nc',
        '  {% if yes %}x{% endif %}  ', '\n\n  {%- if yes -%}\n\n x \n\n{%- endif -%}\n\n y',
        'a {{- name -}} b', 'a {{ name }}\nb', '{{ name }}\n', '{{ name }}\n\n',
        'a\n  {%+ if yes %}b{% endif %}', '{% if yes +%}\nb{% endif %}', '{%+ if yes +%}\n b\n{%+ endif %}\n',
        '  {# c #}\nx', '  {#+ c +#}\nx', ' \t {% set a = 1 %} \t\n x', 'x {% set a = 1 %}\ny',
        '\t{{ name }}\t', "{{- ' a ' -}}", '{{ name +}}', '{{+ name }}', '{{-1}}', '{{ -1 }}',
        '{%- set a = 1 -%}\n\n{{ a }}', 'a\r\nb\rc\n{{ name }}\r\n', '{% if yes %}\r\nx\r\n{% endif %}\r\n',
        'a\n{% raw %}\n  b\n  {% endraw %}\nc', 'a   {%- raw %} b {% endraw -%}   c',
        '  {% raw %}x{% endraw %}', "a\n\n{%- for x in 'ab' %}\n{{ x }}\n{%- endfor %}\n\nz",
        '\xa0{%- if yes %}x{% endif %}', '{{ name }}{% if yes %} {% endif %}{{ name }}',
        "   {% for x in 'ab' %}   \n   {{ x }}   \n   {% endfor %}   \n",
        '{% if yes -%}\n  a\n{%- else -%}\n  b\n{%- endif %}', "{{ 'a\nb' }}\n{{ name }}",
        '{%-if yes-%}x{%-endif-%}', 'a{#- x -#}b', '{% set x = 1 %}\n\n\n', '\n{% set x = 1 %}',
        '\n\n{{ 1 }}\n\n', '{% if yes %}\n\n{% endif %}',
        'x\n    {% if yes %}{{ 1 }}{% endif %}\n    {{ 2 }}', '{{ 1 }}  {% if yes %}{% endif %}\n{{ 2 }}',
        '\x0b{% if yes %}{% endif %}\x0c', '{{ \'}}\' }}{{ "%}" }}', '{%   if   yes   %}x{%   endif   %}',
        '{%\nif yes\n%}x{%\nendif\n%}',
    ],
    "access": [
        "{{ map.b }}{{ map['b'] }}{{ map['nosuch'] }}{{ map.nosuch }}", "{{ map['items'] }}",
        '{{ map.items is callable }}', '{{ map.nosuch.x }}', '{{ missing.x }}', "{{ missing['x'] }}",
        '{{ nothing.x }}', '{{ nothing.x.y }}', '{{ deep.a.b.c[1].d }}', "{{ deep['a']['b'].c.0 }}",
        '{{ numbers[0] }}{{ numbers[-1] }}{{ numbers[99] }}', "{{ numbers['0'] }}",
        '{{ numbers.0 }}{{ numbers.1 }}', '{{ nested[1][1][0] }}', '{{ nested.1.1.0 }}',
        '{{ name[0] }}{{ name[-1] }}{{ emoji[1] }}{{ name[99] }}', "{{ name.x }}{{ name['x'] }}",
        '{{ one.x }}', '{{ one[0] }}', '{{ (1, 2)[1] }}', "{{ 'abc'[1] }}",
        '{{ numbers[1:3] }}{{ numbers[:2] }}{{ numbers[2:] }}{{ numbers[:] }}',
        '{{ numbers[::-1] }}{{ numbers[::2] }}{{ numbers[-2:] }}{{ numbers[:-2] }}',
        '{{ numbers[3:1] }}{{ numbers[3:1:-1] }}{{ numbers[10:] }}{{ numbers[-10:2] }}', '{{ numbers[::0] }}',
        '{{ emoji[1:3] }}{{ emoji[::-1] }}{{ emoji[::2] }}', '{{ numbers[none:2] }}', "{{ numbers['a':] }}",
        '{{ nothing[1:] }}', '{{ missing[1:] }}', '{{ map[1:] }}',
        '{{ range(10)[2:8:2]|list }}{{ range(10)[::-1]|list }}{{ range(5)[1] }}{{ range(5)[-1] }}',
        '{{ (1, 2, 3)[1:] }}', '{{ numbers[1.0] }}', '{{ numbers[true] }}', '{{ map[[]] }}',
        "{{ {(1, 2): 'x'}[(1, 2)] }}", "{{ {(1, 2): 'x'}[1, 2] }}", '{{ {[]: 1} }}', "{{ map['k y'] }}",
        '{{ numbers.append(1) }}', '{{ map.update({}) }}', '{{ numbers.append }}', "{{ map.pop('b') }}",
        "{{ ''.__class__ }}", "{{ ''.__class__.__mro__ }}", '{{ map.__len__ }}', '{{ name.upper() }}',
        "{{ name['upper']() }}", "{{ map|attr('b') }}{{ map|attr('items') is callable }}", '{{ one() }}',
        "{{ 'a'() }}", '{{ nothing() }}', '{{ numbers[0:2][1] }}', "{{ {'a': {'b': 1}}.a.b }}",
        '{{ [1, 2, 3].1 }}', "{{ users[0].name }}{{ users[0]['age'] }}", '{{ users[-1].name|upper }}',
        '{{ undefined_a.b is defined }}', '{{ map.nosuch is defined }}', '{{ deep.x.y is defined }}',
        '{{ numbers[5:].x }}', "{{ {'x': 1}.x }}", '{{ {}.x.y }}', '{{ schema.properties|items|list }}',
    ],
    "filters_text": [
        '{{ word|upper }} {{ word|lower }} {{ word|title }} {{ word|capitalize }}',
        "{{ 'ΑΣ ΑΣΑ Σ ΑΣ.' | lower }}",
        "{{ 'ǆ ŉ ﬁ İ' | upper }} {{ 'ǆ ŉ ﬁ İ' | lower }} {{ 'ǆen ŉa' | title }} {{ 'ǆen'|capitalize }}",
        '{{ text|title }} {{ "foo\'s b-ar (baz) [x] {y} <z>"|title }}', "{{ 'HELLO wORLD'|capitalize }}",
        "{{ '  x \n'|trim }}|{{ 'xxaxx'|trim('x') }}|{{ 5|trim }}",
        "{{ 'abc'|center(9) }}|{{ 'abcd'|center(9) }}|{{ 'abc'|center(8) }}|{{ 'abc'|center(2) }}|",
        '{{ name|center }}|',
        "{{ 'aaa'|replace('a', 'b') }}{{ 'aaa'|replace('a', 'b', 2) }}{{ 'abc'|replace('', '-') }}{{ "
        '123|replace(2, 5) }}',
        "{{ 'abc'|replace('', '-', 2) }}",
        '{{ text|truncate(9) }}|{{ text|truncate(9, true) }}|{{ text|truncate(15) }}|{{ text|truncate(11, '
        "false, '..', 0) }}",
        '{{ text|truncate(2) }}', '{{ 5|truncate }}', '{{ lines|indent }}', '{{ lines|indent(2, true) }}',
        '{{ lines|indent(2, blank=true) }}', "{{ lines|indent('> ', true, true) }}",
        "{{ ''|indent }}|{{ 'a\n'|indent }}|{{ '\n\na'|indent(1, blank=true) }}", '{{ 5|indent }}',
        "{{ lines|wordcount }} {{ 'a-b c_d é 1.5'|wordcount }}", "{{ 'a %s b %d'|format('x', 5) }}",
        "{{ '%(a)s'|format(a=1) }}", "{{ '%s'|format }}", "{{ '%s'|format(1, a=2) }}",
        "{{ [1, 'a']|string }}{{ none|string }}{{ 1.0|string }}{{ map|string }}{{ yes|string }}",
        "{{ 'one two three four five'|wordwrap(9) }}", "{{ 'one two three four five'|wordwrap(3) }}",
        "{{ 'one-two three-four aaaaaaaaaaaaaaaaaaaa'|wordwrap(6) }}",
        "{{ 'one-two three-four aaaaaaaaaaaaaaaaaaaa'|wordwrap(6, false) }}",
        "{{ 'one-two three-four five'|wordwrap(5, break_on_hyphens=false) }}",
        "{{ 'a  b   c\n\nd e f'|wordwrap(4) }}", "{{ '  lead and   trail   '|wordwrap(6) }}",
        "{{ 'one two three'|wordwrap(5, true, '<br>') }}",
        "{{ 'x--y -- z--- e-mail a-b-c-d well-known'|wordwrap(4) }}", "{{ 'a'|wordwrap(0) }}",
        '{{ lines|wordwrap(8) }}', "{{ 'pre-1 post-x1 ab-cd- -ef long-hyphenated-word'|wordwrap(7) }}",
        '{{ html|e }}{{ html|escape }}{{ html|forceescape }}{{ html|safe }}',
        '{{ html|e|e }}{{ html|e|forceescape }}', "{{ '<' | e ~ '<' }}", "{{ ('<'|e) + '<' }}",
        '{{ (html|e)|string is escaped }}{{ html is escaped }}',
        "{{ '<p>a <!-- x --> b</p>  c &amp; &lt;d&gt; &#65;&#x42; &quot;'|striptags }}",
        "{{ '<p unclosed'|striptags }}{{ 'a < b > c'|striptags }}",
        '{{ {\'class\': \'a b\', \'id\': none, \'x\': \'<"\', \'y\': missing}|xmlattr }}',
        "{{ {'a': 1}|xmlattr(false) }}", "{{ {'a b': 1}|xmlattr }}", '{{ 5|xmlattr }}', '{{ {}|xmlattr }}',
        "{{ 'a b/c?d=é&f'|urlencode }} {{ {'a b': 1, 'c': 'x&y/'}|urlencode }} {{ [('a', 1), ('b', "
        'none)]|urlencode }} {{ 5|urlencode }}',
        '{{ missing|upper }}|{{ nothing|upper }}', '{{ text|nosuch }}', '{{ text|upper|lower|title }}',
        '{{ text|upper() }}', '{{ text|upper(1) }}', '{{ text|trim(nosuch=1) }}', '{{ text|replace }}',
        '{{ 1000|filesizeformat }} {{ 1|filesizeformat }} {{ 999|filesizeformat }} {{ '
        "123456789|filesizeformat }} {{ 1024|filesizeformat(true) }} {{ '5000'|filesizeformat }} {{ "
        '1e30|filesizeformat }}',
        "{{ 'x'|filesizeformat }}", '{{ missing|trim }}|{{ missing|string|length }}',
    ],
    "filters_number": [
        '{{ -5|abs }}{{ minus|abs }}{{ -1.5|abs }}{{ (-1.5)|abs }}{{ true|abs }}', "{{ 'a'|abs }}",
        "{{ '42'|int }}{{ '42.9'|int }}{{ 'x'|int }}{{ 'x'|int(5) }}{{ 3.9|int }}{{ -3.9|int }}{{ "
        '(-3.9)|int }}{{ true|int }}{{ none|int }}{{ none|int(2) }}{{ []|int }}',
        "{{ '0x1f'|int(base=16) }}{{ '1f'|int(0, 16) }}{{ '0b11'|int(0, 2) }}{{ '11'|int(0, 2) }}{{ "
        "'zz'|int(0, 36) }}{{ '0x1f'|int }}{{ '0o17'|int(0, 0) }}",
        "{{ ' 5 '|int }}{{ '1_000'|int }}{{ '1__0'|int }}{{ '-5'|int }}{{ '+5'|int }}{{ '--5'|int }}{{ "
        "''|int }}{{ '1e3'|int }}{{ 'inf'|int }}{{ 'nan'|int }}",
        '{{ missing|int }}', '{{ missing|int(5) }}',
        "{{ '1.5'|float }}{{ 'x'|float }}{{ 'x'|float(2.5) }}{{ 1|float }}{{ none|float }}{{ '1e3'|float }"
        "}{{ 'inf'|float }}{{ ' 1.5 '|float }}{{ '0x10'|float }}{{ '1_0.5'|float }}{{ 'nan'|float }}{{ "
        "'-Infinity'|float }}",
        '{{ missing|float }}',
        "{{ 42.55|round }}{{ 42.55|round(1) }}{{ 42.55|round(1, 'floor') }}{{ 42.51|round(1, 'ceil') }}{{ "
        '42|round }}{{ 2.5|round }}{{ 3.5|round }}{{ -2.5|round }}',
        '{{ 0.5|round }} {{ 1.5|round }} {{ 2.675|round(2) }} {{ 1.005|round(2) }} {{ 1e20|round(2) }} {{ '
        '1234.5678|round(-2) }} {{ 1250|round(-2) }} {{ 1350|round(-2) }} {{ 15|round(-1) }} {{ '
        '25|round(-1) }} {{ 5|round(-3) }}',
        '{{ 1251.0|round(-2) }} {{ 60.0|round(-2) }} {{ 50.0|round(-2) }} {{ 40.0|round(-2) }} {{ '
        '150.0|round(-2) }}',
        "{{ 7|round(method='ceil') }} {{ 7.2|round(method='ceil') }} {{ -7.2|round(method='floor') }} {{ "
        "(-7.2)|round(0, 'floor') }}",
        "{{ 1|round(1, 'x') }}", "{{ 'a'|round }}", '{{ 42.55|round|int }}',
        "{{ [1, 2, 3]|sum }}{{ []|sum }}{{ [0.1, 0.2]|sum }}{{ users|sum(attribute='age') }}{{ "
        '[1]|sum(start=10) }}{{ [[1], [2]]|sum(start=[]) }}',
        "{{ ['a']|sum }}", "{{ ['a']|sum(start='') }}", '{{ [missing]|sum }}',
        '{{ numbers|min }}{{ numbers|max }}{{ words|min }}{{ words|max }}{{ '
        "words|min(case_sensitive=true) }}{{ []|min }}{{ users|max(attribute='age') }}",
        "{{ [1, 'a']|max }}", '{{ ([]|max) is defined }}', '{{ 5|max }}',
        '{{ 1.0|int|string }} {{ 1e18|int }}',
        '{{ 1e300|round(1) }} {{ 0.1|round(20) }} {{ 5e-324|round(2) }} {{ (-0.4)|round }}',
    ],
    "filters_sequence": [
        "{{ numbers|first }}{{ numbers|last }}{{ 'abc'|first }}{{ 'abc'|last }}{{ map|first }}{{ []|first "
        '}}{{ []|last }}{{ missing|first }}',
        '{{ ([]|first).x }}', '{{ 5|first }}', '{{ nothing|last }}', "{{ (numbers|map('abs'))|last }}",
        "{{ numbers|length }}{{ 'é中'|length }}{{ map|count }}{{ missing|length }}", '{{ 5|length }}',
        '{{ nothing|length }}', '{{ (numbers|select)|length }}',
        "{{ 'abc'|list }}{{ map|list }}{{ (1, 2)|list }}{{ range(3)|list }}{{ missing|list }}{{ "
        'map.items()|list }}',
        '{{ 5|list }}',
        '{{ numbers|sort }}{{ numbers|sort(reverse=true) }}{{ words|sort }}{{ '
        'words|sort(case_sensitive=true) }}{{ words|sort(true) }}',
        "{{ users|sort(attribute='name')|map(attribute='name')|list }}",
        "{{ users|sort(attribute='age,name')|map(attribute='name')|list }}{{ users|sort(true, "
        "attribute='age')|map(attribute='name')|list }}",
        "{{ [1, 'a']|sort }}", '{{ [none, 1]|sort }}', '{{ [[2], [1, 5], [1]]|sort }}',
        "{{ map|sort }}{{ 'hello'|sort }}", "{{ users|sort(attribute='nosuch')|length }}",
        '{{ [1, missing]|sort }}',
        "{{ numbers|reverse|list }}{{ 'abc'|reverse }}{{ 'é中'|reverse }}{{ map|reverse|list }}",
        '{{ 5|reverse }}',
        "{{ numbers|join }}{{ numbers|join(', ') }}{{ users|join('; ', attribute='name') }}{{ "
        "'abc'|join('-') }}{{ [1, none, 2.5, [1]]|join(' ') }}{{ []|join(',') }}",
        '{{ 5|join }}', '{{ numbers|join(1) }}', '{{ missing|join }}',
        '{{ words|unique|list }}{{ words|unique(true)|list }}{{ [1, 1.0, true, 2]|unique|list }}{{ '
        "users|unique(attribute='age')|map(attribute='name')|list }}",
        '{{ [[1], [1]]|unique|list }}',
        "{% for g in users|groupby('age') %}{{ g.grouper }}:{{ g.list|map(attribute='name')|join(',') }} "
        '{% endfor %}',
        "{% for k, v in users|groupby('city') %}{{ k }}:{{ v|length }} {% endfor %}",
        "{% for k, v in users|groupby('city', case_sensitive=true) %}{{ k }}:{{ v|length }} {% endfor %}",
        "{% for k, v in users|groupby('on', default='?') %}{{ k }}:{{ v|length }} {% endfor %}",
        "{{ [{'a': 1}]|groupby('a') }}",
        "{{ [1, 2, 3, 4, 5]|batch(2)|list }}{{ [1, 2, 3]|batch(2, 'x')|list }}{{ []|batch(2)|list }}",
        '{{ [1, 2]|batch(0)|list }}',
        "{{ [1, 2, 3, 4, 5]|slice(2)|list }}{{ [1, 2, 3, 4, 5, 6, 7]|slice(3, 'x')|list }}{{ "
        '[]|slice(2)|list }}',
        '{{ [1]|slice(0)|list }}', "{{ 'abcde'|batch(2)|map('join')|list }}", '{{ map|dictsort }}',
        "{{ {'b': 2, 'A': 3, 'c': 1}|dictsort }}{{ {'b': 2, 'A': 3, 'c': 1}|dictsort(true) }}{{ {'b': 2, "
        "'A': 3, 'c': 1}|dictsort(false, 'value') }}{{ {'b': 2, 'A': 3}|dictsort(reverse=true) }}",
        "{{ {}|dictsort(by='x') }}", '{{ 5|dictsort }}', '{{ map|items|list }}{{ missing|items|list }}',
        '{{ [1]|items|list }}',
        "{{ missing|default }}|{{ missing|default('x') }}|{{ ''|default('x') }}|{{ ''|default('x', true) }"
        "}|{{ 0|d(5, boolean=true) }}|{{ none|default('n') }}",
        "{{ map.nosuch|default('x') }}", "{{ missing.x|default('y') }}", '{{ deep.a.nosuch|default(5) }}',
        '{{ numbers|random in numbers }}{{ []|random }}', '{{ map|random }}',
        '{{ nested|sum(start=[])|list }}', '{{ numbers|sort|first }}{{ numbers|sort|reverse|first }}',
        '{{ [3, 1, 2]|sort|join }}', "{{ 'b,a,c'.split(',')|sort|join('-') }}",
        "{{ [{'v': {'w': 2}}, {'v': {'w': 1}}]|sort(attribute='v.w')|map(attribute='v.w')|list }}",
        "{{ [[1, 'b'], [0, 'a']]|sort(attribute=1) }}{{ [[1, 'b'], [0, 'a']]|map(attribute=0)|list }}{{ "
        "[[1, 'b']]|map(attribute='1')|list }}",
    ],
    "filters_select": [
        "{{ numbers|map('abs')|list }}{{ words|map('upper')|join(',') }}{{ "
        "users|map(attribute='name')|list }}{{ users|map(attribute='on')|list }}{{ "
        "users|map(attribute='on', default='?')|list }}{{ words|map('replace', 'a', 'o')|list }}",
        "{{ words|map('nosuch')|list }}", '{{ words|map|list }}', '{{ []|map|list }}',
        "{{ words|map(attribute='x', foo=1)|list }}", "{{ 5|map('abs')|list }}",
        "{{ numbers|select|list }}{{ numbers|select('odd')|list }}{{ numbers|select('>', 2)|list }}{{ "
        "numbers|select('divisibleby', 3)|list }}{{ numbers|reject('odd')|list }}{{ "
        "numbers|reject('lessthan', 3)|list }}",
        "{{ words|select('equalto', 'beta')|list }}{{ words|select('in', ['beta', 'x'])|list }}",
        "{{ numbers|select('nosuch')|list }}", "{{ []|select('nosuch')|list }}",
        "{{ users|selectattr('on')|map(attribute='name')|list }}{{ "
        "users|rejectattr('on')|map(attribute='name')|list }}{{ users|selectattr('age', '==', "
        "30)|map(attribute='name')|list }}{{ users|selectattr('on', 'defined')|list|length }}{{ "
        "users|selectattr('on', 'none')|list|length }}",
        "{{ users|selectattr('name', 'equalto', 'bob')|first }}", '{{ users|selectattr|list }}',
        "{{ [deep]|selectattr('a.b.c.1.d', 'eq', 'found')|list|length }}",
        "{{ missing|selectattr('x')|list }}", "{{ (users|selectattr('nosuch')|list) == [] }}",
        "{{ words|map('length')|sum }}",
        "{{ nested|map('first')|list }}{{ [[1, 2], [3]]|map('sum')|list }}{{ words|map('first')|join }}",
        "{{ ['1', 'x']|map('int', default=7)|list }}",
        "{{ numbers|select('none')|list }}{{ [none, 1, missing]|select('defined')|list }}",
        "{{ (numbers|map('string')) is iterable }}{{ (numbers|map('string')) is sequence }}{{ "
        "(numbers|map('string')) is string }}",
        "{{ (numbers|select('odd')|list)[0] }}", "{{ (numbers|select('odd'))[0] }}",
        "{{ 3 in numbers|select('odd') }}",
    ],
    "tests": [
        '{{ missing is defined }}{{ name is defined }}{{ missing is undefined }}{{ nothing is none }}{{ '
        'nothing is defined }}{{ none is none }}',
        '{{ 1 is odd }}{{ 2 is even }}{{ 9 is divisibleby 3 }}{{ 9 is divisibleby(3) }}{{ -1 is odd }}{{ '
        '1.0 is odd }}',
        "{{ 'a' is odd }}", '{{ 1 is divisibleby 0 }}', '{{ 1 is divisibleby }}',
        '{{ yes is boolean }}{{ 1 is boolean }}{{ yes is true }}{{ 1 is true }}{{ no is false }}{{ 0 is '
        'false }}',
        '{{ 1 is integer }}{{ true is integer }}{{ 1.0 is float }}{{ 1 is float }}{{ 1 is number }}{{ '
        "true is number }}{{ '1' is number }}",
        "{{ 'a' is string }}{{ 1 is string }}{{ map is mapping }}{{ [] is mapping }}{{ [] is sequence }}"
        "{{ 'a' is sequence }}{{ map is sequence }}{{ 1 is sequence }}{{ range(3) is sequence }}{{ "
        'missing is sequence }}{{ none is sequence }}{{ (1,) is sequence }}{{ map.items() is sequence }}',
        "{{ [] is iterable }}{{ 'a' is iterable }}{{ 1 is iterable }}{{ missing is iterable }}{{ none is "
        'iterable }}{{ map.keys() is iterable }}',
        '{{ range is callable }}{{ 1 is callable }}{{ name.upper is callable }}{{ missing is callable }}',
        "{{ 'abc' is lower }}{{ 'ABC' is upper }}{{ 'aBC' is upper }}{{ '123' is upper }}{{ 5 is lower }}"
        "{{ 'é' is lower }}{{ '' is lower }}",
        '{{ 1 is eq 1 }}{{ 1 is equalto 2 }}{{ 1 is ne 2 }}{{ 1 is lt 2 }}{{ 1 is lessthan 2 }}{{ 1 is le '
        '1 }}{{ 2 is gt 1 }}{{ 2 is greaterthan 3 }}{{ 2 is ge 2 }}{{ 1 is == 1 }}',
        "{{ 1 is in [1, 2] }}{{ 'a' is in 'abc' }}{{ 1 is not in [1] }}",
        '{{ 1 is not odd }}{{ not 1 is odd }}{{ 1 is not none }}',
        "{{ 1 is odd and 2 is even }}{{ 1 is odd or 1 is even }}{{ 'x' if 1 is odd else 'y' }}",
        '{{ none is sameas none }}{{ true is sameas true }}{{ 1 is sameas true }}{{ [] is sameas [] }}',
        "{{ 'upper' is filter }}{{ 'nosuch' is filter }}{{ 'odd' is test }}{{ 'nosuch' is test }}",
        '{{ 1 is odd is true }}', '{{ 1 is nosuch }}', '{{ 1 is }}', '{{ 5 is divisibleby 2 + 3 }}',
        "{{ 'a' is in ['a'] ~ 'x' }}", '{{ numbers is sequence and numbers is not mapping }}',
        '{{ name is string and name|length > 2 }}', '{{ map.b is defined and map.b == 1 }}',
        '{{ 3 is gt numbers[1] }}', '{{ (1 if no) is undefined }}',
        "{{ 1 is escaped }}{{ 'a'|safe is escaped }}",
        '{{ missing is none }}{{ missing is string }}{{ missing is mapping }}{{ missing is number }}{{ '
        'missing is boolean }}',
    ],
    "string_methods": [
        "{{ ' a b '.strip() }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ "
        "'abcba'.strip('ab') }}|{{ 'éaé'.strip('é') }}|{{ 'a'.strip(none) }}",
        "{{ '\xa0\u2003x\u3000'.strip() }}|",
        "{{ 'a,b,,c'.split(',') }}{{ ' a  b '.split() }}{{ 'a b c'.split(' ', 1) }}{{ 'a b c'.split(none, "
        "1) }}{{ 'a b c'.split(maxsplit=1) }}{{ ''.split() }}{{ ''.split(',') }}{{ 'abc'.split('b')[-1] }}",
        "{{ 'a'.split('') }}",
        "{{ 'a,b,c'.rsplit(',', 1) }}{{ ' a b c '.rsplit(none, 1) }}{{ ' a b  c '.rsplit() }}{{ "
        "'a--b--c'.rsplit('--') }}{{ 'aaa'.rsplit('aa', 1) }}",
        "{{ 'a b  c '.split(none, 2) }}{{ '  a b  c '.split(none, 0) }}{{ '  a b  c '.rsplit(none, 0) }}"
        "{{ 'a,b'.split(',', 0) }}{{ 'a,b'.split(sep=',') }}",
        "{{ 'a\\nb\\r\\nc\\rd\\x0be\\u2028f\\n'.splitlines() }}{{ 'a\\nb\\n'.splitlines(true) }}{{ "
        "''.splitlines() }}{{ '\\n\\n'.splitlines() }}",
        "{{ 'Hello'.startswith('He') }}{{ 'Hello'.startswith(('x', 'H')) }}{{ 'Hello'.endswith('lo') }}{{ "
        "'Hello'.startswith('l', 2) }}{{ 'Hello'.endswith('l', 0, 3) }}{{ 'a'.startswith('') }}",
        "{{ 'a'.startswith(1) }}", "{{ 'a'.startswith(['a']) }}",
        "{{ 'abcabc'.find('c') }}{{ 'abcabc'.rfind('c') }}{{ 'abc'.find('x') }}{{ 'éé中'.find('中') }}{{ "
        "'abc'.find('') }}{{ 'abc'.rfind('') }}{{ 'abcabc'.find('a', 1) }}{{ 'abcabc'.find('a', 1, 3) }}"
        "{{ 'abcabc'.find('c', -2) }}{{ 'abc'.find('', 5) }}",
        "{{ 'abc'.index('b') }}{{ 'abcb'.rindex('b') }}", "{{ 'abc'.index('x') }}",
        "{{ 'banana'.count('a') }}{{ 'banana'.count('ana') }}{{ 'abc'.count('') }}{{ 'banana'.count('a', "
        "2) }}{{ 'banana'.count('a', 2, 4) }}",
        "{{ 'aXa'.replace('a', 'b') }}{{ 'aaa'.replace('a', 'b', 1) }}{{ 'ab'.replace('', '-') }}{{ "
        "'aaa'.replace('a', 'b', -1) }}",
        "{{ 'a'.replace('a') }}", "{{ 'a'.replace(1, 'b') }}", "{{ 'a'.replace('a', 'b', 'c') }}",
        '{{ \'hELLO wORLD\'.title() }}{{ "they\'re bill\'s".title() }}{{ \'hELLO\'.capitalize() }}{{ '
        "'Hello'.swapcase() }}{{ 'ß'.upper() }}{{ 'ÀÉ'.lower() }}{{ 'ß'.title() }}{{ 'ﬁx'.capitalize() }}",
        "{{ ','.join(['a', 'b']) }}{{ ''.join('abc') }}{{ '-'.join(map) }}{{ '-'.join([]) }}",
        "{{ ','.join([1]) }}", "{{ ','.join(5) }}",
        "{{ 'ab'.ljust(5) }}|{{ 'ab'.rjust(5, '*') }}|{{ 'ab'.center(5, '-') }}|{{ 'abc'.center(6, '-') }}"
        "|{{ '-5'.zfill(4) }}|{{ '5'.zfill(3) }}|{{ 'ab'.ljust(1) }}|",
        "{{ 'a'.ljust(5, 'xy') }}",
        "{{ '12'.isdigit() }}{{ ''.isdigit() }}{{ '1a'.isdigit() }}{{ '²'.isdigit() }}{{ '²'.isdecimal() }"
        "}{{ '½'.isnumeric() }}{{ 'abc'.isalpha() }}{{ 'é中'.isalpha() }}{{ 'a1'.isalnum() }}{{ ' "
        "\\t'.isspace() }}{{ 'a b'.isspace() }}{{ 'abc'.islower() }}{{ 'ABC'.isupper() }}{{ 'Abc "
        "Def'.istitle() }}{{ 'ABc'.istitle() }}{{ 'a\\n'.isprintable() }}{{ 'é'.isascii() }}{{ "
        "'e'.isascii() }}",
        "{{ 'a-b-c'.partition('-') }}{{ 'a-b-c'.rpartition('-') }}{{ 'abc'.partition('-') }}{{ "
        "'abc'.rpartition('-') }}",
        "{{ 'a'.partition('') }}",
        "{{ 'prefix-x'.removeprefix('prefix-') }}{{ 'x.py'.removesuffix('.py') }}{{ 'x'.removeprefix('y') "
        "}}{{ 'a\\tb'.expandtabs(4) }}|{{ 'a\\tb\\n\\tc'.expandtabs() }}",
        "{{ 'a'.nosuch() }}", "{{ 'a'.upper(1) }}", "{{ name.upper().lower().strip('d') }}",
        "{{ '</think>' in 'a</think>b' }}{{ 'a</think>b'.split('</think>')[-1] }}{{ "
        "'x<think>\\ny\\n</think>z'.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') "
        '}}',
        "{{ 'aXbX'.replace('X', '').rstrip() }}", "{{ ('a' ~ 'b').upper() }}",
        "{{ 'x'.join(['1', '2'])|upper }}", "{{ 'a'.casefold() }}",
    ],
    "collection_methods": [
        "{{ map.keys()|list }}{{ map.values()|list }}{{ map.items()|list }}{{ map.get('b') }}{{ "
        "map.get('x') }}{{ map.get('x', 5) }}",
        '{{ map.keys() }}{{ map.values() }}{{ map.items() }}', '{{ map.get() }}', '{{ map.get([]) }}',
        "{{ map.get('b', 'c', 'd') }}", '{{ map.items()[0] }}',
        "{{ map.keys()|length }}{{ 'b' in map.keys() }}{{ 1 in map.values() }}", '{{ map.copy() == map }}',
        '{{ numbers.index(1) }}{{ numbers.count(3) }}{{ (1, 2, 1).count(1) }}{{ (1, 2).index(2) }}{{ '
        'numbers.copy() == numbers }}',
        '{{ numbers.index(99) }}', '{{ numbers.sort() }}', '{{ numbers.nosuch() }}', '{{ map.popitem() }}',
        '{{ numbers.extend([1]) }}', '{{ (1, 2).append(3) }}',
        '{% for k, v in map.items() %}{{ k }}{{ v }}{% if not loop.last %},{% endif %}{% endfor %}',
        "{{ dict(a=1, b=2) }}{{ dict({'x': 1}, y=2) }}{{ dict([('a', 1)]) }}{{ dict() }}", '{{ dict([1]) }}',
        '{{ dict(1) }}', '{{ dict(map, c=1) }}', '{{ map.keys()|sort }}',
        '{{ range(3) }}{{ range(1, 5, 2) }}{{ range(3)|list }}{{ range(0)|list }}{{ range(3)|length }}{{ '
        'range(3)|sum }}{{ range(-3)|list }}',
        '{{ range() }}', '{{ range(1.5) }}', "{{ range('a') }}", '{{ range(1, 2, 0) }}',
        '{{ range(100001) }}', '{{ range(100000)|length }}', '{{ range(missing) }}',
        "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ "
        'c.reset() }}{{ c.current }}',
        '{{ cycler() }}', "{% set j = joiner() %}{% for x in 'abc' %}{{ j() }}{{ x }}{% endfor %}",
        "{% set j = joiner('|') %}{{ j() }}a{{ j() }}b", '{{ range(5).index(3) }}{{ range(5).count(3) }}',
        "{{ {'a': 1}.fromkeys(['a', 'b'], 1) }}", "{{ raise_exception('it went wrong') }}",
        "{% if yes %}{{ raise_exception('é: ' ~ name) }}{% endif %}",
        "{% if no %}{{ raise_exception('x') }}{% endif %}fine", '{{ raise_exception(5) }}',
        "{{ strftime_now('%Y-%m-%d %H:%M:%S') }}",
        "{{ strftime_now('%d %B %Y') }} {{ strftime_now('%b %a %A %j %y %p %I %%') }}",
        "{{ strftime_now('%-d %-m %-H') }}", "{{ strftime_now('%f%z%Z|%c|%x|%X') }}",
        "{{ strftime_now('é%Yé') }}", "{{ strftime_now('') }}|{{ strftime_now('%') }}",
        '{{ strftime_now() }}', '{{ strftime_now(5) }}',
        "{{ strftime_now('%D %e %F %G %g %h %k %l %n %R %r %T %t %U %u %V %W %w') }}",
    ],
    "format": [
        "{{ '%s %s' % ('a', 1) }}{{ '%s' % 'x' }}{{ '%d' % 5.7 }}{{ '%5d|%-5d|%05d' % (1, 2, 3) }}{{ "
        "'%.2f' % pi }}{{ '%8.3f|' % pi }}{{ '%e' % 12345.678 }}{{ '%g' % 0.00001 }}{{ '%x %X %o' % (255, "
        "255, 8) }}{{ '%#x' % 255 }}{{ '%+d % d' % (1, 2) }}{{ '%%' % () }}",
        "{{ '%r %s' % ('a', ['b']) }}{{ '%s' % none }}{{ '%s' % [1] }}{{ '%s' % {'a': 1} }}{{ "
        "'%(a)s-%(b)05d' % {'a': 'x', 'b': 7} }}{{ '%c%c' % ('a', 66) }}{{ '%*d' % (5, 1) }}{{ '%.*f' % "
        "(1, 2.55) }}{{ '%-8s|' % 'é' }}{{ '%.2s' % 'abc' }}{{ '%5s|%-5s|' % ('a', 'b') }}",
        "{{ '%d' % 'a' }}", "{{ '%s %s' % 'a' }}", "{{ '%s' % (1, 2) }}", "{{ 'x' % 1 }}", "{{ 'x' % [] }}",
        "{{ '%y' % 1 }}", "{{ '%' % 1 }}", "{{ '%(x)s' % 1 }}", "{{ '%(x)s' % {} }}", "{{ '%d' % missing }}",
        "{{ '%s' % missing }}", "{{ '%i %u' % (1, 2) }}", "{{ '%.3d|%+.3d|%8.3d|' % (5, 5, 5) }}",
        "{{ '%s' % true }}{{ '%d' % true }}", "{{ '%x' % 1.5 }}", "{{ '%5.1f|%-7.2e|%G' % (1, 1, 1e-10) }}",
        "{{ '%f' % ('inf'|float) }} {{ '%5.1f' % ('nan'|float) }}",
        "{{ '{} {}'.format(1, 'a') }}{{ '{0} {1} {0}'.format('a', 'b') }}{{ '{x} {y.a} {z[0]} {w[k]}"
        "'.format(x=1, y={'a': 2}, z=[3], w={'k': 4}) }}{{ '{{}}'.format() }}{{ '{!r} {!s}'.format('a', "
        "'b') }}",
        "{{ '{:5}|{:<5}|{:>5}|{:^5}|{:*^5}|{:05}'.format(1, 2, 3, 4, 5, 6) }}{{ '{:5}|{:>5}|{:^5}|{:.2}"
        "'.format('a', 'b', 'c', 'defg') }}",
        "{{ '{:,} {:_} {:+} {: } {:x} {:#x} {:b} {:o} {:X} {:c}'.format(1234567, 1234567, 5, 5, 255, 255, "
        '5, 8, 255, 65) }}',
        "{{ '{:.2f} {:.3e} {:g} {:%} {:.1%} {:10.3f}| {:,.2f} {:+.1f} {:e}'.format(pi, pi, pi, 0.5, "
        '0.256, pi, 12345.678, 1.0, 1.0) }}',
        "{{ '{:.3} {:.10} {:5.3}|{}'.format(pi, pi, 1.0, 1.5) }}{{ '{:.1} {:.2} {:.0f} {:.0e}"
        "'.format(123.0, 0.5, 2.5, 15.0) }}",
        "{{ '{:010,}|{:08.2f}|{:=+8}|{:08}'.format(1234, -1.5, 5, -5) }}",
        "{{ '{:{}}|{:{w}.{p}f}'.format('a', 5, pi, w=8, p=2) }}", "{{ '{} {}'.format(1) }}",
        "{{ '{x}'.format() }}", "{{ '{'.format() }}", "{{ '}'.format() }}", "{{ '{0} {}'.format(1, 2) }}",
        "{{ '{} {0}'.format(1, 2) }}", "{{ '{:d}'.format('a') }}", "{{ '{:s}'.format(1) }}",
        "{{ '{:5}'.format([1]) }}",
        "{{ '{}'.format([1, 'a']) }}{{ '{}'.format(none) }}{{ '{}'.format(missing) }}",
        "{{ '{:.2d}'.format(1) }}", "{{ '{.x}'.format(map) }}", "{{ '{.b} {[C]}'.format(map, map) }}",
        "{{ '{:!}'.format(1) }}", "{{ '{!x}'.format(1) }}",
        "{{ '{:<10}|{:>10}|{:^10}|'.format('é', '中', 'x') }}",
        "{{ '{:5}{:5}'.format(true, 1.5) }}{{ '{}'.format(true) }}{{ '{:d}'.format(true) }}",
        "{{ '{:é^5}'.format('x') }}", "{{ '{:n}'.format(5) }}", "{{ '{0.__class__}'.format(1) }}",
    ],
    "tojson": [
        '{{ map|tojson }}', "{{ [1, 2.5, 'a', none, true, {'x': []}]|tojson }}", '{{ map|tojson(indent=2) }}',
        '{{ schema|tojson(indent=4) }}',
        '{{ []|tojson(indent=2) }}{{ {}|tojson(indent=2) }}{{ [[]]|tojson(indent=1) }}',
        "{{ {'b': 1, 'a': 2}|tojson(sort_keys=true) }}", '{{ [emoji, html, lines]|tojson }}',
        "{{ [emoji, 'é', '\\x7f']|tojson(ensure_ascii=true) }}",
        "{{ {'a': [1, 2]}|tojson(separators=(',', ':')) }}", "{{ {'a': [1, 2]}|tojson(indent=0) }}",
        "{{ {'a': [1]}|tojson(indent='\t') }}", '{{ \'\\x00\\x1f"\\\\/\\b\\f\\n\\r\\t\'|tojson }}',
        '{{ floats|tojson }}', "{{ {1: 'a', none: 'b', true: 'c', 1.5: 'd'}|tojson }}",
        '{{ {(1, 2): 1}|tojson }}', '{{ missing|tojson }}', '{{ [missing]|tojson }}', '{{ (1, 2)|tojson }}',
        '{{ range(3)|tojson }}', "{{ (numbers|map('abs'))|tojson }}", '{{ namespace()|tojson }}',
        "{{ 'inf'|float|tojson }}{{ 'nan'|float|tojson }}",
        '{{ big|tojson }}{{ minus|tojson }}{{ 1e100|tojson }}{{ 1.0|tojson }}',
        "{{ {'b': 1, 2: 1}|tojson(sort_keys=true) }}", '{{ map|tojson|length }}', '{{ (map|tojson)[:5] }}',
        "{{ {'a': {'b': [1, {'c': 2}]}}|tojson(indent=3, separators=(';', ' = ')) }}",
        '{{ users|tojson(indent=none) }}', '{{ map.items()|tojson }}', "{{ 'a'|safe|tojson }}",
        '{{ map|tojson(false, 2) }}', '{{ map|tojson(indent=-1) }}',
    ],
    "concatenation": [
        "{{ 'a' ~ 1 ~ none ~ true ~ 1.5 }}", "{{ [1] ~ {'a': 'b'} ~ (1,) }}", "{{ missing ~ 'x' }}",
        '{{ 1 ~ 2 + 3 }}', "{{ 'a' ~ 'b' * 2 }}", '{{ 1 + 2 ~ 3 }}', "{{ map ~ '' }}",
        "{{ ('a' ~ ('<'|e)) }}", "{{ name ~ ' ' ~ name }}", "{{ 'a' ~ }}",
    ],
    "calls": [
        '{{ range(*[1, 4])|list }}', "{{ dict(**{'a': 1}) }}", "{{ dict(a=1, **{'b': 2}) }}",
        "{{ dict(a=1, **{'a': 2}) }}", '{{ dict(a=1, a=2) }}', '{{ range(1, x=2) }}', '{{ dict(**[1]) }}',
        '{{ range(*5) }}', '{{ dict(x=1, 2) }}', '{{ range(1,) }}', '{{ range(,) }}',
        '{{ range(**{}, *[1]) }}', "{{ name.replace(*['W', 'w']) }}", '{{ (range)(3)|list }}',
        '{{ [range][0](2)|list }}', "{{ {'f': range}.f(2)|list }}", "{{ name|replace(*['o', '0']) }}",
        "{{ 'abc'|upper()|lower }}", '{{ dict(**{1: 2}) }}', '{{ caller }}{{ varargs }}{{ kwargs }}',
        '{{ self is defined }}', '{{ cycler is callable }}', '{{ joiner(1)() }}',
    ],
}


def cases():
    return [pytest.param(source, id=f"{group}-{i}") for group, sources in SNIPPETS.items()
            for i, source in enumerate(sources)]


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@pytest.mark.parametrize("source", cases())
def test_snippet(run, tmp_path, source):
    compare(run, tmp_path, source, CONTEXT)
