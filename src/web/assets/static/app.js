/* SPDX-License-Identifier: MIT */
/*
 * app.js - what htmx and the server cannot do for the page: a theme that changes at once, growing input,
 * keys, the command palette, the message that is shown before the server has answered, scrolling that lets go,
 * copying, a lost connection.
 *
 * It decides nothing about chats: every message and state comes from the server as HTML. Without this file
 * the page still works, as plain forms.
 */
(() => {
  "use strict";

  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const on = (names, listener, options) => {
    for (const name of names.split(" ")) document.addEventListener(name, listener, options);
  };
  const root = document.documentElement;
  /* A keyboard on the screen has no comfortable Shift+Enter, and comes up with the focus. */
  const keyboard = () => !matchMedia("(hover: none) and (pointer: coarse)").matches;

  /* Theme: the server remembers it; the page does not wait for that. */

  const setTheme = (theme) => {
    const dark = root.dataset.theme === "system" ? matchMedia("(prefers-color-scheme: dark)").matches
      : root.dataset.theme === "dark";
    root.dataset.theme = theme || (dark ? "light" : "dark");
  };
  on("theme", (event) => setTheme(event.detail.value)); /* the answer to /theme */
  on("submit", (event) => {
    const button = event.submitter;
    if (!button?.closest(".theme")) return;
    setTheme(button.value);
    find(".theme button:not([value=" + button.value + "])").focus();
  });

  /* Menus close where one presses beside them, and with Escape. */

  const menus = "details[name=menu][open]";
  on("click", (event) => {
    for (const menu of all(menus)) if (!menu.contains(event.target)) menu.open = false;
    if (event.target.closest(".dismiss")) event.target.closest(".notice").remove();
    const fill = event.target.closest("[data-fill]");
    if (!fill) return;
    const field = find(fill.dataset.fill);
    field.value = fill.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
  on("keydown", (event) => {
    const menu = find(menus);
    if (event.key !== "Escape" || !menu) return;
    event.preventDefault();
    menu.open = false;
    find("summary", menu).focus();
  });
  on("toggle", (event) => {
    const { target } = event;
    if (!target.open) return;
    if (target.matches(".edit")) {
      const field = find("textarea", target);
      field.focus();
      field.setSelectionRange(field.value.length, field.value.length);
    } else if (target.matches(".item-menu")) {
      /* The title may have changed since the list was made. */
      find("[name=title]", target).value = find(".chat-name", target.parentElement).textContent;
      target.scrollIntoView({ block: "nearest" });
    }
  }, true);

  /* What the server asks for with HX-Trigger. */

  on("download", (event) => {
    const link = document.createElement("a");
    link.href = event.detail.url;
    link.download = "";
    link.click();
  });
  on("htmx:oobAfterSwap htmx:afterSettle", () => {
    const title = find("#chat-title"), now = document.title.split(" · ").at(-1);
    if (title) document.title = find("#chat-id").value === "0" ? now : `${title.textContent} · ${now}`;
  });
  on("htmx:responseError htmx:sendError", () => {
    if (find(":popover-open")) find(":popover-open").hidePopover(); /* the notice is behind it */
  });

  /* More of the list may begin with the group that the list ended with. */

  htmx.onLoad((element) => {
    let last;
    for (const heading of all(".group h2")) {
      heading.hidden = heading.textContent === last;
      last = heading.textContent;
    }
    for (const time of all("time:empty", element)) {
      time.textContent = new Date(time.dateTime).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    }
    const theme = find("[name=theme]:checked", element); /* settings that have been saved */
    if (theme) root.dataset.theme = theme.value;
  });

  find(".item.current")?.scrollIntoView({ block: "nearest" });

  const stream = find("#stream"), messages = find("#messages");
  const form = find("#composer"), text = find("#text");
  const palette = find("#palette"), notice = find("#notice"), jump = find("#jump");
  if (!form) return;

  /* Scrolling: the end stays in sight until the reader scrolls up; back at the end, it holds again. */

  let following = true, lastTop = 0, fromEnd = null;
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
  const wanted = /^#message-\d+$/.test(location.hash) && find(location.hash); /* what a search found */
  following = !wanted && find(".message") !== null;
  if (following) toEnd();
  else if (wanted) wanted.scrollIntoView({ block: "center" });

  /* Earlier messages come in above; what is being read stays where it is. */

  on("htmx:beforeSwap", (event) => {
    fromEnd = event.detail.target.id === "earlier" ? distanceToEnd() : null;
  });
  on("htmx:afterSwap", () => {
    if (fromEnd === null) return;
    stream.scrollTop = stream.scrollHeight - stream.clientHeight - fromEnd;
    fromEnd = null;
  });

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
      if (field && field.closest(".edit")) field.closest(".edit").open = false;
      else if (running()) find("#action .stop").click();
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
    const typed = text.value.toLowerCase(), isArgument = /^\/\S+ /.test(typed);
    for (const option of options) {
      const value = option.dataset.value.toLowerCase();
      option.hidden = value.includes(" ") !== isArgument || !value.startsWith(typed) ||
        value === typed && isArgument;
    }
    palette.hidden = !/^\/\S*( \S*)?$/.test(typed) || shown().length === 0;
    /* An argument may be left out: then Enter sends what is there. */
    if (palette.hidden || typed.endsWith(" ")) choose(null);
    else if (!chosen || chosen.hidden) choose(shown()[0]);
  }
  const take = (option, send) => {
    const wantsArgument = option.dataset.arguments !== "";
    setText(option.dataset.value + (wantsArgument ? " " : ""));
    if (!wantsArgument) closePalette();
    text.focus();
    if (send && !wantsArgument && !running()) form.requestSubmit();
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

  let sent = null;
  const isMessage = (event) => event.detail.requestConfig?.path === "/messages";
  const removePending = () => { for (const element of all(".message.pending")) element.remove(); };
  const say = (sentence) => {
    const line = document.createElement("div"), words = document.createElement("p");
    line.className = "notice error";
    words.textContent = sentence;
    line.append(words);
    notice.replaceChildren(line);
  };
  on("htmx:beforeRequest", (event) => {
    if (!isMessage(event)) return;
    sent = String(event.detail.requestConfig.parameters.text ?? "");
    const pending = find("#pending").content.cloneNode(true);
    find(".bubble", pending).textContent = sent;
    messages.append(pending);
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
  on("htmx:sendError", () => say("The server cannot be reached. Is it still running?"));

  /* A lost connection. The browser itself tries once more, and says what it has; then htmx tries in growing
   * intervals. Such a new connection begins with the whole state, so nothing is lost or shown twice. */

  const lost = find("#lost"), reconnect = find("#reconnect");
  let failures = 0;
  const showLost = () => {
    lost.hidden = failures === 0;
    reconnect.hidden = failures < 3;
  };
  on("htmx:sseError", (event) => {
    if (!event.target.matches("article")) return;
    failures++;
    showLost();
    if (failures > 1) event.detail.source.close();
  });
  on("htmx:sseOpen htmx:sseClose", () => { failures = 0; showLost(); });
  const connectAnew = () => {
    for (const article of all("article[sse-connect]")) {
      if (!failures) return;
      const copy = article.cloneNode(true);
      article.replaceWith(copy);
      htmx.process(copy);
    }
  };
  reconnect.addEventListener("click", connectAnew);
  addEventListener("online", connectAnew);

  /* Finished blocks: code gets its frame and its button, rich.js colours it and sets formulas. */

  const finish = (element) => {
    const blocks = element.matches(".blocks > *") ? [element] : all(".blocks > *", element);
    for (const block of blocks) {
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
  };
  htmx.onLoad(finish);
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
})();
