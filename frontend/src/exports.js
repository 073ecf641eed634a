// The page of ordered files: how far they are, and a new page as soon as one is ready.
import { number } from "./format.js";
import { Poll } from "./poll.js";

const list = document.querySelector("[data-exports]");

function showExports(exports) {
  const told = new Map(exports.map((one) => [String(one.id), one]));
  for (const row of list.querySelectorAll("[data-export]")) {
    const now = told.get(row.dataset.export);
    if (now?.state !== row.dataset.state) {
      location.reload();
      return;
    }
    const rows = row.querySelector("[data-rows]");
    if (rows) rows.textContent = number(now.rows, 0);
  }
}

if (list?.querySelector("[data-state=making]")) {
  new Poll({
    url: () => list.dataset.url,
    loginUrl: list.dataset.loginUrl,
    shownMs: 2000,
    hiddenMs: 15000,
    onData: showExports,
    onOutcome: () => {},
  }).start();
}
