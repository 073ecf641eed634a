// Choosing bars: by a click or tap, by dragging over several, and by keys.
import { say } from "./words.js";

const FAR = 6;

export class Choice {
  // `onChange({first, last} or null)`; `onKey` gets the letters that act on what is chosen.
  constructor(surface, bars, { onChange, onKey, onHover }) {
    this.surface = surface;
    this.bars = bars;
    this.onChange = onChange;
    this.onKey = onKey;
    this.onHover = onHover;
    this.chosen = null;
    surface.addEventListener("pointerdown", (event) => this.#press(event));
    surface.addEventListener("pointermove", (event) => this.#move(event));
    surface.addEventListener("pointerup", (event) => this.#release(event));
    surface.addEventListener("pointercancel", () => this.#cancel());
    surface.addEventListener("pointerleave", () => this.onHover(null));
    surface.addEventListener("keydown", (event) => this.#key(event));
  }

  get count() {
    return this.bars.data.bars.filter((bar) => !bar.is_ahead).length;
  }

  // From one bar to another, whichever comes first; what lies ahead cannot be chosen.
  choose(from, to = from) {
    const most = this.count - 1;
    if (most < 0) return;
    const clamp = (place) => Math.min(most, Math.max(0, place));
    [this.from, this.to] = [clamp(from), clamp(to)];
    this.#show({ first: Math.min(this.from, this.to), last: Math.max(this.from, this.to) });
  }

  clear() {
    this.#show(null);
  }

  #show(chosen) {
    this.chosen = chosen;
    const { bars } = this.bars.data;
    this.bars.choose(chosen);
    this.surface.setAttribute("aria-valuenow", chosen ? this.to + 1 : 1);
    const words = chosen && (chosen.first === chosen.last ? this.#words(bars[chosen.first]) : spanLabel(bars, chosen));
    this.surface.setAttribute("aria-valuetext", words ?? say("No bar chosen"));
    this.onChange(chosen);
  }

  #words(bar) {
    return [`${bar.label}: ${bar.text} kWh`, ...bar.events].join(", ");
  }

  #press(event) {
    if (event.button) return;
    this.pressed = { x: event.clientX, place: this.bars.placeAt(event.clientX), isDrag: false };
    this.surface.setPointerCapture(event.pointerId);
  }

  #move(event) {
    const place = this.bars.placeAt(event.clientX);
    if (!this.pressed) {
      if (event.pointerType === "mouse") this.onHover(place);
      return;
    }
    if (Math.abs(event.clientX - this.pressed.x) > FAR) this.pressed.isDrag = true;
    if (!this.pressed.isDrag) return;
    this.onHover(null);
    if (place !== this.to || this.pressed.place !== this.from) this.choose(this.pressed.place, place);
  }

  #release(event) {
    const { pressed } = this;
    this.pressed = null;
    if (!pressed || pressed.isDrag) return;
    if (event.shiftKey && this.chosen) this.choose(this.from, pressed.place);
    else if (this.chosen?.first === pressed.place && this.chosen.last === pressed.place) this.clear();
    else if (pressed.place < this.count) this.choose(pressed.place);
  }

  // The finger scrolls the page instead.
  #cancel() {
    if (this.pressed?.isDrag) this.clear();
    this.pressed = null;
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const last = this.count - 1;
    const at = this.chosen ? this.to : null;
    const goals = {
      ArrowLeft: at === null ? last : at - 1,
      ArrowRight: at === null ? 0 : at + 1,
      ArrowDown: at === null ? last : at - 1,
      ArrowUp: at === null ? 0 : at + 1,
      Home: 0,
      End: last,
      PageUp: (at ?? last) - 7,
      PageDown: (at ?? 0) + 7,
    };
    if (event.key in goals) {
      if (event.shiftKey && this.chosen) this.choose(this.from, goals[event.key]);
      else this.choose(goals[event.key]);
    } else if (event.key === "Escape" && this.chosen) this.clear();
    else if (!this.chosen || !this.onKey(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  }
}

export function spanLabel(bars, { first, last }) {
  return first === last ? bars[first].label : `${bars[first].since} – ${bars[last].until}`;
}
