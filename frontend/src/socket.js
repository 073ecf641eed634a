// The live connection: hands on what arrives, tells whether it stands, and comes back by itself.

// The server says something every 5 s; after this the connection is dead, whatever the browser thinks.
const QUIET_MS = 12000;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60000;
// A tab that is hidden for longer lets go of its connection.
const HIDDEN_MS = 20000;
// Of more devices messages come several at once.
const GATHERED_FROM = 10;

export class Socket {
  #socket;
  #isUp = false;
  #failures = 0;
  #retry;
  #quiet;
  #letGo;

  // `onMessage` gets what arrives, `onChange` whether the connection stands, each time that changes.
  constructor(deviceIds, { onMessage, onChange }) {
    // A page without a log-in brings what stands for one.
    const own = document.querySelector("[data-socket-url]")?.dataset.socketUrl;
    const url = new URL(own ?? "/ws/live/", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    for (const id of deviceIds) url.searchParams.append("device", id);
    if (deviceIds.length > GATHERED_FROM) url.searchParams.set("together", "1");
    Object.assign(this, { url, onMessage, onChange });
    document.addEventListener("visibilitychange", () => this.#look());
    addEventListener("online", () => this.#connect());
    addEventListener("offline", () => this.#drop());
  }

  start() {
    if (!document.hidden) this.#connect();
  }

  #look() {
    clearTimeout(this.#letGo);
    if (document.hidden) this.#letGo = setTimeout(() => this.#close(), HIDDEN_MS);
    else this.#connect();
  }

  #connect() {
    clearTimeout(this.#retry);
    if (this.#socket) return;
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    this.#listenOn();
    socket.addEventListener("message", (event) => this.#socket === socket && this.#take(event.data));
    socket.addEventListener("close", () => this.#socket === socket && this.#drop());
  }

  #take(text) {
    this.#failures = 0;
    this.#listenOn();
    this.#change(true);
    const said = JSON.parse(text);
    for (const message of Array.isArray(said) ? said : [said]) {
      if (message.type !== "ping") this.onMessage(message);
    }
  }

  // The connection ended, or stopped saying anything: again after a while, each time a longer one.
  #drop() {
    this.#close();
    const longest = Math.min(FIRST_WAIT_MS * 2 ** this.#failures, LONGEST_WAIT_MS);
    this.#failures += 1;
    // By chance, so that all pages of a server that was restarted do not come back at once.
    const wait = longest * (0.5 + Math.random() / 2);
    this.#retry = setTimeout(() => !document.hidden && this.#connect(), wait);
  }

  #close() {
    clearTimeout(this.#quiet);
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#change(false);
  }

  #listenOn() {
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#drop(), QUIET_MS);
  }

  #change(isUp) {
    if (this.#isUp === isUp) return;
    this.#isUp = isUp;
    this.onChange(isUp);
  }
}
