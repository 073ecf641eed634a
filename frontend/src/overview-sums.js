// What a site draws together, and what is behind no sub-meter, from its devices' powers.

// Meters are read at different moments: so much less than nothing is nothing.
const SLACK_W = 10;
const SLACK_SHARE = 0.03;

// `devices`: Map of id → {parent, power}; power is null where nothing is told.
export function sumUp(devices) {
  let total = null;
  let missing = 0;
  const behind = new Map();
  for (const { parent, power } of devices.values()) {
    if (parent !== null) behind.set(parent, (behind.get(parent) ?? 0) + (power ?? 0));
    else if (power === null) missing += 1;
    else total = (total ?? 0) + power;
  }
  const rests = new Map();
  for (const [id, drawn] of behind) {
    const own = devices.get(id).power;
    rests.set(id, own === null ? { power: null, isMore: false } : restOf(own, drawn));
  }
  return { total, missing, rests };
}

function restOf(own, drawn) {
  const power = own - drawn;
  const isMore = -power > Math.max(SLACK_W, SLACK_SHARE * own);
  return { power: isMore ? power : Math.max(0, power), isMore };
}

// The width of a bar in per cent.
export function share(power, most) {
  if (!power || !most) return "0";
  return Math.min(100, Math.max(0, (100 * power) / most)).toFixed(1);
}
