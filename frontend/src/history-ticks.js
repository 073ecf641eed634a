// Where an axis has its lines and what stands there: whole numbers, and whole hours, days and months of a zone.
import { language, say } from "./words.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const FIXED = [
  ...[1, 2, 5, 10, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7].map((n) => n * DAY),
];
const MONTHS = [1, 2, 3, 6, 12, 24, 60, 120];
const MONTH = 30.4 * DAY;
// 1970 began on a Thursday; weeks begin on Mondays.
const MONDAY = 4 * DAY;
// Three letters, as everywhere; "Sept" among them would be the only one with four.
const inMonths = new Intl.DateTimeFormat(language, { month: "short", timeZone: "UTC" });
const nameOf = (date) => inMonths.format(date).slice(0, 3);

// A zone's clock: its wall time as if it were UTC, so that days and hours are plain arithmetic.
export class ZoneClock {
  #offsets = new Map();

  constructor(zone) {
    this.format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hourCycle: "h23",
      ...{ year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" },
    });
  }

  offset(instant) {
    // Clocks change at quarters of an hour, everywhere and always since 1970.
    const quarter = Math.floor(instant / (15 * MINUTE)) * 15 * MINUTE;
    if (!this.#offsets.has(quarter)) {
      const parts = this.format.formatToParts(quarter);
      const p = Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)]));
      this.#offsets.set(quarter, Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute) - quarter);
    }
    return this.#offsets.get(quarter);
  }

  toLocal(instant) {
    return instant + this.offset(instant);
  }

  toInstant(local) {
    const guess = local - this.offset(local);
    return local - this.offset(guess);
  }
}

function* fixedSteps(start, end, step) {
  const shift = step === 7 * DAY ? MONDAY : 0;
  for (let at = Math.ceil((start - shift) / step) * step + shift; at <= end; at += step) yield at;
}

function* monthSteps(start, end, months) {
  const first = new Date(start);
  let count = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months;
  for (; ; count += months) {
    const at = Date.UTC(Math.floor(count / 12), count % 12, 1);
    if (at > end) return;
    if (at >= start) yield at;
  }
}

const two = (number) => String(number).padStart(2, "0");

// What a line says, and whether it begins something larger than its neighbours.
function label(local, step) {
  const date = new Date(local);
  const year = date.getUTCFullYear();
  const month = nameOf(date);
  const isYear = date.getUTCMonth() === 0 && date.getUTCDate() === 1;
  if (step >= 12 * MONTH) return [String(year), false];
  if (step >= MONTH) return isYear ? [String(year), true] : [month, false];
  const isDay = local % DAY === 0;
  if (isDay && isYear) return [String(year), true];
  if (isDay) return [say("j M").replace("j", date.getUTCDate()).replace("M", month), step < DAY];
  const seconds = step < MINUTE ? `:${two(date.getUTCSeconds())}` : "";
  return [`${two(date.getUTCHours())}:${two(date.getUTCMinutes())}${seconds}`, false];
}

// [{at, text, isStrong}] from start to end, at most so many.
export function timeTicks(start, end, most, clock) {
  const least = (end - start) / Math.max(most, 1);
  const fixed = FIXED.find((step) => step >= least);
  const months = MONTHS.find((count) => count * MONTH >= least) ?? MONTHS.at(-1);
  const step = fixed ?? months * MONTH;
  const from = clock.toLocal(start);
  const to = clock.toLocal(end);
  const ticks = [];
  for (const local of fixed ? fixedSteps(from, to, fixed) : monthSteps(from, to, months)) {
    const at = clock.toInstant(local);
    const [text, isStrong] = label(local, step);
    if (at >= start && at <= end && at > (ticks.at(-1)?.at ?? -Infinity)) ticks.push({ at, text, isStrong });
  }
  return ticks;
}

// Round numbers around what lies between two values: {low, high, step, decimals}.
export function valueScale(least, greatest, { least_span: smallest, from_zero: isFromZero }) {
  const middle = (least + greatest) / 2;
  const isNarrow = greatest - least < smallest;
  const bottom = isNarrow ? middle - smallest / 2 : least;
  const low = isFromZero && least >= 0 ? 0 : bottom;
  const high = isNarrow ? Math.max(middle, low) + smallest / 2 : greatest;
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((n) => n * power >= rough) ?? 10);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + (step / power === 2.5 ? 1 : 0));
  return { low: Math.floor(low / step + 1e-9) * step, high: Math.ceil(high / step - 1e-9) * step, step, decimals };
}
