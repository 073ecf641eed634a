// A device's page: its widgets, fed by two polls.
import { setTime } from "./ago.js";
import { Alerts } from "./alerts.js";
import { now } from "./clock.js";
import { Connection } from "./connection.js";
import { localDate, localHour, number } from "./format.js";
import { Hourly } from "./hourly.js";
import { Poll } from "./poll.js";
import { showState } from "./state.js";
import { showValues } from "./tiles.js";
import { Weekly } from "./weekly.js";

const root = document.querySelector("[data-dashboard]");
const { zone, realtimeUrl, dashboardUrl, loginUrl } = root.dataset;
const find = (name) => root.querySelector(`[data-${name}]`);

const live = find("live");
const alerts = new Alerts(root, zone);
const connection = new Connection(find("connection"), live);
const hourly = new Hourly(root.querySelector('[data-bars="hourly"]'), zone);
const weekly = new Weekly(root.querySelector('[data-bars="weekly"]'));
const hourNow = () => `${localDate(now(), zone)} ${localHour(now(), zone).slice(0, 2)}`;
let hourShown = hourNow();

function showLatest(values, timestamp, status) {
  showValues(live, values);
  live.toggleAttribute("data-stale", status !== "online");
  if (timestamp) {
    setTime(find("reading-time"), timestamp, zone);
    find("last-reading").hidden = false;
    find("until-first-reading")?.remove();
  }
  return showState(find("state"), status);
}

function showDashboard(data) {
  showLatest(data, data.latest_reading?.timestamp, data.status);
  find("today").textContent = number(data.today_consumption, 2);
  hourly.show(data);
  weekly.show(data);
  alerts.show(data.alerts);
}

const dashboardPoll = new Poll({
  url: () => dashboardUrl,
  loginUrl,
  shownMs: 60000,
  hiddenMs: 60000,
  onData: showDashboard,
  onOutcome: (isThere) => connection.report("dashboard", isThere),
});

const realtimePoll = new Poll({
  // Before the first reading there is nothing at the one address, which is an error there.
  url: () => (find("last-reading").hidden ? dashboardUrl : realtimeUrl),
  loginUrl,
  shownMs: 5000,
  hiddenMs: 30000,
  onData: (data) => {
    const hasChanged = showLatest(data, data.timestamp ?? data.latest_reading?.timestamp, data.status);
    if (hasChanged || hourShown !== hourNow()) dashboardPoll.run();
    hourShown = hourNow();
  },
  onOutcome: (isThere) => connection.report("realtime", isThere),
});

showDashboard(JSON.parse(document.getElementById("dashboard-data").textContent));
dashboardPoll.start();
realtimePoll.start();
