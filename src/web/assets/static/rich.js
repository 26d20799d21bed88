// SPDX-License-Identifier: MIT
// rich.js - colours code and sets formulas. rich(element) does it for all below the element that are not done
// yet; the libraries, and KaTeX's style sheet, come when the first one needs them.
//
// What cannot be set (a formula with an error, a language that nobody knows) stays as it was written.
(() => {
  const self = new URL(document.currentScript.src);
  const arriving = {};

  // A promise of a file of static/vendor. A failed one is forgotten, so that the next call tries again.
  const load = name => arriving[name] ??= new Promise((resolve, reject) => {
    const style = name.endsWith(".css");
    const element = document.createElement(style ? "link" : "script");
    if (style) element.rel = "stylesheet";
    element[style ? "href" : "src"] = new URL("vendor/" + name, self) + self.search;
    element.onload = resolve;
    element.onerror = () => { delete arriving[name]; element.remove(); reject(new Error(name)); };
    document.head.append(element);
  });

  const color = code => {
    const [, name] = code.className.match(/\blanguage-(\S+)/);
    if (!hljs.getLanguage(name) || code.textContent.length > 100000) return;
    hljs.highlightElement(code);
  };

  // The content security policy forbids style attributes, which KaTeX sets on a few elements. Through the
  // style object, which a script may use, the same text is allowed.
  const withoutStyleAttributes = work => {
    const set = Element.prototype.setAttribute;
    Element.prototype.setAttribute = function (name, value) {
      if (name === "style" && this.style) this.style.cssText = value;
      else set.call(this, name, value);
    };
    try { return work(); } finally { Element.prototype.setAttribute = set; }
  };

  const typeset = span => {
    const source = span.dataset.source = span.textContent;
    try {
      withoutStyleAttributes(() => katex.render(source, span, {
        displayMode: span.classList.contains("display"),
        trust: false, strict: "ignore", maxExpand: 200, maxSize: 20,
      }));
    } catch { span.textContent = source; }
  };

  window.rich = async element => {
    const find = selector => [...element.querySelectorAll(selector)].filter(found => !found.dataset.rich);
    const codes = find("pre > code[class^=language-]"), spans = find("span.math");
    for (const found of [...codes, ...spans]) found.dataset.rich = "yes";
    const forget = list => () => list.forEach(found => delete found.dataset.rich);
    await Promise.all([
      codes.length && load("highlight.min.js").then(() => codes.forEach(color), forget(codes)),
      spans.length && Promise.all([load("katex.min.js"), load("katex.min.css")])
        .then(() => spans.forEach(typeset), forget(spans)),
    ]);
  };
})();
