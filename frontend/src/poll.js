// Asks for JSON again and again: slower while the tab is hidden, at once when it is shown again.
const TIMEOUT_MS = 10000;

export class HttpError extends Error {
  constructor(status) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

async function getJson(url) {
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

  constructor({ url, loginUrl, shownMs, hiddenMs, onData, onOutcome }) {
    Object.assign(this, { url, loginUrl, shownMs, hiddenMs, onData, onOutcome });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#schedule();
      else this.run();
    });
  }

  start() {
    this.#schedule();
  }

  async run() {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      await this.#ask();
    } finally {
      this.#isRunning = false;
      this.#schedule();
    }
  }

  async #ask() {
    let data;
    try {
      data = await getJson(this.url());
    } catch (error) {
      if (error.status === 401) logIn(this.loginUrl);
      else this.onOutcome(false);
      return;
    }
    this.onOutcome(true);
    this.onData(data);
  }

  #schedule() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.run(), document.hidden ? this.hiddenMs : this.shownMs);
  }
}
