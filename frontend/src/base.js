// On every page.
import { keepAges } from "./ago.js";
import { watchCopyButtons } from "./copy.js";
import { closeMenus } from "./menus.js";
import { watchThemeButtons } from "./theme.js";
import { fillTimeZone } from "./zone.js";

watchThemeButtons();
closeMenus();
watchCopyButtons();
fillTimeZone();
keepAges();
