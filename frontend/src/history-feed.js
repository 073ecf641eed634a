// Asks the API for what a view needs and the store does not have; what nobody waits for is called off.
import { now } from "./clock.js";
import { stepFor, Window } from "./history-windows.js";

// Between two requests for one curve while somebody turns the wheel.
const APART_MS = 80;
const AGAIN_MS = 3000;
// How long a picture that ends at the moment it was fetched may stand.
const STALE_MS = 15000;

export class Feed {
  #asked = new Map();

  // `onChange`: something arrived or could not be had.
  constructor(windows, view, { loginUrl, onChange }) {
    Object.assign(this, { windows, view, loginUrl, onChange });
    this.hasFailed = false;
  }

  // What was in the past when it was fetched stays as it is.
  isFresh = ({ fetchedAt }) => this.view.end <= fetchedAt || now() - fetchedAt < STALE_MS;

  isComplete(key, pixels) {
    const { start, end } = this.#within();
    return end <= start || Boolean(this.windows.covering(key, start, end, stepFor(this.view.span, pixels), this.isFresh));
  }

  // Makes sure that a curve's view is there or under way.
  want(key, url, metric, pixels) {
    const asked = this.#asked.get(key) ?? { sentAt: 0 };
    this.#asked.set(key, asked);
    clearTimeout(asked.timer);
    if (this.isComplete(key, pixels)) return;
    const { start, end } = this.#within();
    const step = stepFor(this.view.span, pixels);
    if (asked.controller && asked.step === step && asked.start <= start && asked.end >= end) return;
    const wait = asked.sentAt + APART_MS - performance.now();
    if (wait > 0) asked.timer = setTimeout(() => this.want(key, url, metric, pixels), wait);
    else this.#send(asked, { key, url, metric, step });
  }

  // Curves that are no longer shown need nothing.
  keepOnly(keys) {
    for (const [key, asked] of this.#asked) {
      if (keys.includes(key)) continue;
      clearTimeout(asked.timer);
      asked.controller?.abort();
      this.#asked.delete(key);
    }
  }

  async #send(asked, { key, url, metric, step }) {
    asked.controller?.abort();
    const controller = new AbortController();
    const margin = this.view.span / 2;
    const start = Math.floor(Math.max(this.view.start - margin, this.view.first - step) / step) * step;
    const end = Math.ceil((this.view.end + margin) / step) * step;
    Object.assign(asked, { controller, step, start, end, sentAt: performance.now() });
    const query = new URLSearchParams({
      metric,
      start: new Date(start).toISOString(),
      end: new Date(end).toISOString(),
      points: Math.round((end - start) / step),
    });
    const fetchedAt = now();
    try {
      const response = await fetch(`${url}?${query}`, { signal: controller.signal, cache: "no-store" });
      if (response.status === 401) return this.#logIn();
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      this.windows.add(key, new Window(await response.json(), step, fetchedAt));
      this.hasFailed = false;
    } catch (error) {
      if (error.name === "AbortError") return;
      this.hasFailed = true;
      asked.sentAt = performance.now() + AGAIN_MS;
    } finally {
      if (asked.controller === controller) asked.controller = null;
    }
    this.onChange();
  }

  // The part of the view in which there can be readings.
  #within() {
    return { start: Math.max(this.view.start, this.view.first), end: Math.min(this.view.end, now() - 1000) };
  }

  #logIn() {
    location.assign(`${this.loginUrl}?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
}
