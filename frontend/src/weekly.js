// The last seven days.
import { Bars } from "./bars.js";
import { dayLabel } from "./format.js";

const sum = (days) => days.reduce((total, day) => total + day.consumption, 0);

export class Weekly {
  constructor(card) {
    this.bars = new Bars(card, { showScale: false, valuesOnBars: true });
  }

  show(data) {
    const days = data.weekly_consumption;
    const rows = days.map((day) => ({ label: dayLabel(day.date), consumption: day.consumption }));
    // Of the finished days, from the first that anything was measured on.
    const first = days.findIndex((day) => day.consumption > 0);
    const finished = first < 0 ? [] : days.slice(first, -1);
    const total = sum(days);
    const names = days.map((day) => day.day);
    this.bars.show(rows, names, { total, note: finished.length ? sum(finished) / finished.length : 0 });
  }
}
