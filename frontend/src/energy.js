// The energy page: its widgets around the period that the address names.
import { Bars } from "./energy-chart.js";
import { Choice } from "./energy-choice.js";
import { Chosen } from "./energy-chosen.js";
import { Dialog } from "./energy-dialog.js";
import { Pages } from "./energy-pages.js";
import { Tip } from "./energy-tip.js";
import { onThemeChange } from "./theme.js";

const REFRESH_MS = 60000;
let bars = null;
let choice = null;

const pages = new Pages(begin);
const dialog = new Dialog(document.querySelector("[data-energy-dialog]"), pages);

function begin() {
  bars?.destroy();
  [bars, choice] = [null, null];
  const root = document.querySelector("[data-energy]");
  const data = JSON.parse(root.querySelector("#energy-data").textContent);
  // What is shown has an address of its own, also where the one typed left things open.
  const address = location.pathname + data.address;
  if (location.pathname + location.search !== address) history.replaceState(null, "", address);
  const chart = root.querySelector("[data-chart]");
  if (!chart) return;
  bars = new Bars(chart.querySelector("canvas"), data);
  const tip = new Tip(chart.querySelector("[data-tip]"), bars);
  const chosen = new Chosen(chart, data, () => address);
  choice = new Choice(chart.querySelector("[data-surface]"), bars, {
    onChange: (span) => chosen.show(span),
    onHover: (place) => tip.show(place),
    onKey: (key) => act(chart, key),
  });
  chart.querySelector("[data-clear]").addEventListener("click", () => {
    choice.clear();
    chart.querySelector("[data-surface]").focus();
  });
}

// Enter explains what is chosen, C corrects it, O opens its own page.
function act(chart, key) {
  const name = { Enter: "why", " ": "why", c: "correct", C: "correct", o: "open", O: "open" }[key];
  const link = name && chart.querySelector(`[data-${name}]`);
  if (!link || link.hidden) return false;
  link.click();
  return true;
}

function isIdle() {
  const hasOpenMenu = document.querySelector("[data-energy] details[open]");
  return !document.hidden && !dialog.element.open && !choice?.chosen && !choice?.pressed && !hasOpenMenu;
}

// The running bar moves on by itself, but never under somebody's hands.
setInterval(() => {
  if (isIdle() && bars?.data.bars.some((bar) => Date.parse(bar.end) > Date.parse(bars.data.now))) {
    pages.go(location.href, { isNew: false });
  }
}, REFRESH_MS);
onThemeChange(() => bars?.repaint());
begin();
