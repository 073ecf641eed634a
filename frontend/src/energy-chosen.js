// The line under the bars: what is chosen, how much it is, and what can be done with it.
import { spanLabel } from "./energy-choice.js";
import { language, say } from "./words.js";

// As the server writes it (web/views/energy.py).
const kwh = new Intl.NumberFormat(language, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
const find = (root, name) => root.querySelector(`[data-${name}]`);

export class Chosen {
  constructor(root, data, address) {
    this.root = root;
    this.data = data;
    this.address = address;
  }

  async show(chosen) {
    this.asked?.abort();
    find(this.root, "hint").hidden = Boolean(chosen);
    find(this.root, "chosen").hidden = find(this.root, "actions").hidden = !chosen;
    if (!chosen) return;
    const { bars } = this.data;
    const [first, last] = [bars[chosen.first], bars[chosen.last]];
    find(this.root, "chosen-label").textContent = spanLabel(bars, chosen);
    const open = find(this.root, "open");
    open.hidden = chosen.first !== chosen.last || !first.open;
    if (first.open) open.href = `?${first.open}`;
    const span = new URLSearchParams({ start: first.start, end: last.end });
    const why = new URL(first.why, location.href);
    why.searchParams.set("end", last.end);
    find(this.root, "why").href = why.pathname + why.search;
    // Who may only look has no such link.
    const correct = find(this.root, "correct");
    if (correct) correct.href = `${this.data.correct_url}&${span}&next=${encodeURIComponent(this.address())}`;
    if (chosen.first === chosen.last) this.#say(first.text, first);
    else await this.#ask(span, chosen);
  }

  #say(text, bar) {
    find(this.root, "chosen-text").textContent = text;
    const more = bar ? [bar.cost, bar.compared === null ? "" : say("%(energy)s in %(period)s", { energy: bar.compared_text, period: this.data.compared }), ...bar.events] : [];
    find(this.root, "chosen-more").textContent = more.filter(Boolean).map((words) => `, ${words}`).join("");
  }

  // The sum of several bars comes from the server, like every figure.
  async #ask(span, chosen) {
    this.#say("…");
    this.asked = new AbortController();
    span.set("by", "year");
    try {
      const answer = await fetch(`${this.data.total_url}?${span}`, { signal: this.asked.signal });
      if (!answer.ok) throw new Error(`${answer.status}`);
      const { total } = await answer.json();
      this.#say(kwh.format(total.consumption));
      const count = chosen.last - chosen.first + 1;
      find(this.root, "chosen-more").textContent = ` ${say("in %(count)s %(bars)s", { count, bars: this.data.bars_word })}`;
    } catch (error) {
      if (error.name !== "AbortError") this.#say("–");
    }
  }
}
