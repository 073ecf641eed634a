// Writes numbers and times as the server does (web/wording.py).
import { language, say } from "./words.js";

const NO_VALUE = "–";
const UNITS = [
  [86400, "%(count)s day ago", "%(count)s days ago"],
  [3600, "%(count)s h ago", "%(count)s h ago"],
  [60, "%(count)s min ago", "%(count)s min ago"],
];

// Kept: making one takes a hundred times as long as using it.
const formats = new Map();

function withDecimals(count) {
  if (!formats.has(count)) {
    const options = { minimumFractionDigits: count, maximumFractionDigits: count };
    formats.set(count, new Intl.NumberFormat(language, options));
  }
  return formats.get(count);
}

export function number(value, decimals) {
  if (value === null || value === undefined) return NO_VALUE;
  const shown = Math.abs(value) >= 1000 ? Math.min(decimals, decimals <= 1 ? 0 : 1) : decimals;
  return withDecimals(shown).format(value);
}

export function ago(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 2) return say("just now");
  for (const [unit, one, several] of UNITS) {
    const count = Math.floor(seconds / unit);
    if (count) return say(count === 1 ? one : several, { count });
  }
  return say("%(count)s s ago", { count: seconds });
}

function parts(instant, zone, options) {
  const formatter = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { timeZone: zone, hourCycle: "h23", ...options });
  return Object.fromEntries(formatter.formatToParts(instant).map(({ type, value }) => [type, value]));
}

// A date in one of the server's forms (monitoring/wording.py), in the order of the language.
function dated(instant, zone, form) {
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const p = parts(instant, zone, { weekday: "short", day: "numeric", month: "short", year: "numeric", ...time });
  const said = { D: p.weekday, j: p.day, M: p.month.slice(0, 3), Y: p.year, H: p.hour, i: p.minute, s: p.second };
  return form.replace(/[DjMYHis]/g, (letter) => said[letter]);
}

export function moment(iso, zone) {
  return dated(new Date(iso), zone, say("j M Y, H:i:s"));
}

export function localDate(instant, zone) {
  const p = parts(instant, zone, { day: "2-digit", month: "2-digit", year: "numeric" });
  return `${p.year}-${p.month}-${p.day}`;
}

export function localHour(instant, zone) {
  const p = parts(instant, zone, { hour: "2-digit", minute: "2-digit" });
  return `${p.hour}:${p.minute}`;
}

export function offset(instant, zone) {
  return parts(instant, zone, { hour: "2-digit", timeZoneName: "shortOffset" }).timeZoneName;
}

export function dayLabel(date) {
  return dated(new Date(`${date}T12:00:00Z`), "UTC", say("D j M"));
}

export function dayAndMonth(instant, zone) {
  return dated(instant, zone, say("j M"));
}

export function change(used, before) {
  if (before === null) return say("no comparison yet");
  const perCent = before ? Math.round((used / before - 1) * 100) : used && Infinity;
  if (!perCent) return say("as much");
  if (!before) return say("more");
  const count = Math.abs(perCent).toLocaleString(language);
  return perCent > 0 ? say("%(count)s %% more", { count }) : say("%(count)s %% less", { count });
}

// What a change is against, said after it.
export function than(compared, day) {
  return compared === say("as much") ? say("as by %(day)s", { day }) : say("than by %(day)s", { day });
}
