// The last hour's power as a small line: from the server once, then reading by reading.
import { now } from "./clock.js";
import { number } from "./format.js";
import { getJson } from "./poll.js";
import { say } from "./words.js";

const SPAN_MS = 3600000;
const STEP_MS = 10000;
const WIDTH = 600;
const HEIGHT = 100;
const LEAST_TOP_W = 10;
// Where nothing arrived for so long there is nothing to draw.
const GAP_MS = 90000;

export class Trend {
  #points = [];
  #isKnown = false;

  constructor(root, { url, intervalMs }) {
    this.root = root;
    this.line = root.querySelector("[data-line]");
    this.area = root.querySelector("[data-area]");
    this.words = root.querySelector("[data-trend-words]");
    this.picture = root.querySelector("[data-picture]");
    this.url = url;
    this.gapMs = Math.max(GAP_MS, 3 * intervalMs);
    setInterval(() => document.hidden || this.#draw(), STEP_MS);
  }

  async load() {
    const end = new Date(now());
    const start = new Date(end - SPAN_MS);
    const query = new URLSearchParams({
      metric: "power",
      start: start.toISOString(),
      end: end.toISOString(),
      points: SPAN_MS / STEP_MS,
    });
    let found;
    try {
      found = await getJson(`${this.url}?${query}`);
    } catch {
      return; // the line grows from here on
    }
    this.#isKnown = true;
    const past = found.points.filter((point) => point.mean !== null);
    // What came meanwhile is newer than the answer.
    const newer = this.#points.filter(({ at }) => at > (past.length ? Date.parse(past.at(-1).timestamp) : 0));
    this.#points = [...past.map((point) => ({ at: Date.parse(point.timestamp), power: point.mean })), ...newer];
    this.#draw();
  }

  add(timestamp, power) {
    const at = Date.parse(timestamp);
    const last = this.#points.at(-1);
    if (power === null || (last && at <= last.at)) return;
    // Of a device that reports faster, as many points as of the others.
    const before = this.#points.at(-2);
    if (before && at - before.at < STEP_MS) this.#points.pop();
    this.#points.push({ at, power });
    this.#draw();
  }

  #draw() {
    const end = now();
    const start = end - SPAN_MS;
    while (this.#points.length && this.#points[0].at < start) this.#points.shift();
    const powers = this.#points.map(({ power }) => power);
    const most = Math.max(LEAST_TOP_W, ...powers);
    const x = (at) => (((at - start) / SPAN_MS) * WIDTH).toFixed(1);
    const y = (power) => (HEIGHT - (power / most) * (HEIGHT - 4)).toFixed(1);
    const runs = this.#runs().map((run) => run.map(({ at, power }) => `${x(at)} ${y(power)}`));
    this.line.setAttribute("d", runs.map((run) => `M${run.join("L")}${run.length > 1 ? "" : "h1"}`).join(""));
    this.area.setAttribute("d", this.#runs().map((run, i) => this.#under(run, runs[i], x)).join(""));
    const least = Math.min(...powers);
    const words = powers.length ? `${number(least, 0)} – ${number(Math.max(...powers), 0)} W` : say("nothing measured");
    const shown = powers.length || this.#isKnown ? words : "";
    if (this.words.textContent !== shown) this.words.textContent = shown;
    this.picture.setAttribute("aria-label", say("Power of the last hour: %(span)s", { span: words }));
  }

  #under(run, corners, x) {
    return `M${x(run[0].at)} ${HEIGHT}L${corners.join("L")}L${x(run.at(-1).at)} ${HEIGHT}Z`;
  }

  #runs() {
    const runs = [];
    for (const point of this.#points) {
      const run = runs.at(-1);
      if (run && point.at - run.at(-1).at <= this.gapMs) run.push(point);
      else runs.push([point]);
    }
    return runs;
  }
}
