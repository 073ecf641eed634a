// Whether this browser shows messages; each one is asked for itself.
const KEY = "wattkeep-notices";

export function isSwitchedOn() {
  return localStorage.getItem(KEY) !== null;
}

// The number of the newest message shown here; all tabs share it.
export function lastShown() {
  return Number(localStorage.getItem(KEY)) || 0;
}

export function setLastShown(number) {
  localStorage.setItem(KEY, String(number));
}

export function switchOff() {
  localStorage.removeItem(KEY);
}
