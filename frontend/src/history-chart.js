// The panels: asks for what is to be seen and draws what is there, at once and again when more arrives.
import { drawPanel, GUTTER } from "./history-draw.js";
import { Feed } from "./history-feed.js";
import { ZoneClock } from "./history-ticks.js";
import { stepFor, Window, Windows } from "./history-windows.js";
import { now } from "./clock.js";
import { onThemeChange } from "./theme.js";

const COLOURS = ["line", "edge", "soft", "ink"];
const REFRESH_MS = 15000;

export class Chart {
  #frame = 0;
  #panels;

  constructor(root, data, view, choices, { loginUrl, onDrawn }) {
    Object.assign(this, { view, choices, onDrawn });
    this.surface = root.querySelector("[data-surface]");
    this.empty = root.querySelector("[data-empty]");
    this.clock = new ZoneClock(data.time_zone);
    this.font = getComputedStyle(document.body).fontFamily;
    this.windows = new Windows();
    this.feed = new Feed(this.windows, view, { loginUrl, onChange: () => this.refresh() });
    this.pointedAt = null;
    this.#panels = new Map([...root.querySelectorAll("[data-panel]")].map((one) => [one.dataset.panel, one]));
    for (const body of data.series) {
      const step = (body.step_s ?? 1) * 1000;
      this.windows.add(`${body.device} ${body.metric}`, new Window(body, step, now()));
    }
    this.#readColours();
    onThemeChange(() => {
      this.#readColours();
      this.refresh();
    });
    new ResizeObserver(() => this.#draw()).observe(this.surface);
    setInterval(() => document.hidden || this.refresh(), REFRESH_MS);
    document.addEventListener("visibilitychange", () => this.refresh());
  }

  get pixels() {
    return Math.max(this.surface.clientWidth - GUTTER, 1);
  }

  // Draws in the next frame and sends for what is missing.
  refresh() {
    this.#want();
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  showPanels() {
    const shown = this.choices.shownMetrics().map(({ key }) => key);
    for (const [key, panel] of this.#panels) panel.hidden = !shown.includes(key);
    this.surface.dataset.panels = shown.length;
    this.refresh();
  }

  pointAt(device) {
    this.pointedAt = device;
    this.refresh();
  }

  // Every curve in sight: what it is and which pieces of it are there.
  curves() {
    const { start, end, span } = this.view;
    const step = stepFor(span, this.pixels);
    return this.choices.shownMetrics().flatMap((metric) =>
      this.choices.shownDevices().map((device) => ({
        key: `${device.id} ${metric.key}`,
        ...{ name: device.name, number: device.number, id: device.id, url: device.series_url, metric },
        pieces: this.windows.pieces(`${device.id} ${metric.key}`, start, end, step),
      })),
    );
  }

  #want() {
    const wanted = this.curves();
    this.feed.keepOnly(wanted.map(({ key }) => key));
    for (const { key, url, metric } of wanted) this.feed.want(key, url, metric.key, this.pixels);
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const curves = this.curves();
    const metrics = this.choices.shownMetrics();
    const isComplete = curves.every(({ key }) => this.feed.isComplete(key, this.pixels));
    let hasAny = false;
    metrics.forEach((metric, i) => {
      const canvas = this.#panels.get(metric.key).querySelector("canvas");
      const ofPanel = curves
        .filter((curve) => curve.metric === metric)
        .map((curve) => ({
          colour: this.colours[`curve-${curve.number}`],
          isFaint: this.pointedAt !== null && curves.some(({ id }) => id === this.pointedAt) && curve.id !== this.pointedAt,
          pieces: curve.pieces,
        }));
      const { view, clock, colours, font } = this;
      const hasTimes = i === metrics.length - 1;
      const isDrawn = drawPanel(canvas, { view, metric, curves: ofPanel, hasTimes, colours, clock, font });
      hasAny ||= isDrawn;
    });
    this.empty.hidden = hasAny || !isComplete;
    this.surface.setAttribute("aria-busy", !isComplete);
    this.onDrawn(isComplete);
  }

  #readColours() {
    const probe = document.createElement("i");
    this.surface.append(probe);
    const curves = Array.from({ length: this.choices.most }, (_, i) => `curve-${i + 1}`);
    this.colours = Object.fromEntries(
      [...COLOURS, ...curves].map((name) => {
        probe.style.color = `var(--color-${name})`;
        return [name, getComputedStyle(probe).color];
      }),
    );
    probe.remove();
  }
}
