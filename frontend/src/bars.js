// A bar chart and the table with the same figures.
import { BarController, BarElement, CategoryScale, Chart, LinearScale, Tooltip } from "chart.js";

import { number } from "./format.js";
import { onThemeChange } from "./theme.js";
import { language } from "./words.js";

Chart.register(BarController, BarElement, CategoryScale, LinearScale, Tooltip);

const COLOURS = ["copper", "copper-soft", "ink", "soft", "line", "card"];
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

function readColours(element) {
  const probe = document.createElement("i");
  element.append(probe);
  const colours = COLOURS.map((name) => {
    probe.style.color = `var(--color-${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(colours);
}

function fillTable(body, rows) {
  const lines = rows.map(({ label, consumption }) => {
    const line = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = label;
    const cell = document.createElement("td");
    cell.textContent = number(consumption, 3);
    line.append(head, cell);
    return line;
  });
  body.replaceChildren(...lines);
}

export class Bars {
  // `options` go to Chart.js; `valuesOnBars` writes each figure over its bar.
  constructor(card, { valuesOnBars = false, ...options }) {
    this.card = card;
    this.colours = readColours(card);
    this.data = { labels: [], datasets: [{ borderRadius: 3, borderSkipped: "bottom", maxBarThickness: 36 }] };
    this.config = {
      type: "bar",
      data: this.data,
      options: this.#options(options),
      plugins: valuesOnBars ? [this.#figures()] : [],
    };
    onThemeChange(() => this.#paint());
    this.#watchToggle(card.querySelector("[data-figures-toggle]"));
  }

  // `rows`: {label, consumption}, the last one running; `axis`: labels of the whole axis.
  show(rows, axis, { total, note }) {
    fillTable(this.card.querySelector("tbody"), rows);
    this.card.querySelector("[data-total]").textContent = number(total, 2);
    const noted = this.card.querySelector("[data-note]");
    noted.textContent = number(note, 2);
    noted.parentElement.hidden = note === null;
    this.card.querySelector("[data-empty]").hidden = rows.some((row) => row.consumption > 0);
    this.rows = rows;
    this.data.labels = axis;
    this.data.datasets[0].data = rows.map((row) => row.consumption);
    this.#paint();
  }

  #paint() {
    this.colours = readColours(this.card);
    const { copper, line, soft, ink, card } = this.colours;
    const { options } = this.config;
    // The last one is still growing: lighter.
    const last = this.rows.length - 1;
    this.data.datasets[0].backgroundColor = this.rows.map((_row, i) =>
      i === last ? this.colours["copper-soft"] : copper,
    );
    options.scales.x.ticks.color = soft;
    options.scales.y.ticks.color = soft;
    options.scales.y.grid.color = line;
    options.scales.x.border.color = line;
    Object.assign(options.plugins.tooltip, { backgroundColor: ink, titleColor: card, bodyColor: card });
    if (!this.chart) this.chart = new Chart(this.card.querySelector("canvas"), this.config);
    else this.chart.update();
  }

  #options({ showScale = true, xTicks = {} }) {
    const font = { family: getComputedStyle(document.body).fontFamily, size: 12 };
    return {
      maintainAspectRatio: false,
      animation: reducedMotion.matches ? false : { duration: 350 },
      events: ["mousemove", "mouseout", "click", "touchstart", "touchmove"],
      interaction: { mode: "index", intersect: false },
      layout: { padding: { top: showScale ? 4 : 22 } },
      scales: {
        x: { grid: { display: false }, border: { display: true }, ticks: { maxRotation: 0, font, ...xTicks } },
        y: {
          display: showScale,
          suggestedMax: 0.2,
          border: { display: false },
          grid: { drawTicks: false },
          bounds: showScale ? "ticks" : "data",
          ticks: { maxTicksLimit: 6, padding: 8, font, callback: (value) => value.toLocaleString(language) },
        },
      },
      plugins: {
        tooltip: {
          displayColors: false,
          padding: 10,
          cornerRadius: 8,
          titleFont: { ...font, weight: "normal" },
          bodyFont: { ...font, size: 14, weight: "bold" },
          callbacks: {
            title: ([item]) => this.rows[item.dataIndex].label,
            label: (item) => `${number(item.parsed.y, 3)} kWh`,
          },
        },
      },
    };
  }

  #figures() {
    return {
      id: "figures",
      afterDatasetsDraw: (chart) => {
        const { ctx } = chart;
        ctx.save();
        ctx.fillStyle = this.colours.ink;
        ctx.font = `600 12px ${getComputedStyle(document.body).fontFamily}`;
        ctx.textAlign = "center";
        chart.getDatasetMeta(0).data.forEach((bar, i) => {
          const { consumption } = this.rows[i];
          if (consumption) ctx.fillText(number(consumption, 1), bar.x, bar.y - 7);
        });
        ctx.restore();
      },
    };
  }

  #watchToggle(button) {
    const figures = this.card.querySelector("[data-figures]");
    button.addEventListener("click", () => {
      const isShown = !figures.classList.toggle("sr-only");
      button.setAttribute("aria-expanded", isShown);
      button.textContent = isShown ? button.dataset.hide : button.dataset.show;
    });
  }
}
