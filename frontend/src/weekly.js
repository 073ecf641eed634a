// The last seven days.
import { Bars } from "./bars.js";
import { dayLabel, localDate } from "./format.js";

const sum = (days) => days.reduce((total, day) => total + day.consumption, 0);

// The finished days since the device is there, or since the first that anything was measured on.
export function finishedDays(data) {
  const made = localDate(Date.parse(data.device.created_at), data.time_zone);
  const days = data.weekly_consumption;
  const first = days.findIndex((day) => day.consumption > 0 || day.date >= made);
  return days.slice(first, -1);
}

export class Weekly {
  constructor(card) {
    this.bars = new Bars(card, { showScale: false, valuesOnBars: true });
  }

  show(data) {
    const days = data.weekly_consumption;
    const rows = days.map((day) => ({ label: dayLabel(day.date), consumption: day.consumption }));
    const finished = finishedDays(data);
    const total = sum(days);
    const names = days.map((day) => day.day);
    this.bars.show(rows, names, { total, note: finished.length ? sum(finished) / finished.length : null });
  }
}
