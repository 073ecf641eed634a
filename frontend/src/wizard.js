// A new device's page: waits for its first reading and shows it.
import { number } from "./format.js";
import { Poll } from "./poll.js";

// A board that was just plugged in takes half a minute; after two something is wrong.
const LATE_MS = 120000;

const root = document.querySelector("[data-arrival]");
const find = (name) => root.querySelector(`[data-${name}]`);

function isNew(reading) {
  return reading !== null && (!root.dataset.since || reading.timestamp > root.dataset.since);
}

function show({ latest_reading: reading }) {
  if (!isNew(reading)) return;
  for (const value of root.querySelectorAll("[data-value]")) {
    value.textContent = number(reading[value.dataset.value], Number(value.dataset.decimals));
  }
  find("waiting").hidden = true;
  find("arrived").hidden = false;
  find("check-link").hidden = false;
  poll.stop();
}

setTimeout(() => {
  find("late").hidden = false;
}, LATE_MS);
const poll = new Poll({
  url: () => root.dataset.url,
  loginUrl: root.dataset.loginUrl,
  shownMs: 2000,
  hiddenMs: 15000,
  onData: show,
  onOutcome: () => {},
});
poll.start();
