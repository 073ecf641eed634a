// "Why?" and "Correct…" in a dialog over the bars; without it they are pages of their own.
import { fetchPage } from "./energy-pages.js";
import { say } from "./words.js";

export class Dialog {
  // `pages` shows what a correction or its undoing leads back to.
  constructor(element, pages) {
    this.element = element;
    this.body = element.querySelector("[data-body]");
    this.pages = pages;
    document.addEventListener("click", (event) => this.#click(event));
    element.addEventListener("submit", (event) => this.#submit(event));
    element.addEventListener("change", () => this.#fit());
    // A click beside it.
    element.addEventListener("click", (event) => event.target === element && element.close());
    element.addEventListener("close", () => this.body.replaceChildren());
  }

  async open(address) {
    const found = await fetchPage(address);
    if (found) this.#show(found);
  }

  #show({ page, address }) {
    const part = page.querySelector("[data-dialog-part]");
    if (!part) {
      location.assign(address);
      return;
    }
    const close = document.createElement("button");
    close.type = "button";
    close.className = "icon-button absolute top-3 right-3";
    close.setAttribute("aria-label", say("Close"));
    close.dataset.dialogClose = "";
    close.append(document.importNode(document.querySelector("[data-clear] svg, [data-close-icon] svg"), true));
    this.body.replaceChildren(document.importNode(part, true), close);
    // What is done here ends among the bars, not on a page of its own.
    for (const input of this.body.querySelectorAll("[data-next]")) input.value = location.pathname + location.search;
    if (!this.element.open) this.element.showModal();
    this.element.scrollTop = 0;
    const heading = this.body.querySelector("h1");
    heading.tabIndex = -1;
    const wrong = this.body.querySelector("[aria-invalid=true]");
    (wrong ?? this.body.querySelector("form[data-dialog-form] input:not([type=hidden])") ?? heading).focus();
    this.#fit();
  }

  // Leaving a span out needs no amount.
  #fit() {
    const used = this.body.querySelector("[data-used]");
    if (used) used.hidden = this.body.querySelector("[name=what]:checked")?.value === "out";
  }

  #click(event) {
    const link = event.target.closest?.("[data-dialog-link], [data-dialog-close]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if ("dialogClose" in link.dataset) this.element.close();
    else this.open(link.href);
  }

  async #submit(event) {
    event.preventDefault();
    const { target: form, submitter } = event;
    submitter.disabled = true;
    const found = await fetchPage(form.action, { method: "POST", body: new FormData(form) });
    submitter.disabled = false;
    if (!found) return;
    if (found.page.querySelector("[data-dialog-part]")) this.#show(found);
    else {
      this.element.close();
      this.pages.show(found);
      // What had the focus is gone with the old bars.
      document.querySelector("[data-surface]")?.focus({ preventScroll: true });
    }
  }
}
