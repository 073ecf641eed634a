// Keyboard shortcuts: g and a letter open a page (links with data-go), ? shows them all.
import { say } from "./words.js";

const OFF = "wattkeep-shortcuts-off";
const PATIENCE_MS = 1500;
let awaitsUntil = 0;

const dialog = () => document.querySelector("[data-shortcuts]");
const links = () => [...document.querySelectorAll("a[data-go]")];
// Letters belong to whoever types, and to widgets that have keys of their own.
const isTyping = (target) =>
  target.isContentEditable || target.matches("input:not([type=checkbox]), select, textarea, [role=application]");

function storedOff() {
  try {
    return localStorage.getItem(OFF) === "1";
  } catch {
    return false;
  }
}

function storeOff(isOff) {
  try {
    if (isOff) localStorage.setItem(OFF, "1");
    else localStorage.removeItem(OFF);
  } catch {
    // Without storage they are on again with the next page.
  }
}

function keyRow(keys, text) {
  const row = document.createElement("div");
  const name = document.createElement("dt");
  const words = document.createElement("dd");
  keys.forEach((key, place) => {
    if (place) name.append(` ${say("then")} `);
    const box = document.createElement("kbd");
    box.textContent = key;
    name.append(box);
  });
  words.textContent = text;
  row.append(name, words);
  return row;
}

function show() {
  const box = dialog();
  const list = box.querySelector("[data-shortcut-list]");
  list.replaceChildren(
    ...links().map((link) => keyRow(["g", link.dataset.go], link.title || link.textContent.trim())),
    keyRow(["?"], box.dataset.help),
  );
  box.querySelector("[data-shortcuts-on]").checked = !storedOff();
  box.showModal();
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]") || storedOff()) return;
  if (event.key === "?") {
    event.preventDefault();
    show();
  } else if (event.key === "g") {
    awaitsUntil = event.timeStamp + PATIENCE_MS;
  } else if (event.timeStamp < awaitsUntil) {
    awaitsUntil = 0;
    const link = links().find((one) => one.dataset.go === event.key);
    if (link) link.click();
  }
}

export function watchShortcuts() {
  if (!dialog()) return;
  document.addEventListener("keydown", press);
  for (const button of document.querySelectorAll("[data-shortcuts-open]")) {
    button.addEventListener("click", show);
  }
  const box = dialog().querySelector("[data-shortcuts-on]");
  box.addEventListener("change", () => storeOff(!box.checked));
}

export function watchPrintButtons() {
  for (const button of document.querySelectorAll("[data-print]")) {
    button.addEventListener("click", () => print());
  }
}
