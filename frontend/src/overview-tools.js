// Finding and sorting the overview's lines.
import { say } from "./words.js";

export class Tools {
  constructor(root, valueOf) {
    this.root = root;
    this.valueOf = valueOf;
    this.body = root.querySelector("[data-lines]");
    this.lines = [...this.body.children];
    this.table = this.body.closest("table");
    const form = root.querySelector("[data-tools]");
    if (!form) return;
    this.search = form.querySelector("[data-search]");
    this.sort = form.querySelector("[data-sort]");
    form.addEventListener("submit", (event) => event.preventDefault());
    this.search?.addEventListener("input", () => this.#find());
    this.sort.addEventListener("change", () => this.#arrange());
    addEventListener("keydown", (event) => this.#jump(event));
  }

  // "/" leads to the search, as on many pages.
  #jump(event) {
    if (event.key !== "/" || !this.search || event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    this.search.focus();
  }

  #find() {
    const wanted = this.search.value.trim().toLocaleLowerCase();
    let found = 0;
    for (const line of this.lines) {
      const isRest = "rest" in line.dataset;
      const text = line.querySelector("th").textContent.toLocaleLowerCase();
      line.hidden = wanted !== "" && (isRest || !text.includes(wanted));
      found += !isRest && !line.hidden;
    }
    this.root.querySelector("[data-nothing-found]").hidden = found > 0;
    this.root.querySelector("[data-found]").textContent = wanted ? say("%(count)s found", { count: found }) : "";
    this.#flatten();
  }

  #arrange() {
    const by = this.sort.value;
    const devices = this.lines.filter((line) => "device" in line.dataset);
    if (by === "name") devices.sort((a, b) => this.valueOf(a, by).localeCompare(this.valueOf(b, by)));
    else if (by) devices.sort((a, b) => this.valueOf(b, by) - this.valueOf(a, by));
    this.body.replaceChildren(...(by ? devices : this.lines));
    this.#flatten();
  }

  // Out of its order a tree's indents tell nothing.
  #flatten() {
    this.table.toggleAttribute("data-flat", this.sort.value !== "" || Boolean(this.search?.value.trim()));
  }
}
