// The line under the pointer and the values there; by keyboard they are spoken as well.
import { GUTTER } from "./history-draw.js";
import { pointText, valueText } from "./history-words.js";

const BESIDE = 14;
// On a small screen many rows would hide the curves they tell of: then means alone.
const SMALL = 480;
const MOST_FULL = 3;

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

export class Readout {
  // `curves()`: [{name, number, metric, pieces}] as drawn, in the order of the panels.
  constructor(root, view, zone, curves) {
    const find = (name) => root.querySelector(`[data-${name}]`);
    Object.assign(this, { view, zone, curves });
    this.surface = find("surface");
    this.line = find("crosshair");
    this.box = find("readout");
    this.spoken = find("spoken");
    this.instant = null;
  }

  hide() {
    this.instant = null;
    this.line.hidden = true;
    this.box.hidden = true;
  }

  showAt(instant) {
    this.instant = instant;
    this.refresh();
  }

  // To the next point of the first curve, or the one before.
  step(direction) {
    const from = this.instant ?? this.view.start + this.view.span / 2;
    const instants = this.curves()
      .slice(0, 1)
      .flatMap(({ pieces }) => pieces)
      .flatMap(([one, start, end]) => [...one.at.subarray(one.after(start), one.after(end))])
      .sort((a, b) => a - b);
    const next = direction > 0 ? instants.find((at) => at > from + 1) : instants.findLast((at) => at < from - 1);
    if (next === undefined) return;
    this.showAt(next);
    this.spoken.textContent = [...this.box.children].map((row) => row.textContent).join(", ");
  }

  // Again at the same place, when the view or the curves have changed.
  refresh() {
    const { instant, view } = this;
    if (instant === null) return;
    const found = this.curves().map((curve) => this.#find(curve, instant)).filter(Boolean);
    const isInside = instant >= view.start && instant <= view.end;
    this.line.hidden = !isInside;
    this.box.hidden = !isInside || !found.length;
    if (!isInside) return;
    const width = this.surface.clientWidth;
    const left = GUTTER + ((instant - view.start) / view.span) * (width - GUTTER);
    this.line.style.transform = `translateX(${left}px)`;
    if (found.length) this.#fill(found, left, width);
  }

  #find(curve, instant) {
    const piece = curve.pieces.find(([, start, end]) => start <= instant && instant <= end);
    const place = piece?.[0].nearest(instant) ?? null;
    return place === null ? null : { ...curve, window: piece[0], place };
  }

  #fill(found, left, width) {
    const isOneMetric = found.every(({ metric }) => metric === found[0].metric);
    const isFull = width >= SMALL || found.length <= MOST_FULL;
    const rows = found.flatMap(({ name, number, metric, window, place }, i) => {
      const row = element("p", "flex items-center gap-2 whitespace-nowrap");
      const swatch = element("span", "swatch");
      swatch.dataset.curve = number;
      row.append(swatch, element("span", "max-w-32 truncate text-soft", `${name} `));
      row.append(element("span", "ml-auto pl-2 font-semibold", valueText(window, place, metric, isFull)));
      const isFirst = metric !== found[i - 1]?.metric;
      return isFirst && !isOneMetric ? [element("p", "pt-1 text-[0.8125rem] font-medium", metric.label), row] : [row];
    });
    const words = pointText(found[0].window, found[0].place, this.zone);
    this.box.replaceChildren(element("p", "text-[0.8125rem] text-soft", words), ...rows);
    const { offsetWidth } = this.box;
    const right = left + BESIDE + offsetWidth <= width ? left + BESIDE : left - BESIDE - offsetWidth;
    this.box.style.transform = `translate(${Math.max(0, Math.min(right, width - offsetWidth))}px, 28px)`;
  }
}
