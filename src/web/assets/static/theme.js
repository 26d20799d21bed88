/* SPDX-License-Identifier: MIT */
/* theme.js - runs before the first paint: the theme that this browser remembers, a mark that scripts run. */
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch { /* storage is switched off: the system's theme then */ }
})();
