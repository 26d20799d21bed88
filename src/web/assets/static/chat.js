/* SPDX-License-Identifier: MIT */
/*
 * chat.js - the conversation. Stands on app.js.
 */
"use strict";

const [stream, messages, form, text, palette, notice, jump] =
  ["stream", "messages", "composer", "text", "palette", "notice", "jump"].map((id) => find("#" + id));

/* Scrolling: the end stays in sight until the reader scrolls up; back at the end, it holds again. */

let lastTop = 0, fromEnd = null;
const wanted = find(".message:target"); /* what a search found */
let following = !wanted && find(".message") !== null;
const distanceToEnd = () => stream.scrollHeight - stream.clientHeight - stream.scrollTop;
const toEnd = () => { stream.scrollTop = stream.scrollHeight; };
const follow = () => { following = true; jump.hidden = true; toEnd(); };
stream.addEventListener("scroll", () => {
  if (distanceToEnd() < 24) following = true;
  else if (stream.scrollTop < lastTop) following = false;
  lastTop = stream.scrollTop;
  jump.hidden = following || distanceToEnd() < 120;
});
stream.addEventListener("wheel", (event) => {
  if (event.deltaY < 0 && stream.scrollTop > 0) following = false;
}, { passive: true });
const grown = new ResizeObserver(() => {
  if (following) toEnd();
  else jump.hidden = distanceToEnd() < 120;
});
grown.observe(messages);
grown.observe(stream);
jump.addEventListener("click", follow);
if (following) toEnd();
else if (wanted) wanted.scrollIntoView({ block: "center" });

/* Earlier messages come in above; what is being read stays where it is. */

on("htmx:beforeSwap", (event) => {
  fromEnd = event.detail.target.id === "earlier" ? distanceToEnd() : null;
});
on("htmx:afterSwap", () => {
  if (fromEnd !== null) stream.scrollTop += distanceToEnd() - fromEnd;
  fromEnd = null;
});

/* The input. */

const resize = () => {
  if (CSS.supports("field-sizing", "content")) return;
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
};
const setText = (value) => {
  text.value = value;
  resize();
  filterPalette();
};
const running = () => find("#action .stop") !== null;

text.addEventListener("input", () => { resize(); filterPalette(); });
text.addEventListener("keydown", (event) => {
  if (event.isComposing || paletteKey(event)) return;
  if (event.key !== "Enter" || event.shiftKey || event.altKey || !keyboard()) return;
  event.preventDefault();
  if (!running() && text.value.trim()) form.requestSubmit();
});
on("keydown", (event) => {
  const field = event.target.closest("input, textarea, select");
  if (event.key === "Escape" && !event.defaultPrevented) {
    const edit = field?.closest(".edit");
    if (edit) edit.open = false;
    else find("#action .stop")?.click();
  } else if (event.key === "/" && !field && !event.ctrlKey && !event.metaKey) {
    text.focus(); /* and the slash goes there */
  }
});

/* The command palette: the commands, or what the argument of a complete one can be. */

const options = all("[role=option]", palette);
let chosen = null;
const choose = (option) => {
  if (chosen) chosen.setAttribute("aria-selected", "false");
  chosen = option;
  if (!option) return text.removeAttribute("aria-activedescendant");
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  text.setAttribute("aria-activedescendant", option.id);
};
const shown = () => options.filter((option) => !option.hidden);
const closePalette = () => { palette.hidden = true; choose(null); };
function filterPalette() {
  const typed = text.value.toLowerCase(), isArgument = typed.includes(" ");
  for (const option of options) {
    const { value } = option.dataset;
    option.hidden = value.includes(" ") !== isArgument || !value.startsWith(typed) ||
      value === typed && isArgument;
  }
  palette.hidden = !/^\/\S*( \S*)?$/.test(typed) || shown().length === 0;
  /* An argument may be left out: then Enter sends what is there. */
  if (palette.hidden || typed.endsWith(" ")) choose(null);
  else if (!chosen || chosen.hidden) choose(shown()[0]);
}
const take = (option, send) => {
  const { value, arguments: wanted } = option.dataset;
  const goesOn = wanted && (!send || wanted[0] !== "[" ||
    options.some((other) => other.dataset.value.startsWith(value + " ")));
  setText(goesOn ? value + " " : value);
  if (!goesOn) closePalette();
  text.focus();
  if (send && !goesOn && !running()) form.requestSubmit();
};
function paletteKey(event) {
  if (palette.hidden) return false;
  const list = shown(), at = list.indexOf(chosen);
  switch (event.key) {
    case "ArrowDown": choose(list[(at + 1) % list.length]); break;
    case "ArrowUp": choose(list[at > 0 ? at - 1 : list.length - 1]); break;
    case "Tab": if (event.shiftKey) return false; take(chosen ?? list[0], false); break;
    case "Enter": if (event.shiftKey || !chosen) return false; take(chosen, true); break;
    case "Escape": closePalette(); break;
    default: return false;
  }
  event.preventDefault();
  return true;
}
palette.addEventListener("mousedown", (event) => event.preventDefault()); /* the input keeps the focus */
palette.addEventListener("click", (event) => {
  const option = event.target.closest("[role=option]");
  if (option) take(option, true);
});
text.addEventListener("blur", closePalette);

