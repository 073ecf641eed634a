// Copy buttons: data-copy names the element whose text goes to the clipboard.
import { say } from "./words.js";

const SHOWN_MS = 2000;

// Browsers offer navigator.clipboard on HTTPS and localhost only; a monitor on a LAN has neither.
async function copyText(element) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  }
  const selection = getSelection();
  selection.selectAllChildren(element);
  const copied = document.execCommand("copy");
  if (copied) selection.removeAllRanges();
  return copied;
}

export function watchCopyButtons() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    const label = button.querySelector("[data-copy-label]");
    const words = label.textContent;
    label.ariaLive = "polite";
    button.addEventListener("click", async () => {
      const copied = await copyText(document.getElementById(button.dataset.copy)).catch(() => false);
      label.textContent = say(copied ? "Copied" : "Press Ctrl+C");
      setTimeout(() => {
        label.textContent = words;
      }, SHOWN_MS);
    });
  }
}
