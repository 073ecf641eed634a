// The six live values.
import { number } from "./format.js";

export function showValues(root, values) {
  for (const tile of root.querySelectorAll("[data-tile]")) {
    const value = values[tile.dataset.tile];
    if (value === undefined || value === null) continue;
    const text = number(value, Number(tile.dataset.decimals));
    if (tile.textContent !== text) tile.textContent = text;
  }
}
