// The list of devices, kept up to date.
import { setTime } from "./ago.js";
import { number } from "./format.js";
import { Poll } from "./poll.js";
import { showState } from "./state.js";

const list = document.querySelector("[data-devices]");

function showDevices(devices) {
  for (const device of devices) {
    const row = list.querySelector(`[data-device="${device.id}"]`);
    if (!row) continue;
    showState(row.querySelector("[data-state]"), device.status);
    row.querySelector("[data-power]").textContent = number(device.power, 1);
    if (device.last_seen) setTime(row.querySelector("[data-seen]"), device.last_seen);
  }
}

new Poll({
  url: () => list.dataset.url,
  loginUrl: list.dataset.loginUrl,
  shownMs: 10000,
  hiddenMs: 60000,
  onData: showDevices,
  onOutcome: () => {},
}).start();
