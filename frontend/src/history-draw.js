// Draws one panel: grid, and of every curve a band from least to greatest with the mean on it.
import { number } from "./format.js";
import { timeTicks, valueScale } from "./history-ticks.js";

export const GUTTER = 52;
const BOTTOM = 22;
const TOP = 8;
const TICK_APART = 60;
// From so many pixels between two readings on each gets a dot.
const DOTS_FROM = 14;

// Fits a canvas to its box and the screen's pixels; returns its size in CSS pixels.
export function fit(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

// The least and the greatest value in sight; null where nothing was measured.
function extent(curves) {
  let least = Infinity;
  let greatest = -Infinity;
  for (const { pieces } of curves) {
    for (const [one, start, end] of pieces) {
      const stop = one.after(end + one.width / 2);
      for (let i = one.after(start - one.width / 2); i < stop; i += 1) {
        if (one.low[i] < least) least = one.low[i];
        if (one.high[i] > greatest) greatest = one.high[i];
      }
    }
  }
  return least <= greatest ? [least, greatest] : null;
}

// Runs of points without a gap in them, from one beyond each side of the piece.
function* runs(one, start, end) {
  let begin = Math.max(one.after(start) - 1, 0);
  const stop = Math.min(one.after(end) + 1, one.at.length);
  for (let i = begin; i <= stop; i += 1) {
    if (i < stop && !Number.isNaN(one.mean[i])) continue;
    if (i > begin) yield [begin, i];
    begin = i + 1;
  }
}

function drawPiece(context, [one, start, end], { x, y, height }) {
  context.save();
  context.beginPath();
  context.rect(x(start), 0, x(end) - x(start), height);
  context.clip();
  const band = new Path2D();
  const line = new Path2D();
  const dots = new Path2D();
  for (const [begin, stop] of runs(one, start, end)) {
    const hasDots = stop - begin === 1 || (one.isSingle && (x(one.at[stop - 1]) - x(one.at[begin])) / (stop - begin) > DOTS_FROM);
    for (let i = begin; i < stop; i += 1) {
      const left = x(one.at[i]);
      const top = y(one.mean[i]);
      if (i === begin) line.moveTo(left, top);
      else line.lineTo(left, top);
      if (hasDots) {
        dots.moveTo(left + 2.5, top);
        dots.arc(left, top, 2.5, 0, 7);
      }
      if (i === begin) band.moveTo(left, y(one.high[i]));
      else band.lineTo(left, y(one.high[i]));
    }
    for (let i = stop - 1; i >= begin; i -= 1) band.lineTo(x(one.at[i]), y(one.low[i]));
    band.closePath();
  }
  const alpha = context.globalAlpha;
  context.globalAlpha = alpha * 0.25;
  context.fill(band);
  context.globalAlpha = alpha;
  context.fill(dots);
  context.stroke(line);
  context.restore();
}

function drawGrid(context, { width, height, scale, ticks, hasTimes, colours, x, y }) {
  context.lineWidth = 1;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (let n = 0; scale.low + n * scale.step <= scale.high + scale.step / 2; n += 1) {
    const value = scale.low + n * scale.step;
    const at = Math.round(y(value)) + 0.5;
    context.strokeStyle = colours.line;
    context.strokeRect(GUTTER, at, width - GUTTER, 0);
    context.fillStyle = colours.soft;
    context.fillText(number(Math.abs(value) < scale.step / 1e6 ? 0 : value, scale.decimals), GUTTER - 8, at);
  }
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  for (const { at, text, isStrong } of ticks) {
    const left = Math.round(x(at)) + 0.5;
    context.strokeStyle = isStrong ? colours.edge : colours.line;
    context.globalAlpha = isStrong ? 0.6 : 1;
    context.strokeRect(left, TOP, 0, height - TOP - (hasTimes ? BOTTOM : 4));
    context.globalAlpha = 1;
    if (!hasTimes) continue;
    context.fillStyle = isStrong ? colours.ink : colours.soft;
    const half = context.measureText(text).width / 2;
    context.fillText(text, Math.min(Math.max(left, GUTTER + half - 8), width - half), height - 5);
  }
}

// `curves`: {colour, isFaint, pieces}; returns whether there was anything to draw.
export function drawPanel(canvas, { view, metric, curves, hasTimes, colours, clock, font }) {
  const { context, width, height } = fit(canvas);
  const found = extent(curves);
  const scale = valueScale(...(found ?? [0, metric.least_span]), metric);
  const bottom = height - (hasTimes ? BOTTOM : 4);
  const x = (at) => GUTTER + ((at - view.start) / view.span) * (width - GUTTER);
  const y = (value) => bottom - ((value - scale.low) / (scale.high - scale.low)) * (bottom - TOP);
  const ticks = timeTicks(view.start, view.end, (width - GUTTER) / TICK_APART, clock);
  context.font = `12px ${font}`;
  drawGrid(context, { width, height, scale, ticks, hasTimes, colours, x, y });
  context.save();
  context.beginPath();
  context.rect(GUTTER, 0, width - GUTTER, height);
  context.clip();
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  for (const { colour, isFaint, pieces } of curves) {
    context.strokeStyle = colour;
    context.fillStyle = colour;
    context.globalAlpha = isFaint ? 0.25 : 1;
    for (const piece of pieces) drawPiece(context, piece, { x, y, height });
  }
  context.restore();
  return found !== null;
}