/* Sending: the message stands there at once. The server's own rendering takes its place; after an error the
 * text goes back to the input. */

let sent;
const isMessage = (event) => event.detail.requestConfig?.path === "/messages";
const removePending = () => { for (const element of all(".message.pending")) element.remove(); };
on("htmx:beforeRequest", (event) => {
  if (!isMessage(event)) return;
  sent = event.detail.requestConfig.parameters.text;
  messages.append(find("#pending").content.cloneNode(true));
  find(".pending .bubble").textContent = sent;
  notice.replaceChildren();
  if (event.detail.elt === form) setText("");
  follow();
});
on("htmx:beforeSwap", (event) => { if (isMessage(event)) removePending(); });
on("htmx:afterRequest", (event) => {
  const { elt, successful } = event.detail;
  if (isMessage(event)) {
    removePending();
    if (!successful && elt === form && !text.value) setText(sent);
  }
  if (keyboard() && document.activeElement === document.body) text.focus();
});
on("htmx:sendError", () => notice.replaceChildren(find("#unreachable").content.cloneNode(true)));

/* A lost connection. The browser tries once more and says what it has; then htmx tries in growing intervals.
 * Its new connections begin with the whole state, so nothing is lost or shown twice. */

const reconnect = find("#reconnect");
let failures;
const setFailures = (n) => {
  failures = n;
  find("#lost").hidden = n === 0;
  reconnect.hidden = n < 3;
};
on("htmx:sseError", (event) => {
  if (!event.target.matches("article")) return;
  setFailures(failures + 1);
  if (failures > 1) event.detail.source.close();
});
on("htmx:sseOpen htmx:sseClose", () => setFailures(0));
setFailures(0);
const connectAnew = () => {
  const article = failures && find("article[sse-connect]:has(.wave)");
  if (!article) return;
  const copy = article.cloneNode(true);
  article.replaceWith(copy);
  htmx.process(copy);
};
reconnect.addEventListener("click", connectAnew);
addEventListener("online", connectAnew);

/* Finished blocks: code gets its frame and its button, rich.js colours it and sets formulas. */

htmx.onLoad((element) => {
  for (const block of element.matches(".blocks > *") ? [element] : all(".blocks > *", element)) {
    for (const pre of block.matches("pre") ? [block] : all(":not(.code) > pre", block)) {
      const frame = document.createElement("div");
      frame.className = "code";
      frame.dataset.language = /language-(\S+)/.exec(find("code", pre)?.className)?.[1] ?? "";
      pre.replaceWith(frame);
      frame.append(pre, find("#copy").content.cloneNode(true));
    }
    /* What is wide scrolls, also by keyboard. */
    for (const wide of [block, ...all("*", block)]) if (wide.matches("pre, table")) wide.tabIndex = 0;
    for (const box of all("input", block)) box.ariaLabel = box.checked ? "done" : "to do";
    window.rich?.(block);
  }
});
on("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  const source = button.dataset.copy ? find(button.dataset.copy) : find("pre", button.parentElement);
  try {
    await navigator.clipboard.writeText(source.innerText.trim());
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), 1600);
  } catch {
    getSelection().selectAllChildren(source); /* no clipboard without https: select it instead */
  }
});

resize(); /* a page that comes back may hold a draft */
