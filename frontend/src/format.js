// Writes numbers and times as the server does (web/wording.py).
import { language, say } from "./words.js";

const NO_VALUE = "–";
const UNITS = [
  [86400, "%(count)s day ago", "%(count)s days ago"],
  [3600, "%(count)s h ago", "%(count)s h ago"],
  [60, "%(count)s min ago", "%(count)s min ago"],
];

export function number(value, decimals) {
  if (value === null || value === undefined) return NO_VALUE;
  const shown = Math.abs(value) >= 1000 ? Math.min(decimals, decimals <= 1 ? 0 : 1) : decimals;
  return value.toLocaleString(language, { minimumFractionDigits: shown, maximumFractionDigits: shown });
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

export function moment(iso, zone) {
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const p = parts(new Date(iso), zone, { day: "numeric", month: "short", year: "numeric", ...time });
  return `${p.day} ${p.month.slice(0, 3)} ${p.year}, ${p.hour}:${p.minute}:${p.second}`;
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
  const p = parts(new Date(`${date}T12:00:00Z`), "UTC", { weekday: "short", day: "numeric", month: "short" });
  return `${p.weekday} ${p.day} ${p.month.slice(0, 3)}`;
}

export function dayAndMonth(instant, zone) {
  const p = parts(instant, zone, { day: "numeric", month: "short" });
  return `${p.day} ${p.month.slice(0, 3)}`;
}

export function change(used, before) {
  if (before === null) return "no comparison yet";
  if (!before) return used ? "more" : "as much";
  const perCent = Math.round((used / before - 1) * 100);
  if (!perCent) return "as much";
  return `${Math.abs(perCent).toLocaleString("en")} % ${perCent > 0 ? "more" : "less"}`;
}
