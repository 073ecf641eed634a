// The open alerts and the sign for them beside the device's state.
import { setTime } from "./ago.js";

// As many as the server's answer has.
const MOST_SHOWN = 5;
// By severity. The template has a sign for each; a row keeps its own.
const TONES = { 10: "info", 20: "warning", 30: "critical" };

export class Alerts {
  #open = [];

  constructor(root, zone) {
    this.zone = zone;
    this.list = root.querySelector("[data-alert-list]");
    this.template = root.querySelector("[data-alert-row]");
    this.none = root.querySelector("[data-no-alerts]");
    this.link = root.querySelector("[data-alert-link]");
    this.count = root.querySelector("[data-alert-count]");
  }

  // One incident that opened, changed or ended.
  take(alert) {
    const others = this.#open.filter(({ id }) => id !== alert.id);
    const open = alert.is_resolved ? others : [alert, ...others];
    const age = (a, b) => Date.parse(b.created_at) - Date.parse(a.created_at);
    open.sort((a, b) => b.severity - a.severity || age(a, b));
    this.show(open.slice(0, MOST_SHOWN).sort(age));
  }

  show(alerts) {
    this.#open = alerts;
    const rows = new Map([...this.list.children].map((row) => [row.dataset.alert, row]));
    const wanted = alerts.map((alert) => rows.get(String(alert.id)) ?? this.#row(alert));
    // Untouched while nothing changed: a screen reader is told of changes only.
    const isSame = wanted.length === rows.size && wanted.every((row, i) => row === this.list.children[i]);
    if (!isSame) this.list.replaceChildren(...wanted);
    this.none.hidden = alerts.length > 0;
    this.link.hidden = alerts.length === 0;
    this.count.textContent = alerts.length;
    this.link.dataset.tone = TONES[Math.max(...alerts.map(({ severity }) => severity))] ?? "";
  }

  #row(alert) {
    const row = this.template.content.firstElementChild.cloneNode(true);
    row.dataset.alert = alert.id;
    for (const tone of row.querySelectorAll("[data-tone]")) {
      if (tone.dataset.tone !== TONES[alert.severity]) tone.remove();
    }
    const link = row.querySelector("[data-message]");
    link.textContent = alert.message;
    link.href = `${link.dataset.base}${alert.id}/`;
    setTime(row.querySelector("time"), alert.created_at, this.zone);
    return row;
  }
}
