/* SPDX-License-Identifier: MIT */
/* theme.js - runs before the first paint: a mark that scripts run. Nothing moves when app.js follows. */
document.documentElement.classList.add("js");
