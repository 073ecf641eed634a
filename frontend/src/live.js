// What happens now, by the socket; by asking where the socket fails, until it is back.
import { Poll } from "./poll.js";
import { Socket } from "./socket.js";

// As many as one connection may watch; of more a page is told by asking.
const MOST_DEVICES = 200;

// `onMessage` gets what the socket tells, `onAnswer` what `url()` answers while it is away,
// `onBack` is called when it is back and something may have been missed.
export function follow(deviceIds, { url, loginUrl, onMessage, onAnswer, onOutcome, onBack }) {
  const poll = new Poll({ url, loginUrl, shownMs: 5000, hiddenMs: 30000, onData: onAnswer, onOutcome });
  poll.start();
  if (deviceIds.length > MOST_DEVICES) return poll;
  let wasUp = false;
  const socket = new Socket(deviceIds, {
    onMessage,
    onChange(isUp) {
      if (isUp) {
        poll.stop();
        onOutcome(true);
        if (wasUp) onBack();
      } else {
        poll.start();
        // Hidden, it was let go on purpose, and nobody looks.
        if (!document.hidden) poll.run();
      }
      wasUp = true;
    },
  });
  socket.start();
  return poll;
}
