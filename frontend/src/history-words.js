// How spans, instants and values of curves are written.
import { moment, number } from "./format.js";

const MINUTE = 60000;
const DAY = 86400000;

const at = (instant, zone) => moment(new Date(instant).toISOString(), zone);
const withoutSeconds = (text) => text.slice(0, -3);
const dayOf = (text) => text.split(", ")[0];

// From when to when, as exactly as its length deserves; a day is named once.
export function spanText(start, end, zone) {
  const isLong = end - start >= 2 * DAY;
  const cut = (text) => (isLong ? dayOf(text) : end - start >= 10 * MINUTE ? withoutSeconds(text) : text);
  const from = cut(at(start, zone));
  // Up to midnight is up to the end of the day before.
  const to = cut(at(isLong ? end - 1 : end, zone));
  if (from === to) return from;
  return !isLong && dayOf(from) === dayOf(to) ? `${from} – ${to.split(", ")[1]}` : `${from} – ${to}`;
}

// What a point stands for: a moment, or from when to when.
export function pointText(window, place, zone) {
  const { width } = window;
  if (!width) return at(window.at[place], zone);
  const start = window.at[place] - width / 2;
  const cut = width % MINUTE ? (text) => text : withoutSeconds;
  const from = cut(at(start, zone));
  const to = cut(at(start + width, zone));
  return dayOf(from) === dayOf(to) ? `${from} – ${to.split(", ")[1]}` : `${from} – ${to}`;
}

// `isFull`: with the least and the greatest value, where they differ.
export function valueText(window, place, { decimals, unit }, isFull) {
  const [low, mean, high] = [window.low[place], window.mean[place], window.high[place]];
  const gap = unit ? ` ${unit}` : "";
  const range = low === high || !isFull ? "" : ` (${number(low, decimals)} – ${number(high, decimals)})`;
  return `${number(mean, decimals)}${gap}${range}`;
}
