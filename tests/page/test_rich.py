# SPDX-License-Identifier: MIT
"""static/rich.js under the server's own content security policy: code is coloured, formulas are set, each
library comes when it is needed, and what attacks stays without effect. And how files go over the wire."""

import gzip
import html
import json
import re
import subprocess

import pytest
from conftest import NOTSO, ROOT
from hostile import FAULTS_OF_FORMULAS, samples

STATIC = ROOT / "src" / "web" / "assets" / "static"

# Puts HTML on the page and has rich.js do its work.
RICH = """async html => {
  const place = document.createElement("div");
  place.id = "place";
  place.innerHTML = html;
  document.querySelector("#place")?.remove();
  document.body.append(place);
  await rich(place);
}"""


@pytest.fixture
def page(visit, stub):
    page = visit(stub)
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url.split("/static/")[-1].split("?")[0])
            if "favicon" not in request.url else None)
    page.evaluate("""() => {
      window.violations = [];
      document.addEventListener("securitypolicyviolation",
                                event => violations.push(event.sourceFile + event.sample));
    }""")
    page.evaluate("""() => new Promise(resolve => {
      const script = document.createElement("script");
      script.src = "/static/rich.js?v=1";
      script.onload = resolve;
      document.head.append(script);
    })""")
    return page


def test_each_library_comes_when_it_is_needed(page):
    page.evaluate(RICH, "<p>text</p><pre><code>no language</code></pre>")
    assert page.asked == ["rich.js"]
    page.evaluate(RICH, "<pre><code class=language-python>def f(): return 'x'</code></pre>")
    assert page.asked == ["rich.js", "vendor/highlight.min.js"]
    page.evaluate(RICH, "<p><span class='math inline'>x</span></p>")
    assert {"vendor/katex.min.js", "vendor/katex.min.css"} <= set(page.asked)
    page.evaluate(RICH, "<pre><code class=language-c>int</code></pre><span class='math inline'>y</span>")
    assert page.asked.count("vendor/katex.min.js") == page.asked.count("vendor/highlight.min.js") == 1


def test_code_is_coloured_once(page):
    page.evaluate(RICH, "<pre><code class=language-python>def f(): return '&lt;b&gt;'</code></pre>"
                        "<pre><code class=language-nobody>def</code></pre>")
    page.evaluate("() => rich(document.querySelector('#place'))")
    assert page.locator("#place .hljs-keyword").all_text_contents() == ["def", "return"]
    assert page.locator("#place code").all_text_contents() == ["def f(): return '<b>'", "def"]
    assert page.locator("#place .language-nobody span").count() == 0


def test_formulas_are_set_under_the_policy(page):
    formulas = [r"\vec{x} + \boxed{y}", r"\colorbox{yellow}{a} \fcolorbox{red}{white}{b}",
                r"\sqrt{\frac{1}{2}}", r"\overbrace{a+b}^{c} \xrightarrow{d}",
                r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
                r"\pmb{a} \color{#123456} b"]
    page.evaluate(RICH, "".join(f"<p><span class='math display'>{html.escape(formula)}</span></p>"
                                for formula in formulas))
    assert page.locator("#place .katex-display").count() == len(formulas)
    assert page.locator("#place math").count() == len(formulas), "for those who do not see the page"
    assert page.evaluate("() => document.querySelector('#place svg').style.width") == "0.471em", "the arrow"
    assert page.evaluate("() => violations") == []
    assert [span.get_attribute("data-source") for span in page.locator("#place span.math").all()] == formulas
    page.wait_for_function("""() => [...document.fonts].some(
      font => font.family.startsWith("KaTeX") && font.status === "loaded")""")
    assert not any(name.endswith((".ttf", ".woff")) for name in page.asked)
    page.evaluate("() => rich(document.querySelector('#place'))")
    assert page.locator("#place .katex-display").count() == len(formulas)


def test_what_is_no_formula_stays_as_it_was_written(page):
    sources = [r"\frac{", r"\undefined{x}", r"\def\a{\a\a}\a", "{" * 3000]
    page.evaluate(RICH, "".join(f"<p><span class='math inline'>{source}</span></p>" for source in sources))
    assert page.locator("#place span.math").all_text_contents()[0::2] == sources[0::2]
    assert page.locator("#place .math .katex").count() <= 1  # KaTeX shows an unknown command in red


