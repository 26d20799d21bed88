/* SPDX-License-Identifier: MIT */
/*
 * app.js - what htmx and the server cannot do for any page. It decides nothing about chats: every state comes
 * from the server as HTML, and without scripts forms still work.
 */
"use strict";

const find = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const on = (names, listener, options) => {
  for (const name of names.split(" ")) document.addEventListener(name, listener, options);
};
const root = document.documentElement;
/* One on the screen has no comfortable Shift+Enter, and comes up with the focus. */
const keyboard = () => !matchMedia("(hover: none) and (pointer: coarse)").matches;

/* Theme: the server remembers it; the page does not wait for that. */

const setTheme = (theme) => {
  const dark = root.dataset.theme === "system" ? matchMedia("(prefers-color-scheme: dark)").matches
    : root.dataset.theme === "dark";
  root.dataset.theme = theme || (dark ? "light" : "dark");
};
on("theme", (event) => setTheme(event.detail.value)); /* the answer to /theme */
on("submit", ({ submitter }) => {
  if (!submitter?.closest(".theme")) return;
  setTheme(submitter.value);
  (submitter.nextElementSibling ?? submitter.previousElementSibling).focus();
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
on("toggle", ({ target }) => {
  if (!target.open) return;
  if (target.matches(".edit")) {
    find("textarea", target).focus();
  } else if (target.matches(".item-menu")) {
    target.scrollIntoView({ block: "nearest" });
  }
}, true);

/* What the server asks for with HX-Trigger. */

on("download", (event) => {
  Object.assign(document.createElement("a"), { href: event.detail.url, download: "" }).click();
});
on("htmx:oobAfterSwap", () => {
  const title = find("#chat-title");
  if (title) document.title = `${title.textContent} · ${document.title.split(" · ").at(-1)}`;
});
on("htmx:responseError htmx:sendError", () => find(":popover-open")?.hidePopover()); /* it hides the notice */

htmx.onLoad((element) => {
  let last;
  for (const heading of all(".group h2")) { /* more of the list may go on with the same group */
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
