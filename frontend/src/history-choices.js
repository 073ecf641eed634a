// Which devices and values are shown, the legend's colours, and the address that says it all.
const ADDRESS_MS = 150;

export class Choices {
  #timer;

  // `onChange`: another device or value is shown; `onPoint`: a device in the legend is pointed at.
  constructor(root, data, view, { onChange, onPoint }) {
    this.form = root.querySelector("[data-choices]");
    this.devices = data.devices;
    this.metrics = data.metrics;
    this.view = view;
    this.boxes = [...this.form.querySelectorAll("input[name=device]")];
    this.most = Number(this.form.querySelector("[data-most]").dataset.most);
    // Device id → number of its colour, in the order in which they were chosen.
    const shown = this.boxes.filter((box) => box.checked).map((box) => [Number(box.value), this.#swatch(box).dataset.curve]);
    this.curves = new Map(shown.map(([id, curve]) => [id, Number(curve)]).sort((a, b) => a[1] - b[1]));
    this.form.addEventListener("change", (event) => this.#change(event.target, onChange));
    this.form.addEventListener("submit", (event) => this.#submit(event));
    for (const box of this.boxes) {
      const chip = box.closest("label");
      for (const name of ["pointerenter", "focusin"]) chip.addEventListener(name, () => onPoint(Number(box.value)));
      for (const name of ["pointerleave", "focusout"]) chip.addEventListener(name, () => onPoint(null));
    }
    this.#limit();
  }

  shownDevices() {
    return [...this.curves].map(([id, number]) => ({ ...this.devices.find((one) => one.id === id), number }));
  }

  shownMetrics() {
    return this.metrics.filter(({ key }) => this.form.querySelector(`input[value=${key}]`).checked);
  }

  query() {
    const query = new URLSearchParams();
    for (const id of this.curves.keys()) query.append("device", id);
    for (const { key } of this.shownMetrics()) query.append("metric", key);
    query.set("start", new Date(this.view.start).toISOString());
    query.set("end", new Date(this.view.end).toISOString());
    return query;
  }

  // Soon, not at once: browsers refuse an address that changes with every frame.
  keepAddress(onKept) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      history.replaceState(history.state, "", `?${this.query()}`);
      onKept();
    }, ADDRESS_MS);
  }

  #swatch(box) {
    return box.closest("label").querySelector(".swatch");
  }

  #change(box, onChange) {
    if (box.name === "device") this.#toggle(box);
    else if (box.name === "metric" && !this.shownMetrics().length) box.checked = true;
    if (box.name === "device" || box.name === "metric") onChange();
  }

  #toggle(box) {
    const id = Number(box.value);
    if (!box.checked && this.curves.size === 1) box.checked = true;
    else if (!box.checked) {
      this.curves.delete(id);
      delete this.#swatch(box).dataset.curve;
    } else {
      const taken = [...this.curves.values()];
      // Its own colour where there are enough for all devices, else one that is free.
      let number = Number(box.dataset.colour ?? 1);
      while (taken.includes(number)) number += 1;
      this.curves.set(id, number);
      this.#swatch(box).dataset.curve = number;
    }
    this.#limit();
  }

  // More curves than colours nobody could tell apart.
  #limit() {
    for (const box of this.boxes) box.disabled = !box.checked && this.curves.size >= this.most;
  }

  // Times of day are the site's: the server knows its clock and opens the page there.
  #submit(event) {
    event.preventDefault();
    const query = this.query();
    for (const name of ["start", "end"]) query.set(name, this.form.elements[name].value);
    location.assign(`?${query}`);
  }
}
