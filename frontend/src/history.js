// The history page: its widgets, joined by the view they share.
import { Chart } from "./history-chart.js";
import { Choices } from "./history-choices.js";
import { Figures } from "./history-figures.js";
import { Gestures, watchButtons } from "./history-gestures.js";
import { Readout } from "./history-readout.js";
import { View } from "./history-view.js";
import { spanText } from "./history-words.js";
import { say } from "./words.js";

const root = document.querySelector("[data-history]");
const find = (name) => root.querySelector(`[data-${name}]`);
const data = JSON.parse(document.getElementById("history-data").textContent);
const { loginUrl, figuresUrl } = root.dataset;
const zone = data.time_zone;

const view = new View(data);
const choices = new Choices(root, data, view, { onChange: showChoice, onPoint: (device) => chart.pointAt(device) });
const chart = new Chart(root, data, view, choices, { loginUrl, onDrawn: tell });
const readout = new Readout(root, view, zone, () => chart.curves());
const figures = new Figures(find("figures"), figuresUrl, () => choices.query());

function tell(isComplete) {
  readout.refresh();
  find("state").textContent = chart.feed.hasFailed && !isComplete ? say("Connection lost, retrying…") : "";
}

function showSpan() {
  find("range").textContent = spanText(view.start, view.end, zone);
  const links = [...find("ranges").children];
  const current = links.find((link) => Math.abs(view.span / Number(link.dataset.span) - 1) < 0.01);
  for (const link of links) {
    if (link === current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

// Times that fields take, on the site's clock.
const fieldTime = (instant) => new Date(Math.round(chart.clock.toLocal(instant) / 1000) * 1000).toISOString().slice(0, 19);

function showFiles() {
  const span = new URLSearchParams({ start: new Date(view.start).toISOString(), end: new Date(view.end).toISOString() });
  const rows = choices.shownDevices().flatMap((device) => {
    const name = document.createElement("p");
    name.className = "truncate px-3 pt-2 text-[0.8125rem] text-soft";
    name.textContent = device.name;
    const links = [
      [say("Every reading"), device.readings_url],
      [say("Quarter-hours with kWh"), device.slots_url],
    ].map(([words, url]) => {
      const link = document.createElement("a");
      link.className = "menu-item";
      link.textContent = words;
      link.href = `${url}?${span}`;
      return link;
    });
    return [name, ...links];
  });
  find("files").replaceChildren(...rows);
}

function settle() {
  const { start, end } = choices.form.elements;
  start.value = fieldTime(view.start);
  end.value = fieldTime(view.end);
  showFiles();
  figures.refresh();
}

function showChoice() {
  chart.showPanels();
  choices.keepAddress(settle);
}

view.onChange(() => {
  showSpan();
  chart.refresh();
  choices.keepAddress(settle);
});
new Gestures(find("surface"), view, readout);
watchButtons(root, view);
find("ranges").addEventListener("click", (event) => {
  const link = event.target.closest("[data-span]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  view.show(Number(link.dataset.span));
});
showSpan();
chart.refresh();
