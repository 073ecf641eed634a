// Pieces of curves as the API gave them, and which of them to draw where.
// From a second to weeks; a view asks for the finest that has no more points than pixels.
const STEPS_S = [
  1, 2, 5, 20, 60, 150, 300, 900, 1800, 3600, 7200, 10800, 14400, 21600, 28800, 43200, 86400, 172800, 604800,
];
const KEPT = 10;

export function stepFor(span, pixels) {
  const least = span / 1000 / Math.max(pixels, 1);
  return (STEPS_S.find((step) => step >= least) ?? STEPS_S.at(-1)) * 1000;
}

// One answer of the series API. `step`: what was asked for; a point's own width is `width`.
export class Window {
  constructor(body, step, fetchedAt) {
    const { points } = body;
    this.start = Date.parse(body.start);
    this.end = Date.parse(body.end);
    this.step = step;
    this.fetchedAt = fetchedAt;
    this.width = (body.step_s ?? 0) * 1000;
    // Every reading is a point of its own: nothing finer is to be had.
    this.isSingle = body.step_s === null;
    const column = (name) => Float64Array.from(points, (point) => point[name] ?? NaN);
    // In the middle of what a point stands for.
    this.at = Float64Array.from(points, (point) => Date.parse(point.timestamp) + this.width / 2);
    this.low = column("min");
    this.mean = column("mean");
    this.high = column("max");
  }

  // The place of the first point at or after an instant.
  after(instant) {
    let low = 0;
    let high = this.at.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at[middle] < instant) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  nearest(instant) {
    const place = this.after(instant);
    const isBefore = place > 0 && (place === this.at.length || instant - this.at[place - 1] < this.at[place] - instant);
    const found = isBefore ? place - 1 : place;
    return found < this.at.length && !Number.isNaN(this.mean[found]) ? found : null;
  }
}

export class Windows {
  #byCurve = new Map();

  of(key) {
    return this.#byCurve.get(key) ?? [];
  }

  add(key, window) {
    const others = this.of(key).filter(
      (one) => one.step !== window.step || one.start < window.start || one.end > window.end,
    );
    // The widest stays for good: whoever pans far sees at least its outline.
    const widest = [window, ...others].reduce((a, b) => (b.end - b.start > a.end - a.start ? b : a));
    const kept = [window, ...others].slice(0, KEPT);
    if (!kept.includes(widest)) kept[KEPT - 1] = widest;
    this.#byCurve.set(key, kept);
  }

  // What covers a span in steps of this size and is not older than it may be.
  covering(key, start, end, step, isFresh) {
    const isFine = (one) => one.step === step || (one.isSingle && one.step >= step);
    return this.of(key).find((one) => isFine(one) && one.start <= start && one.end >= end && isFresh(one));
  }

  // [window, start, end] of what to draw from start to end: the best steps first, the rest where these end.
  pieces(key, start, end, step) {
    const badness = (one) => Math.abs(Math.log(one.step / step));
    const ordered = [...this.of(key)].sort((a, b) => badness(a) - badness(b) || b.fetchedAt - a.fetchedAt);
    let bare = [[start, end]];
    const pieces = [];
    for (const one of ordered) {
      const left = [];
      for (const [from, to] of bare) {
        const begin = Math.max(from, one.start);
        const stop = Math.min(to, one.end);
        if (begin >= stop) {
          left.push([from, to]);
          continue;
        }
        pieces.push([one, begin, stop]);
        if (from < begin) left.push([from, begin]);
        if (stop < to) left.push([stop, to]);
      }
      bare = left;
    }
    return pieces;
  }
}
