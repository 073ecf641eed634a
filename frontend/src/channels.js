// The channels: whether this browser shows messages, and a test that takes its time.
import { showNotices } from "./notices.js";
import { isSwitchedOn, setLastShown, switchOff } from "./noticing.js";
import { say } from "./words.js";

function describe() {
  if (!isSwitchedOn()) return say("Off in this browser.");
  const permission = globalThis.Notification?.permission;
  if (permission === "granted") return say("On in this browser, also while you look at something else.");
  if (!window.isSecureContext) return say("On, on this page only: browsers allow more on HTTPS or localhost.");
  return say("On, on this page only: this browser does not allow more.");
}

function watchSwitch(part) {
  const button = part.querySelector("[data-notices-button]");
  const state = part.querySelector("[data-notices-state]");
  const show = () => {
    button.textContent = isSwitchedOn() ? say("Stop in this browser") : say("Show in this browser");
    state.textContent = describe();
  };
  button.addEventListener("click", async () => {
    if (isSwitchedOn()) {
      switchOff();
    } else {
      setLastShown(0);
      await globalThis.Notification?.requestPermission?.();
      showNotices();
    }
    show();
  });
  part.hidden = false;
  show();
}

function watchTest(form) {
  form.addEventListener("submit", ({ submitter }) => {
    // Disabled only once its value is on the way.
    setTimeout(() => {
      if (submitter?.dataset.busy) submitter.textContent = submitter.dataset.busy;
      for (const button of form.querySelectorAll("button")) button.disabled = true;
    });
  });
}

document.querySelectorAll("[data-notices-switch]").forEach(watchSwitch);
document.querySelectorAll("[data-channel-test]").forEach(watchTest);
