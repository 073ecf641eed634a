// The bars: stacked by device, hatched where estimated, dotted where corrected.
import { BarController, BarElement, CategoryScale, Chart, LinearScale } from "chart.js";

import { dotted, hatched, readColours } from "./energy-colours.js";
import { marks } from "./energy-marks.js";
import { language } from "./words.js";

Chart.register(BarController, BarElement, CategoryScale, LinearScale);

const KINDS = ["measured", "estimated", "corrected"];

// A label takes so many pixels; where there is less room only every so many are written.
function axisLabels(bars, scaleWidth) {
  const named = bars.flatMap(({ axis }, place) => (axis ? [place] : []));
  const longest = Math.max(...named.map((place) => bars[place].axis.length));
  const room = scaleWidth / Math.max(1, named.length);
  const step = [1, 2, 3, 4, 5, 6, 7, 10, 12, 14, 24].find((count) => room * count > longest * 7 + 6) ?? 48;
  return new Set(named.filter((_place, n) => n % step === 0));
}

export class Bars {
  constructor(canvas, data) {
    this.canvas = canvas;
    this.data = data;
    const sums = data.bars.map((_bar, place) =>
      data.parts.reduce((sum, part) => sum + KINDS.reduce((s, kind) => s + part[kind][place], 0), 0),
    );
    this.state = {
      bars: data.bars,
      tops: sums.map((sum, place) => Math.max(sum, data.bars[place].compared ?? 0)),
      chosen: null,
      colours: readColours(canvas.parentElement),
    };
    this.chart = new Chart(canvas, {
      type: "bar",
      data: { labels: data.bars.map(({ label }) => label), datasets: this.#datasets() },
      options: this.#options(),
      plugins: [marks(this.state)],
    });
  }

  #datasets() {
    const { colours } = this.state;
    const isPlain = this.data.parts.length === 1 && !this.data.bars.some((bar) => bar.is_estimated || bar.is_corrected);
    return this.data.parts.flatMap((part) => {
      const colour = this.data.parts.length > 1 ? colours.curves[part.curve - 1] : colours.copper;
      const fills = { measured: colour, estimated: hatched(colour, colours.card), corrected: dotted(colour, colours.card) };
      return KINDS.filter((kind) => part[kind].some((kwh) => kwh > 0)).map((kind) => ({
        data: part[kind],
        backgroundColor: fills[kind],
        borderColor: kind === "measured" ? colours.card : colour,
        // Hatching needs a rim to be a bar.
        borderWidth: kind === "estimated" ? 1 : 0,
        borderSkipped: kind === "measured" ? "bottom" : false,
        borderRadius: isPlain ? 3 : 0,
        maxBarThickness: 44,
        categoryPercentage: this.data.bars.length > 60 ? 1 : 0.86,
        barPercentage: this.data.bars.length > 60 ? 0.92 : 0.9,
      }));
    });
  }

  #options() {
    const { colours } = this.state;
    const { bars } = this.data;
    const font = { family: getComputedStyle(document.body).fontFamily, size: 12 };
    return {
      maintainAspectRatio: false,
      // Figures change by a page's turn; bars that grow each time would be noise.
      animation: false,
      events: [],
      layout: { padding: { top: 14 } },
      scales: {
        x: {
          stacked: true,
          grid: { display: false },
          border: { color: colours.line },
          ticks: {
            autoSkip: false,
            maxRotation: 0,
            color: colours.soft,
            font,
            callback(_value, place) {
              if (place === 0) this.written = axisLabels(bars, this.width);
              return this.written.has(place) ? bars[place].axis : "";
            },
          },
        },
        y: {
          stacked: true,
          suggestedMax: Math.max(0.02, ...bars.map(({ compared }) => compared ?? 0)),
          border: { display: false },
          grid: { drawTicks: false, color: colours.line },
          ticks: { maxTicksLimit: 6, padding: 8, color: colours.soft, font, callback: (value) => (+value.toFixed(6)).toLocaleString(language, { maximumFractionDigits: 6 }) },
        },
      },
    };
  }

  // The bar at a place on the page, the nearest to the sides of the chart.
  placeAt(clientX) {
    const { x } = this.chart.scales;
    const left = clientX - this.canvas.getBoundingClientRect().left;
    return Math.min(this.data.bars.length - 1, Math.max(0, Math.round(x.getValueForPixel(left))));
  }

  centre(place) {
    return this.chart.scales.x.getPixelForValue(place);
  }

  choose(chosen) {
    this.state.chosen = chosen;
    this.chart.draw();
  }

  repaint() {
    this.state.colours = readColours(this.canvas.parentElement);
    this.chart.data.datasets = this.#datasets();
    this.chart.options = this.#options();
    this.chart.update();
  }

  destroy() {
    this.chart.destroy();
  }
}
