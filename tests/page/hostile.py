# SPDX-License-Identifier: MIT
"""Loads hostile.json, and says what markdown may become: elements, attributes and addresses.

    samples()           list of (name, markdown)
    FAULTS              JavaScript: a function of an element; the list of what below it is not allowed
    FAULTS_OF_FORMULAS  the same once static/rich.js has been there
"""

import json
import pathlib

# Element: its attributes, each with a pattern for its whole value.
ALLOWED = {
    **dict.fromkeys("p h1 h2 h3 h4 h5 h6 ul li blockquote pre em strong del".split(), {}),
    **dict.fromkeys("table thead tbody tr hr br".split(), {}),
    "ol": {"start": r"\d{1,9}"},
    "th": {"align": "left|center|right"},
    "td": {"align": "left|center|right"},
    "code": {"class": r"language-[A-Za-z0-9+#_-]{1,32}"},
    "input": {"type": "checkbox", "checked": "", "disabled": ""},
    "a": {"href": r"(https?://|mailto:)[\x21-\x7e]*", "rel": "noopener noreferrer nofollow",
          "target": "_blank"},
    "span": {"class": "math inline|math display"},
}

FAULTS = """root => {
  const allowed = %s, faults = [];
  for (const element of root.querySelectorAll("*")) {
    const name = element.localName, attributes = allowed[name];
    if (!attributes || element.namespaceURI !== "http://www.w3.org/1999/xhtml") {
      faults.push(`<${name}>`);
      continue;
    }
    for (const {name: key, value} of element.attributes)
      if (!(key in attributes) || !new RegExp(`^(${attributes[key]})$`, "i").test(value))
        faults.push(`<${name} ${key}=${value}>`);
    if (name === "a" && !["http:", "https:", "mailto:"].includes(element.protocol))
      faults.push(`address ${element.href}`);
  }
  return faults;
}""" % json.dumps(ALLOWED)

# KaTeX makes MathML, spans with classes and styles, and paths; highlight.js spans with classes. None may lead
# anywhere, load anything or listen to anything.
FAULTS_OF_FORMULAS = """root => {
  const faults = [];
  for (const element of root.querySelectorAll("*")) {
    const name = element.localName, attributes = [...element.attributes];
    if (/^(a|img|image|use|script|style|link|iframe|object|embed|form|base|meta|foreignobject|animate|set)$/i
          .test(name) && !(name === "a" && /^(https?|mailto):/.test(element.href)))
      faults.push(`<${name}>`);
    for (const {name: key, value} of attributes)
      if (key !== "data-source" && (/url\\(|expression/i.test(value) ||
          /^(on|hx-|sse-|data-hx|id$|src|action|formaction|xlink)/i.test(key)))
        faults.push(`<${name} ${key}=${value}>`);
    if (name !== "a" && element.hasAttribute("href")) faults.push(`<${name} href>`);
  }
  return faults;
}"""


def samples():
    data = json.loads((pathlib.Path(__file__).parent / "hostile.json").read_text())
    return [(sample["name"], sample["markdown"] if "markdown" in sample
             else "".join(text * count for text, count in sample["parts"])) for sample in data["samples"]]