def test_a_library_that_does_not_come_is_asked_for_again(page):
    page.forgive("ERR_FAILED")
    page.route("**/highlight.min.js*", lambda route: route.abort())
    code = "<pre><code class=language-c>int x;</code></pre>"
    page.evaluate(RICH, code)
    assert page.locator("#place code").text_content() == "int x;"
    page.unroute("**/highlight.min.js*")
    page.evaluate("() => rich(document.querySelector('#place'))")
    assert page.locator("#place .hljs-type").count() == 1


def test_hostile_formulas_and_code(page):
    program = NOTSO.parent / "tests" / "unit" / "test_ui_markdown"
    if not program.is_file():
        pytest.skip(f"no {program}: only a build with tests has it")
    page.forgive("console:")  # \errmessage and letters that KaTeX has no measures of
    texts = [(name, text) for name, text in samples() if "$" in text or "\\" in text or "```" in text]
    done = subprocess.run([program, "--render"], input=json.dumps([text for _, text in texts]).encode(),
                          capture_output=True, timeout=300, check=True)
    rendered = [(name, text) for (name, _), text in zip(texts, json.loads(done.stdout))]
    page.evaluate("() => { window.attacks = []; window.attack = x => attacks.push(x); }")
    faults = page.evaluate("""async samples => {
      const put = (%s), faults = (%s), found = [];
      for (const [name, html] of samples) {
        const began = performance.now();
        await put(html);
        for (const fault of faults(document.querySelector("#place"))) found.push(`${name}: ${fault}`);
        if (performance.now() - began > 3000) found.push(`${name}: ${performance.now() - began} ms`);
      }
      return found;
    }""" % (RICH, FAULTS_OF_FORMULAS), rendered)
    assert faults == []
    assert page.evaluate("() => attacks") == [] and page.evaluate("() => violations") == []
    known = ("rich.js", "vendor/")
    assert [url for url in page.asked if not url.startswith(known)] == []


# -- colours --

def luminance(color):
    parts = (int(color[i:i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_of_code_have_contrast():
    pair = r"light-dark\((#\w{6}), (#\w{6})\)"
    grounds = re.search(rf"--sunken: {pair}", (STATIC / "app.css").read_text()).groups()
    colours = re.findall(rf"(--code-\w+): {pair}", (STATIC / "code.css").read_text())
    assert len(colours) >= 6
    for name, *values in colours:
        for value, ground in zip(values, grounds):
            low, high = sorted((luminance(value), luminance(ground)))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (name, value, ground)


# -- over the wire --

def test_files_are_packed_for_who_can_unpack_them(stub):
    code, headers, plain = stub.get("static/app.css")
    assert (code, headers["Content-Encoding"], headers["Vary"]) == (200, None, "Accept-Encoding")
    code, packed_headers, packed = stub.get("static/app.css", **{"Accept-Encoding": "br, gzip"})
    assert (code, packed_headers["Content-Encoding"]) == (200, "gzip")
    assert packed_headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(packed) == plain and len(packed) < len(plain) / 2
    assert int(packed_headers["Content-Length"]) == len(packed)
    assert packed_headers["Content-Type"] == headers["Content-Type"]
    assert stub.get("static/app.css", **{"Accept-Encoding": "gzip;q=0"})[2] == plain
    tag = packed_headers["ETag"]
    assert tag == headers["ETag"]
    code, headers, body = stub.get("static/app.css", **{"Accept-Encoding": "gzip", "If-None-Match": tag})
    assert (code, body, headers["Content-Encoding"], headers["ETag"]) == (304, b"", None, tag)
    _, headers, font = stub.get("static/vendor/fonts/KaTeX_Main-Regular.woff2", **{"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] is None and headers["Content-Type"] == "font/woff2"
    assert font[:4] == b"wOF2"


def test_the_first_load_is_small(page):
    """With highlight.js, without KaTeX: below 250 kB over the wire."""
    page.evaluate(RICH, "<pre><code class=language-c>int x;</code></pre>")
    sizes = page.evaluate("""() => Object.fromEntries(
      ["navigation", "resource"].flatMap(type => performance.getEntriesByType(type))
        .map(entry => [entry.name, entry.transferSize]))""")
    assert sum(sizes.values()) < 250_000, sizes
    assert any("highlight" in name for name in sizes)
    print(sum(sizes.values()), sizes)
