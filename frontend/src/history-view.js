// The span that is looked at: moved, zoomed and kept within what there is.
import { now } from "./clock.js";

const LEAST_MS = 20000;
// A little air beside the first and the newest reading.
const MARGIN = 0.02;

export class View {
  #listeners = [];

  constructor({ first, start, end }) {
    this.first = Date.parse(first);
    this.start = Date.parse(start);
    this.end = Date.parse(end);
  }

  get span() {
    return this.end - this.start;
  }

  onChange(react) {
    this.#listeners.push(react);
  }

  // Sets a span and pushes it back to where readings can be; its length stays if it may.
  set(start, end) {
    const most = Math.max(now() - this.first, LEAST_MS) * (1 + 2 * MARGIN);
    const middle = (start + end) / 2;
    const span = Math.min(Math.max(end - start, LEAST_MS), most);
    const least = this.first - span * MARGIN;
    const greatest = now() + span * MARGIN - span;
    const from = Math.max(Math.min(span === end - start ? start : middle - span / 2, greatest), Math.min(least, greatest));
    // Whole milliseconds, as the address has them: it leads to the very same picture.
    const [begin, stop] = [Math.round(from), Math.round(from + span)];
    if (begin === this.start && stop === this.end) return;
    this.start = begin;
    this.end = stop;
    for (const react of this.#listeners) react();
  }

  pan(ms) {
    this.set(this.start + ms, this.end + ms);
  }

  // Factors below 1 zoom in; what is at the instant `at` stays where it is.
  zoom(factor, at = (this.start + this.end) / 2) {
    const span = this.span * factor;
    const part = (at - this.start) / this.span;
    const kept = Math.max(span, LEAST_MS);
    this.set(at - part * kept, at + (1 - part) * kept);
  }

  // A length around the middle, or up to now where now is in sight.
  show(span) {
    const end = this.end >= now() - this.span * 0.05 ? now() : (this.start + this.end + span) / 2;
    this.set(end - span, end);
  }

  toFirst() {
    this.set(this.first - this.span * MARGIN, this.first - this.span * MARGIN + this.span);
  }

  toNow() {
    this.set(now() - this.span, now());
  }
}
