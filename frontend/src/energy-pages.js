// Fetches our own pages and puts their part in place of the one shown: nothing jumps, links stay links.
const lost = () => document.querySelector("[data-energy-lost]");

export async function fetchPage(address, options) {
  try {
    const answer = await fetch(address, options);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    lost().hidden = true;
    return { page, address: answer.url };
  } catch (error) {
    if (error.name !== "AbortError") lost().hidden = false;
    return null;
  }
}

export class Pages {
  // `onShown` is called with the new part once it is in the document.
  constructor(onShown) {
    this.onShown = onShown;
    document.addEventListener("click", (event) => this.#click(event));
    document.addEventListener("submit", (event) => this.#submit(event));
    addEventListener("popstate", () => this.go(location.href, { isNew: false }));
  }

  async go(address, { isNew = true } = {}) {
    this.asked?.abort();
    this.asked = new AbortController();
    const region = document.querySelector("[data-energy]");
    region.setAttribute("aria-busy", "true");
    const found = await fetchPage(address, { signal: this.asked.signal });
    region.removeAttribute("aria-busy");
    if (found) this.show(found, { isNew });
  }

  show({ page, address }, { isNew = true } = {}) {
    const part = page.querySelector("[data-energy]");
    // Logged out, or an error page: go there for real.
    if (!part) {
      location.assign(address);
      return;
    }
    const focus = document.activeElement?.id;
    if (isNew && address !== location.href) history.pushState(null, "", address);
    document.title = page.title;
    document.querySelector("[data-energy]").replaceWith(document.importNode(part, true));
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
    this.onShown();
  }

  #click(event) {
    const link = event.target.closest?.("[data-energy] a[data-page]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    link.closest("details")?.removeAttribute("open");
    this.go(link.href);
  }

  #submit(event) {
    const form = event.target.closest("[data-dates]");
    if (!form) return;
    event.preventDefault();
    form.closest("details").open = false;
    this.go(`?${new URLSearchParams(new FormData(form))}`);
  }
}
