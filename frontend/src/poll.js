// Asks for JSON again and again: slower while the tab is hidden, at once when it is shown again.
const TIMEOUT_MS = 10000;

export class HttpError extends Error {
  constructor(status) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

export async function getJson(url) {
  const response = await fetch(url, {
    headers: { Accept: "application/json" },
    cache: "no-store",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) throw new HttpError(response.status);
  return response.json();
}

function logIn(loginUrl) {
  const here = location.pathname + location.search;
  location.assign(`${loginUrl}?next=${encodeURIComponent(here)}`);
}

export class Poll {
  #timer;
  #isRunning = false;
  #isStopped = true;

  constructor({ url, loginUrl, shownMs, hiddenMs, onData, onOutcome }) {
    Object.assign(this, { url, loginUrl, shownMs, hiddenMs, onData, onOutcome });
    document.addEventListener("visibilitychange", () => {
      if (this.#isStopped) return;
      if (document.hidden) this.#schedule();
      else this.run();
    });
  }

  start() {
    this.#isStopped = false;
    this.#schedule();
  }

  // An answer that is under way is not heard any more.
  stop() {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async run() {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      await this.#ask();
    } finally {
      this.#isRunning = false;
      if (!this.#isStopped) this.#schedule();
    }
  }

  async #ask() {
    let data;
    try {
      data = await getJson(this.url());
    } catch (error) {
      if (error.status === 401) logIn(this.loginUrl);
      else if (!this.#isStopped) this.onOutcome(false);
      return;
    }
    if (this.#isStopped) return;
    this.onOutcome(true);
    this.onData(data);
  }

  #schedule() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.run(), document.hidden ? this.hiddenMs : this.shownMs);
  }
}
