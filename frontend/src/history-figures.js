// The table with the figures of the view: the server writes it, here it is fetched when it is looked at.
const REST_MS = 400;

export class Figures {
  #timer;
  #controller;

  constructor(card, url, query) {
    Object.assign(this, { url, query });
    this.tables = card.querySelector("[data-tables]");
    this.button = card.querySelector("[data-figures-toggle]");
    this.shown = null;
    this.button.addEventListener("click", () => this.#toggle());
  }

  // Fetches them once the view rests, if they are open.
  refresh() {
    clearTimeout(this.#timer);
    if (!this.#isOpen()) return;
    this.#timer = setTimeout(() => this.#fetch(), REST_MS);
  }

  #isOpen() {
    return !this.tables.classList.contains("hidden");
  }

  #toggle() {
    const isShown = !this.tables.classList.toggle("hidden");
    this.button.setAttribute("aria-expanded", isShown);
    this.button.textContent = isShown ? this.button.dataset.hide : this.button.dataset.show;
    if (isShown) this.#fetch();
  }

  async #fetch() {
    const query = String(this.query());
    if (query === this.shown) return;
    this.#controller?.abort();
    this.#controller = new AbortController();
    try {
      const response = await fetch(`${this.url}?${query}`, { signal: this.#controller.signal });
      // Whoever is logged out gets the login page instead.
      if (!response.ok || response.redirected) return;
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      this.tables.replaceChildren(...page.body.childNodes);
      this.shown = query;
    } catch (error) {
      if (error.name !== "AbortError") this.shown = null;
    }
  }
}
