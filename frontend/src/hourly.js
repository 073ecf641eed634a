// Today by hour: 23, 24 or 25 bars.
import { Bars } from "./bars.js";
import { localDate, localHour, offset } from "./format.js";
import { finishedDays } from "./weekly.js";

const HOUR_MS = 3600000;

// The hours the day has left, so that the axis is the whole day from the start.
function hoursToCome(rows, date, zone) {
  const starts = [];
  if (!rows.length) return starts;
  let next = Date.parse(rows.at(-1).start) + HOUR_MS;
  while (localDate(next, zone) === date) {
    starts.push(next);
    next += HOUR_MS;
  }
  return starts;
}

// When the clock goes back an hour comes twice; then the offset tells the two apart.
function labelHours(starts, zone) {
  const hours = starts.map((start) => localHour(start, zone));
  return hours.map((hour, i) =>
    hours.indexOf(hour) === hours.lastIndexOf(hour) ? hour : `${hour} ${offset(starts[i], zone)}`,
  );
}

export class Hourly {
  constructor(card, zone) {
    this.zone = zone;
    this.bars = new Bars(card, {
      xTicks: {
        autoSkip: false,
        callback(_value, i) {
          return i % 3 === 0 ? this.getLabelForValue(i).slice(0, 2) : "";
        },
      },
    });
  }

  show(data) {
    const hours = data.hourly_consumption;
    const past = hours.map((row) => Date.parse(row.start));
    const labels = labelHours([...past, ...hoursToCome(hours, data.site_date, this.zone)], this.zone);
    const rows = hours.map((row, i) => ({ label: labels[i], consumption: row.consumption }));
    const yesterday = finishedDays(data).at(-1)?.consumption ?? null;
    this.bars.show(rows, labels, { total: data.today_consumption, note: yesterday });
  }
}
