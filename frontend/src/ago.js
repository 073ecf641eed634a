// Keeps every <time data-ago> telling how long ago it was.
import { now } from "./clock.js";
import { ago, moment } from "./format.js";

function refresh(element) {
  const instant = Date.parse(element.dateTime);
  const text = Number.isNaN(instant) ? "" : ago(now() - instant);
  if (element.textContent !== text) element.textContent = text;
}

export function setTime(element, iso, zone) {
  element.dateTime = iso;
  if (zone) element.title = moment(iso, zone);
  refresh(element);
}

export function keepAges() {
  setInterval(() => document.querySelectorAll("time[data-ago]").forEach(refresh), 1000);
}
