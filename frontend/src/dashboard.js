// A device's page: its widgets, fed by the live connection and, once a minute, by the figures.
import { setTime } from "./ago.js";
import { Alerts } from "./alerts.js";
import { now } from "./clock.js";
import { Connection } from "./connection.js";
import { localDate, localHour, number } from "./format.js";
import { Hourly } from "./hourly.js";
import { follow } from "./live.js";
import { Poll } from "./poll.js";
import { showState } from "./state.js";
import { showExtremes, showValues } from "./tiles.js";
import { Trend } from "./trend.js";
import { Weekly } from "./weekly.js";

// A reading this fresh shows by itself that its meter is there.
const FRESH_MS = 5000;

const root = document.querySelector("[data-dashboard]");
const { device, interval, zone, realtimeUrl, dashboardUrl, seriesUrl, loginUrl } = root.dataset;
const find = (name) => root.querySelector(`[data-${name}]`);

const live = find("live");
const alerts = new Alerts(root, zone);
const connection = new Connection(find("connection"), live);
const hourly = new Hourly(root.querySelector('[data-bars="hourly"]'), zone);
const weekly = new Weekly(root.querySelector('[data-bars="weekly"]'));
const trend = new Trend(find("trend"), { url: seriesUrl, intervalMs: Number(interval) * 1000 });
const hourNow = () => `${localDate(now(), zone)} ${localHour(now(), zone).slice(0, 2)}`;
let hourShown = hourNow();
let shownAt = 0;
let today;

// Socket and polls may cross each other: only a newer reading replaces what is shown.
function showReading(values, timestamp) {
  const at = timestamp ? Date.parse(timestamp) : 0;
  if (at <= shownAt) return false;
  shownAt = at;
  showValues(live, values);
  if (localDate(at, zone) === today.date) showExtremes(live, today.extremes, values);
  trend.add(timestamp, values.power);
  setTime(find("reading-time"), timestamp, zone);
  find("last-reading").hidden = false;
  find("until-first-reading")?.remove();
  return true;
}

function showStatus(status) {
  live.toggleAttribute("data-stale", status !== "online");
  return showState(find("state"), status);
}

function showDashboard(data) {
  today = { date: data.site_date, extremes: data.today_extremes };
  showReading(data, data.latest_reading?.timestamp);
  showExtremes(live, today.extremes);
  showStatus(data.status);
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

// The bars change when the hour does, and with what made the state change.
function keepBarsUp(hasChanged) {
  if (hasChanged || hourShown !== hourNow()) dashboardPoll.run();
  hourShown = hourNow();
}

const take = {
  reading(message) {
    const isNew = showReading(message, message.timestamp);
    const isFresh = isNew && now() - Date.parse(message.timestamp) < FRESH_MS;
    keepBarsUp(isFresh && showStatus("online"));
  },
  status: (message) => keepBarsUp(showStatus(message.status)),
  alert: (message) => alerts.take(message),
};

showDashboard(JSON.parse(document.getElementById("dashboard-data").textContent));
trend.load();
dashboardPoll.start();
follow([device], {
  // Before the first reading there is nothing at the one address, which is an error there.
  url: () => (shownAt ? realtimeUrl : dashboardUrl),
  loginUrl,
  onMessage: (message) => take[message.type]?.(message),
  onAnswer(data) {
    showReading(data, data.timestamp ?? data.latest_reading?.timestamp);
    keepBarsUp(showStatus(data.status));
  },
  onOutcome: (isThere) => connection.report("realtime", isThere),
  onBack: () => dashboardPoll.run(),
});
