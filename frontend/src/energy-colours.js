// The energy page's colours, as the theme has them, and the patterns that say how a figure is known.
const NAMES = ["ink", "soft", "line", "card", "copper", "silent"];
// Six devices, and what is put together.
const CURVES = 7;
const TILE = 8;

export function readColours(element) {
  const probe = document.createElement("i");
  element.append(probe);
  const read = (name) => {
    probe.style.color = `var(--color-${name})`;
    return getComputedStyle(probe).color;
  };
  const colours = Object.fromEntries(NAMES.map((name) => [name, read(name)]));
  colours.curves = Array.from({ length: CURVES }, (_nothing, n) => read(`curve-${n + 1}`));
  probe.remove();
  return colours;
}

function tile(paint) {
  const canvas = document.createElement("canvas");
  const scale = window.devicePixelRatio || 1;
  canvas.width = canvas.height = TILE * scale;
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  paint(context);
  const pattern = context.createPattern(canvas, "repeat");
  pattern.setTransform(new DOMMatrix().scale(1 / scale));
  return pattern;
}

// Lines on the card's colour: what is hatched is less sure than what is solid.
export function hatched(colour, ground) {
  return tile((context) => {
    context.fillStyle = ground;
    context.fillRect(0, 0, TILE, TILE);
    context.strokeStyle = colour;
    context.lineWidth = 2.2;
    context.beginPath();
    for (const shift of [-TILE, 0, TILE]) {
      context.moveTo(shift - 1, TILE + 1);
      context.lineTo(shift + TILE + 1, -1);
    }
    context.stroke();
  });
}

export function dotted(colour, ground) {
  return tile((context) => {
    context.fillStyle = colour;
    context.fillRect(0, 0, TILE, TILE);
    context.fillStyle = ground;
    for (const [x, y] of [
      [2, 2],
      [6, 6],
    ]) {
      context.beginPath();
      context.arc(x, y, 1.3, 0, 2 * Math.PI);
      context.fill();
    }
  });
}
