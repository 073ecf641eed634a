// Shows messages of the browser channel: by the system where it is allowed, and on the page.
import { isSwitchedOn, lastShown, setLastShown } from "./noticing.js";

const EVERY_MS = 30000;
const KEPT_MS = 60000;
const MOST_SHOWN = 3;
const place = document.querySelector("[data-notices]");

function address(notice) {
  return notice.alert ? `${place.dataset.page}${notice.alert}/` : place.dataset.page;
}

function showOnPage(notice) {
  const card = document.createElement("a");
  card.className = "notice";
  card.href = address(notice);
  for (const [text, weight] of [[notice.title, "font-semibold"], [notice.body, "text-soft"]]) {
    const line = document.createElement("p");
    line.className = `${weight} break-words`;
    line.textContent = text;
    card.append(line);
  }
  place.append(card);
  while (place.children.length > MOST_SHOWN) place.firstElementChild.remove();
  setTimeout(() => card.remove(), KEPT_MS);
}

function showBySystem(notice) {
  // The same tag in another tab replaces it: nothing is shown twice.
  const shown = new Notification(notice.title, { body: notice.body, tag: `wattkeep-${notice.id}` });
  shown.addEventListener("click", () => {
    window.focus();
    location.assign(address(notice));
  });
}

export async function look() {
  if (!isSwitchedOn()) return;
  const answer = await fetch(`${place.dataset.url}?after=${lastShown()}`).catch(() => null);
  if (!answer?.ok) return;
  const { last, notices } = await answer.json();
  for (const notice of notices) {
    showOnPage(notice);
    if (globalThis.Notification?.permission === "granted") showBySystem(notice);
  }
  if (isSwitchedOn()) setLastShown(Math.max(last, lastShown()));
}

export function showNotices() {
  if (!place) return;
  look();
  setInterval(look, EVERY_MS);
}
