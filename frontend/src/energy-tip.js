// What the bar under the pointer says: the table's figures, beside the bar.
const BESIDE = 24;

function line(words, className) {
  const element = document.createElement("p");
  element.textContent = words;
  if (className) element.className = className;
  return element;
}

function partLine(part, text) {
  const element = line("");
  element.className = "flex items-center gap-2";
  const swatch = document.createElement("span");
  swatch.className = "swatch rounded-xs!";
  swatch.dataset.curve = part.curve;
  const name = document.createElement("span");
  name.className = "min-w-0 grow truncate text-soft";
  name.textContent = part.name;
  const figure = document.createElement("span");
  figure.textContent = text;
  element.append(swatch, name, figure);
  return element;
}

export class Tip {
  constructor(element, bars) {
    this.element = element;
    this.bars = bars;
  }

  show(place) {
    this.element.hidden = place === null;
    if (place === null) return;
    const { bars, parts, compared } = this.bars.data;
    const bar = bars[place];
    const lines = [line(bar.label, "text-soft"), line(bar.is_ahead ? "not yet" : `${bar.text} kWh`, "font-semibold")];
    if (bar.cost) lines.push(line(bar.cost));
    if (parts.length > 1) {
      const used = parts.filter((part) => ["measured", "estimated", "corrected"].some((kind) => part[kind][place]));
      lines.push(...used.map((part) => partLine(part, part.texts[place])));
    }
    if (bar.compared !== null) lines.push(line(`${bar.compared_text} kWh in ${compared}`, "text-soft"));
    lines.push(...bar.events.map((event) => line(event, "text-silent")));
    if (bar.is_corrected) lines.push(line("corrected", "text-soft"));
    this.element.replaceChildren(...lines);
    // Beside the bar, on the side with more room.
    const width = this.element.offsetWidth;
    const room = this.element.parentElement.clientWidth;
    const centre = this.bars.centre(place);
    const left = centre < room / 2 ? Math.min(room - width, centre + BESIDE) : Math.max(0, centre - BESIDE - width);
    this.element.style.transform = `translateX(${left}px)`;
  }
}
