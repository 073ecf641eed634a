// Says that the server cannot be reached, and stops saying it.
const CLASSES = "rounded-full border border-line bg-ink px-4 py-2 text-sm font-medium text-paper shadow-lg";

export class Connection {
  #failing = new Set();

  constructor(notice, live) {
    this.notice = notice;
    this.live = live;
  }

  // `who` polls; `isThere` tells whether it got an answer.
  report(who, isThere) {
    if (isThere) this.#failing.delete(who);
    else this.#failing.add(who);
    const isLost = this.#failing.size > 0;
    this.live.toggleAttribute("data-lost", isLost);
    if (isLost === this.notice.hasChildNodes()) return;
    this.notice.replaceChildren();
    if (isLost) {
      const words = document.createElement("span");
      words.className = CLASSES;
      words.textContent = this.notice.dataset.words;
      this.notice.append(words);
    }
  }
}
