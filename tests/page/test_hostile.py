# SPDX-License-Identifier: MIT
"""Hostile markdown (hostile.json) becomes harmless HTML, in the judgement of a real browser's parser.

test_ui_markdown --render, a build's test program, renders; Chromium parses, first as a document of its own,
where nothing runs, then into a page without any policy, where whatever could run would.
"""

import json
import subprocess

import pytest
from conftest import NOTSO
from hostile import FAULTS, samples


@pytest.fixture(scope="module")
def rendered():
    """[(name, HTML)]"""
    program = NOTSO.parent / "tests" / "unit" / "test_ui_markdown"
    if not program.is_file():
        pytest.skip(f"no {program}: only a build with tests has it")
    texts = samples()
    done = subprocess.run([program, "--render"], input=json.dumps([text for _, text in texts]).encode(),
                          capture_output=True, timeout=300, check=True)
    html = json.loads(done.stdout)
    assert len(html) == len(texts) > 1000
    return [(name, text) for (name, _), text in zip(texts, html)]


@pytest.fixture
def blank(browser):
    context = browser.new_context()
    page = context.new_page()
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.evaluate("() => { window.attacks = []; window.attack = x => attacks.push(x); }")
    yield page
    context.close()


def test_only_our_own_html(blank, rendered):
    faults = blank.evaluate("""([samples, check]) => {
      const faults = eval(check), parser = new DOMParser(), found = [];
      for (const [name, html] of samples)
        for (const fault of faults(parser.parseFromString(html, "text/html").body))
          found.push(`${name}: ${fault}`);
      return found;
    }""", [rendered, FAULTS])
    assert faults == []


def test_nothing_runs_and_nothing_is_asked_for(blank, rendered):
    before = len(blank.asked)
    attacks = blank.evaluate("""async samples => {
      for (const [name, html] of samples) {
        const place = document.createElement("div");
        document.body.replaceChildren(place);
        place.innerHTML = html;
        for (const element of place.querySelectorAll("*"))
          for (const type of ["mouseover", "focus", "toggle", "load", "error"])
            element.dispatchEvent(new Event(type));
        place.innerHTML = place.innerHTML;  // what a parser reads differently the second time
        if (attacks.length) return name;
      }
      await new Promise(resolve => setTimeout(resolve, 300));
      return attacks;
    }""", rendered)
    assert attacks == [] and blank.asked[before:] == []


def test_the_check_finds_what_is_wrong(blank):
    wrong = ["<script></script>", "<p onclick=x>", "<a href='javascript:x'>", "<a href='/x'>", "<img src=x>",
             "<svg><a/>", "<code class='language-c x'>", "<span class=x>", "<p style='x'>", "<div>",
             "<input type=text>", "<table><tr><th align=x>"]
    for html in wrong:
        blank.evaluate("html => { document.body.innerHTML = html; }", html)
        assert blank.evaluate(f"() => ({FAULTS})(document.body)"), html
