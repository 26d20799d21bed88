/* SPDX-License-Identifier: MIT */
/*
 * app.js - what htmx and the server cannot do for the page: theme, growing input, keys, command palette, the
 * message that is shown before the server has answered, scrolling that lets go, copying, a lost connection.
 *
 * It decides nothing about chats: every message and state comes from the server as HTML. Without this file
 * the page still works, as plain forms.
 */
(() => {
  "use strict";

  const find = (selector, within = document) => within.querySelector(selector);
  const root = document.documentElement;
  const stream = find("#stream"), messages = find("#messages");
  const form = find("#composer"), text = find("#text");
  const palette = find("#palette"), notice = find("#notice"), jump = find("#jump");

  /* Theme: the system's, until someone chooses. */

  const themeButton = find("#theme");
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches;
  const showTheme = () => themeButton.setAttribute("aria-pressed", String(isDark()));
  themeButton.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch { /* then it lasts as long as the page */ }
    showTheme();
  });
  systemDark.addEventListener("change", showTheme);
  showTheme();

  /* Scrolling: the end stays in sight until the reader scrolls up; back at the end, it holds again. */

  let following = true, lastTop = 0;
  const distanceToEnd = () => stream.scrollHeight - stream.clientHeight - stream.scrollTop;
  const toEnd = () => { stream.scrollTop = stream.scrollHeight; };
  const follow = () => { following = true; jump.hidden = true; toEnd(); };
  stream.addEventListener("scroll", () => {
    if (distanceToEnd() < 24) following = true;
    else if (stream.scrollTop < lastTop) following = false;
    lastTop = stream.scrollTop;
    jump.hidden = following || distanceToEnd() < 120;
  }, { passive: true });
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
  if (find(".message")) follow();
  else following = false;

  /* The input. */

  const canSize = CSS.supports("field-sizing", "content");
  const resize = () => {
    if (canSize) return;
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight}px`;
  };
  const setText = (value) => {
    text.value = value;
    resize();
    filterPalette();
  };
  const running = () => find("#action .stop") !== null;
  /* A keyboard on the screen has no comfortable Shift+Enter: there Enter is a new line; the button sends. */
  const enterSends = () => !matchMedia("(hover: none) and (pointer: coarse)").matches;

  text.addEventListener("input", () => { resize(); filterPalette(); });
  text.addEventListener("keydown", (event) => {
    if (event.isComposing || paletteKey(event)) return;
    if (event.key !== "Enter" || event.shiftKey || event.altKey || !enterSends()) return;
    event.preventDefault();
    if (!running() && text.value.trim()) form.requestSubmit();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented && running()) find("#action .stop").click();
  });

  /* The command palette: on while the input is one word that begins with a slash. */

  const options = [...palette.children];
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
    const typed = text.value.toLowerCase();
    for (const option of options) option.hidden = !option.dataset.name.startsWith(typed);
    const any = /^\/\S*$/.test(typed) && shown().length > 0;
    palette.hidden = !any;
    if (!any) choose(null);
    else if (!chosen || chosen.hidden) choose(shown()[0]);
  }
  const take = (option, send) => {
    const wantsArgument = option.dataset.arguments !== "";
    setText(option.dataset.name + (wantsArgument ? " " : ""));
    closePalette();
    text.focus();
    if (send && !wantsArgument && !running()) form.requestSubmit();
  };
  function paletteKey(event) {
    if (palette.hidden) return false;
    const list = shown(), at = list.indexOf(chosen);
    switch (event.key) {
      case "ArrowDown": choose(list[(at + 1) % list.length]); break;
      case "ArrowUp": choose(list[(at + list.length - 1) % list.length]); break;
      case "Tab": if (event.shiftKey) return false; take(chosen, false); break;
      case "Enter": if (event.shiftKey) return false; take(chosen, true); break;
      case "Escape": closePalette(); break;
      default: return false;
    }
    event.preventDefault();
    return true;
  }
  palette.addEventListener("mousedown", (event) => event.preventDefault()); /* the input keeps the focus */
  palette.addEventListener("click", (event) => {
    const option = event.target.closest("li");
    if (option) take(option, true);
  });
  text.addEventListener("blur", closePalette);

  /* Sending: the message stands there at once. The server's own rendering takes its place; after an error the
   * text goes back to the input. */

  let sent = null;
  const isMessage = (event) => event.detail.requestConfig?.path === "/chat/messages";
  const removePending = () => {
    for (const element of document.querySelectorAll(".message.pending")) element.remove();
  };
  const say = (sentence) => {
    const line = document.createElement("p");
    line.className = "notice error";
    line.textContent = sentence;
    notice.replaceChildren(line);
  };
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!isMessage(event)) return;
    sent = String(event.detail.requestConfig.parameters.text ?? "");
    const pending = find("#pending").content.cloneNode(true);
    find(".bubble", pending).textContent = sent;
    messages.append(pending);
    notice.replaceChildren();
    if (event.detail.elt === form) setText("");
    follow();
  });
  document.addEventListener("htmx:beforeSwap", (event) => { if (isMessage(event)) removePending(); });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (isMessage(event)) {
      removePending();
      if (!event.detail.successful && event.detail.elt === form && !text.value) setText(sent);
    }
    if (event.detail.elt === form || event.detail.elt.closest?.(".tools")) text.focus();
  });

  document.addEventListener("htmx:sendError", () => {
    say("The server cannot be reached. Is it still running?");
  });

  /* A reply whose connection is lost says so; EventSource and htmx try again by themselves. */

  document.addEventListener("htmx:sseError", (event) => event.target.classList.add("offline"));
  document.addEventListener("htmx:sseOpen", (event) => event.target.classList.remove("offline"));

  /* Copying: a button on each reply is in the HTML; code blocks get theirs when they are finished. */

  const addCodeButtons = (within) => {
    for (const block of within.querySelectorAll(".blocks > pre, .blocks > :not(.code) pre")) {
      const frame = document.createElement("div");
      frame.className = "code";
      block.replaceWith(frame);
      block.tabIndex = 0; /* long lines scroll, also by keyboard */
      frame.append(block, find("#copy").content.cloneNode(true));
    }
  };
  htmx.onLoad((element) => addCodeButtons(element.closest?.(".blocks")?.parentElement ?? element));
  document.addEventListener("click", async (event) => {
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
})();
