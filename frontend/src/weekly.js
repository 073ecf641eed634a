// The last seven days.
import { Bars } from "./bars.js";
import { dayLabel } from "./format.js";

export class Weekly {
  constructor(card) {
    this.bars = new Bars(card, { showScale: false, valuesOnBars: true });
  }

  show(data) {
    const days = data.weekly_consumption;
    const rows = days.map((day) => ({ label: dayLabel(day.date), consumption: day.consumption }));
    const total = days.reduce((sum, day) => sum + day.consumption, 0);
    const names = days.map((day) => day.day);
    this.bars.show(rows, names, { total, note: total / days.length });
  }
}
