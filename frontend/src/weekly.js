// The last seven days.
import { Bars } from "./bars.js";
import { dayLabel } from "./format.js";

const sum = (days) => days.reduce((total, day) => total + day.consumption, 0);

// The finished days, from the first that anything was measured on; a new device has none.
export function finishedDays(days) {
  const first = days.findIndex((day) => day.consumption > 0);
  return first < 0 ? [] : days.slice(first, -1);
}

export class Weekly {
  constructor(card) {
    this.bars = new Bars(card, { showScale: false, valuesOnBars: true });
  }

  show(data) {
    const days = data.weekly_consumption;
    const rows = days.map((day) => ({ label: dayLabel(day.date), consumption: day.consumption }));
    const finished = finishedDays(days);
    const total = sum(days);
    const names = days.map((day) => day.day);
    this.bars.show(rows, names, { total, note: finished.length ? sum(finished) / finished.length : null });
  }
}
