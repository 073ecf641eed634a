// Wheel, drag, pinch and keys on the curves, as moves of the view.
import { GUTTER } from "./history-draw.js";

const WHEEL = 0.0015;
const ZOOM = 1.6;
const STRIDE = 0.2;
const LINE_PX = 16;

export class Gestures {
  #pointers = new Map();

  // `readout`: shows the values at an instant, or hides them.
  constructor(surface, view, readout) {
    Object.assign(this, { surface, view, readout });
    surface.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    surface.addEventListener("pointerdown", (event) => this.#press(event));
    surface.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      surface.addEventListener(name, (event) => this.#release(event));
    }
    surface.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && readout.hide());
    surface.addEventListener("dblclick", (event) => view.zoom(1 / ZOOM / ZOOM, this.#instant(event.clientX)));
    surface.addEventListener("keydown", (event) => this.#key(event));
    surface.addEventListener("blur", () => readout.hide());
  }

  #box() {
    const { left, width } = this.surface.getBoundingClientRect();
    return { left: left + GUTTER, width: Math.max(width - GUTTER, 1) };
  }

  #instant(clientX) {
    const { left, width } = this.#box();
    return this.view.start + ((clientX - left) / width) * this.view.span;
  }

  #wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE_PX;
    const across = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
    if (Math.abs(across) > Math.abs(event.deltaY) || event.shiftKey) {
      this.view.pan(((across * unit) / this.#box().width) * this.view.span);
    } else {
      // A pinch on a touchpad arrives as small turns with Ctrl.
      const speed = event.ctrlKey ? 6 * WHEEL : WHEEL;
      this.view.zoom(Math.exp(Math.max(-240, Math.min(240, event.deltaY * unit)) * speed), this.#instant(event.clientX));
    }
    this.readout.showAt(this.#instant(event.clientX));
  }

  #press(event) {
    if (event.button !== 0) return;
    this.surface.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, event.clientX);
    this.readout.showAt(this.#instant(event.clientX));
  }

  #move(event) {
    const before = this.#pointers.get(event.pointerId);
    if (before === undefined) {
      if (event.pointerType === "mouse") this.readout.showAt(this.#instant(event.clientX));
      return;
    }
    const others = [...this.#pointers].filter(([id]) => id !== event.pointerId);
    this.#pointers.set(event.pointerId, event.clientX);
    if (others.length) {
      this.#pinch(before, event.clientX, others[0][1]);
      return;
    }
    this.view.pan(((before - event.clientX) / this.#box().width) * this.view.span);
    if (event.pointerType === "mouse") this.readout.showAt(this.#instant(event.clientX));
    else this.readout.hide();
  }

  // One finger moves, the other stays: what is under each stays there.
  #pinch(before, after, other) {
    this.readout.hide();
    if (Math.abs(after - other) < 8 || Math.sign(before - other) !== Math.sign(after - other)) return;
    this.view.zoom((before - other) / (after - other), this.#instant(other));
  }

  #release(event) {
    this.#pointers.delete(event.pointerId);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { view, readout } = this;
    const moves = {
      ArrowLeft: () => (event.shiftKey ? readout.step(-1) : view.pan(-view.span * STRIDE)),
      ArrowRight: () => (event.shiftKey ? readout.step(1) : view.pan(view.span * STRIDE)),
      PageUp: () => view.pan(-view.span),
      PageDown: () => view.pan(view.span),
      "+": () => view.zoom(1 / ZOOM),
      "=": () => view.zoom(1 / ZOOM),
      "-": () => view.zoom(ZOOM),
      "_": () => view.zoom(ZOOM),
      Home: () => view.toFirst(),
      End: () => view.toNow(),
      Escape: () => readout.hide(),
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    moves[event.key]();
  }
}

// The same by buttons.
export function watchButtons(root, view) {
  const moves = {
    back: () => view.pan(-view.span / 2),
    on: () => view.pan(view.span / 2),
    in: () => view.zoom(1 / ZOOM / 1.25),
    out: () => view.zoom(ZOOM * 1.25),
  };
  for (const button of root.querySelectorAll("[data-move]")) {
    button.addEventListener("click", () => moves[button.dataset.move]());
  }
}
