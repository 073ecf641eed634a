// The six live values, and between what five of them were today.
import { number } from "./format.js";

function write(element, value) {
  const text = number(value, Number(element.dataset.decimals));
  if (element.textContent !== text) element.textContent = text;
}

export function showValues(root, values) {
  for (const tile of root.querySelectorAll("[data-tile]")) {
    const value = values[tile.dataset.tile];
    if (value !== undefined && value !== null) write(tile, value);
  }
}

// `values`: the newest reading, which may be beyond what the server knew; of today only.
export function showExtremes(root, extremes, values) {
  for (const line of root.querySelectorAll("[data-extremes]")) {
    const name = line.dataset.extremes;
    const known = extremes[name];
    const now = values?.[name];
    if (now !== undefined && now !== null && known.min !== null) {
      known.min = Math.min(known.min, now);
      known.max = Math.max(known.max, now);
    }
    line.toggleAttribute("data-none", known.min === null);
    write(line.querySelector("[data-least]"), known.min);
    write(line.querySelector("[data-greatest]"), known.max);
  }
}
