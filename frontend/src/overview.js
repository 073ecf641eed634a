// The start page: a site's devices, their powers as they happen, day and month once a minute.
import { now } from "./clock.js";
import { Connection } from "./connection.js";
import { change, dayAndMonth, number, than } from "./format.js";
import { follow } from "./live.js";
import { share, sumUp } from "./overview-sums.js";
import { Tools } from "./overview-tools.js";
import { Poll } from "./poll.js";
import { say } from "./words.js";

const STATES = {
  online: say("Online"),
  silent: say("Meter silent"),
  offline: say("Offline"),
  never: say("Nothing received yet"),
};
// A reading this fresh shows by itself that its meter is there.
const FRESH_MS = 5000;

const root = document.querySelector("[data-overview]");
const { zone, overviewUrl, devicesUrl, loginUrl } = root.dataset;
const find = (name) => root.querySelector(`[data-${name}]`);
const connection = new Connection(find("connection"), find("live"));
const devices = new Map();
let isDrawn = true;

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// What a line shows of a power; only what changed is written, however many devices there are.
function cellsOf(line) {
  return line && { power: line.querySelector("[data-power]"), bar: line.querySelector(".share rect") };
}

function showPower(cells, power, most) {
  if (cells.shown !== power) write(cells.power, number(power, 1));
  cells.shown = power;
  const width = share(power, most);
  if (cells.bar && cells.width !== width) cells.bar.setAttribute("width", width);
  cells.width = width;
}

function draw() {
  isDrawn = true;
  const { total, missing, rests } = sumUp(devices);
  write(find("total"), number(total, 1));
  write(find("missing-count"), String(missing));
  find("missing").hidden = missing === 0;
  write(find("online"), String([...devices.values()].filter(({ status }) => status === "online").length));
  const most = Math.max(...[...devices.values()].map(({ power }) => power ?? 0));
  for (const { cells, rest, restCells, id, power } of devices.values()) {
    showPower(cells, power, most);
    if (!rest || !rests.has(id)) continue;
    const found = rests.get(id);
    showPower(restCells, found.power, most);
    rest.toggleAttribute("data-more", found.isMore);
  }
}

// However many devices change at once, the sums are drawn once a frame.
function drawSoon() {
  if (!isDrawn) return;
  isDrawn = false;
  requestAnimationFrame(draw);
}

function setStatus(device, status) {
  if (device.status === status) return;
  device.status = status;
  if (status !== "online") device.power = null;
  device.line.toggleAttribute("data-stale", status !== "online");
  const sign = device.line.querySelector(".state");
  sign.dataset.status = status;
  sign.querySelector("use").setAttribute("href", `#state-${status}`);
  write(sign.querySelector("[data-words]"), STATES[status]);
  drawSoon();
}

function setPower(device, power, at) {
  if (at < device.at) return;
  device.at = at;
  device.power = power;
  drawSoon();
}

const take = {
  reading(device, message) {
    const at = Date.parse(message.timestamp);
    if (now() - at < FRESH_MS) setStatus(device, "online");
    if (device.status === "online") setPower(device, message.power, at);
  },
  status: (device, message) => setStatus(device, message.status),
};

function showRow(row, sentAt) {
  const device = devices.get(row.id);
  if (!device) return;
  setStatus(device, row.status);
  // A reading that came by the socket meanwhile is newer than this answer.
  if (row.is_online && device.at <= sentAt) device.power = row.power;
}

function showEnergy(line, energy) {
  write(line.querySelector("[data-today]"), number(energy.today, 2));
  write(line.querySelector("[data-month]"), number(energy.month, 1));
}

function showOverview(data) {
  write(find("today"), number(data.today, 2));
  write(find("month"), number(data.month, 2));
  const compared = change(data.month, data.month_before);
  write(find("against").querySelector("[data-change]"), compared);
  if (find("than")) write(find("than"), than(compared, dayAndMonth(Date.parse(data.before_end) - 60000, zone)));
  for (const row of data.devices) {
    const device = devices.get(row.id);
    if (!device) continue;
    showRow(row, Date.parse(data.timestamp) - FRESH_MS);
    Object.assign(device, { today: row.today, month: row.month });
    showEnergy(device.line, row);
    write(device.line.querySelector("[data-change]"), change(row.month, row.month_before));
    if (device.rest && row.rest) showEnergy(device.rest, row.rest);
  }
  drawSoon();
}

for (const row of JSON.parse(document.getElementById("overview-data").textContent).devices) {
  const line = root.querySelector(`[data-device="${row.id}"]`);
  const rest = root.querySelector(`[data-rest="${row.id}"]`);
  devices.set(row.id, { ...row, at: 0, line, rest, cells: cellsOf(line), restCells: cellsOf(rest) });
}

new Tools(root, (line, by) => devices.get(Number(line.dataset.device))[by]);

const overviewPoll = new Poll({
  url: () => overviewUrl,
  loginUrl,
  shownMs: 60000,
  hiddenMs: 300000,
  onData: showOverview,
  onOutcome: (isThere) => connection.report("overview", isThere),
});
overviewPoll.start();

follow([...devices.keys()], {
  url: () => devicesUrl,
  loginUrl,
  onMessage(message) {
    const device = devices.get(message.device);
    if (device) take[message.type]?.(device, message);
  },
  onAnswer(rows) {
    const sentAt = now() - FRESH_MS;
    rows.forEach((row) => showRow(row, sentAt));
    drawSoon();
  },
  onOutcome: (isThere) => connection.report("realtime", isThere),
  onBack: () => overviewPoll.run(),
});
