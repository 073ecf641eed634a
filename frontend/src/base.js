// On every page.
import { keepAges } from "./ago.js";
import { showChosenChips } from "./chips.js";
import { watchCopyButtons } from "./copy.js";
import { closeMenus } from "./menus.js";
import { watchPrintButtons, watchShortcuts } from "./shortcuts.js";
import { isSwitchedOn } from "./noticing.js";
import { watchThemeButtons } from "./theme.js";
import { fillTimeZone } from "./zone.js";

watchThemeButtons();
closeMenus();
watchCopyButtons();
fillTimeZone();
keepAges();
watchShortcuts();
watchPrintButtons();
showChosenChips();
if (isSwitchedOn()) import("./notices.js").then(({ showNotices }) => showNotices());
