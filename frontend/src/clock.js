// The server's clock: a browser whose own is wrong still shows right ages.
const skewMs = Date.parse(document.documentElement.dataset.now) - Date.now() || 0;

export function now() {
  return Date.now() + skewMs;
}
