// What lies over the bars: the other period's figures, signs of events, and what is chosen.
const SIGN = 4.5;

function drawChosen({ ctx, chartArea, scales }, chosen, colours) {
  if (!chosen) return;
  const half = width(scales.x) / 2;
  const left = scales.x.getPixelForValue(chosen.first) - half;
  const right = scales.x.getPixelForValue(chosen.last) + half;
  ctx.fillStyle = colours.copper;
  ctx.globalAlpha = 0.14;
  ctx.fillRect(left, chartArea.top, right - left, chartArea.height);
  ctx.globalAlpha = 1;
  ctx.fillRect(left, chartArea.bottom, right - left, 2.5);
}

export function width(scale) {
  return scale.width / Math.max(1, scale.max - scale.min + 1);
}

function drawCompared({ ctx, scales }, bars, colours) {
  const half = Math.max(1.5, Math.min(20, width(scales.x) * 0.46));
  ctx.lineWidth = 2;
  bars.forEach(({ compared }, place) => {
    if (compared === null) return;
    const x = scales.x.getPixelForValue(place);
    const y = scales.y.getPixelForValue(compared);
    // A rim in the card's colour, so that it is seen on any bar.
    for (const [colour, thick] of [
      [colours.card, 4],
      [colours.ink, 2],
    ]) {
      ctx.strokeStyle = colour;
      ctx.lineWidth = thick;
      ctx.beginPath();
      ctx.moveTo(x - half, y);
      ctx.lineTo(x + half, y);
      ctx.stroke();
    }
  });
}

// On narrow bars only every so many signs have room; the table has them all.
function drawSigns({ ctx, scales, chartArea }, bars, tops, colours) {
  let free = -Infinity;
  bars.forEach(({ events: all, is_corrected: isCorrected }, place) => {
    // What goes on over several bars has its sign where it begins.
    const events = all.filter((event) => !bars[place - 1]?.events.includes(event));
    if (!events.length && !(isCorrected && !bars[place - 1]?.is_corrected)) return;
    const x = scales.x.getPixelForValue(place);
    if (x < free) return;
    free = x + 2 * SIGN;
    const y = Math.max(chartArea.top + 2 * SIGN, scales.y.getPixelForValue(tops[place]) - 4);
    ctx.beginPath();
    if (events.length) {
      ctx.fillStyle = colours.silent;
      ctx.moveTo(x, y - 2 * SIGN);
      ctx.lineTo(x + SIGN, y);
      ctx.lineTo(x - SIGN, y);
    } else {
      ctx.fillStyle = colours.ink;
      ctx.arc(x, y - SIGN, SIGN - 1.5, 0, 2 * Math.PI);
    }
    ctx.fill();
  });
}

// `state` has bars, tops (the highest figure of each), chosen and colours.
export function marks(state) {
  return {
    id: "marks",
    beforeDatasetsDraw(chart) {
      chart.ctx.save();
      drawChosen(chart, state.chosen, state.colours);
      chart.ctx.restore();
    },
    afterDatasetsDraw(chart) {
      chart.ctx.save();
      drawCompared(chart, state.bars, state.colours);
      drawSigns(chart, state.bars, state.tops, state.colours);
      chart.ctx.restore();
    },
  };
}
