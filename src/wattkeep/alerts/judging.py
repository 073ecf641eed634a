"""Judging readings by their devices' rules, one process's share of them."""

from __future__ import annotations

import logging
from bisect import bisect_right
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING

from wattkeep.alerts.bands import Newest, band_of
from wattkeep.alerts.fitting import READINGS_NEEDED, fit_voltages
from wattkeep.alerts.incidents import Course, announce, close, follow, record_of
from wattkeep.alerts.reconciling import course_of, ended_state, is_fresh, settle, state_of
from wattkeep.alerts.rules import READING_METRICS, most_gap_ms, watched_devices
from wattkeep.alerts.stored import broken_since, newest_stored, samples_between
from wattkeep.domain.counter import AGREEING_SAMPLES
from wattkeep.domain.counter_falls import FallingCounter
from wattkeep.domain.incidents import NEVER_MS, Change, Phase, State, step
from wattkeep.domain.instants import from_ms
from wattkeep.domain.readings import Reading, fields_of, in_order, instants_of
from wattkeep.ledger.lookups import Before, newest_before
from wattkeep.ledger.readings import END_OF_TIME_MS
from wattkeep.monitoring.models import Alert, KeyChange, RuleChange

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from wattkeep.alerts.bands import Band
    from wattkeep.alerts.rules import ReadingRule, WatchedDevice
    from wattkeep.domain.counter_falls import Fall

logger = logging.getLogger(__name__)

_instant = attrgetter("timestamp_ms")
FOLLOW_EVERY_S = 10.0
ENERGY = Reading._fields.index("energy")
# A counter that falls all the time is not looked up each time.
FALLS_EVERY_S = 60.0


@dataclass(slots=True)
class Followed:
    """An open incident as this process knows it; without an id somebody closed it by hand."""

    alert_id: int | None
    is_announced: bool
    written_at_s: float
    relapses: int


class Judge:
    """What one process remembers of its devices' rules. Used by one thread at a time."""

    def __init__(self, now_ms: Callable[[], int], clock_s: Callable[[], float]) -> None:
        self._now_ms = now_ms
        self._clock_s = clock_s
        self._watched: dict[int, WatchedDevice] = {}
        self._newest: dict[int, Newest] = {}
        self._hertz: dict[int, float] = {}
        self._counters: dict[int, FallingCounter] = {}
        self._states: dict[tuple[int, int], State] = {}
        self._followed: dict[tuple[int, int], Followed] = {}
        self._fallen: dict[int, float] = {}
        # Readings since it was last looked whether a device's thresholds can be set.
        self._unfitted: dict[int, int] = {}
        self._version: tuple[int, int] | None = None

    def recall(self) -> tuple[set[int], bool]:
        """Read again what others changed; return devices with news, and whether rules changed."""
        version = _version()
        have_rules_changed = version != self._version
        if have_rules_changed:
            self._version = version
            self._watched.clear()
        return self._recall_incidents(), have_rules_changed

    def knows(self, device_id: int) -> bool:
        """Tell whether a device's readings can be judged without asking much of the database."""
        return device_id in self._watched and device_id in self._newest

    def learn(self, waiting: Mapping[int, Sequence[Reading]]) -> None:
        """Read what has to be known of devices to judge these readings, of all of them at once."""
        unknown = [pk for pk in waiting if pk not in self._watched]
        if unknown:
            self._watched.update(watched_devices(unknown))
        unfitted = [pk for pk, readings in waiting.items() if self._may_be_fitted(pk, readings)]
        fitted = fit_voltages([self._watched[pk] for pk in unfitted]) if unfitted else ()
        self._watched.update(watched_devices(fitted) if fitted else {})
        self._begin(
            {
                pk: readings
                for pk, readings in waiting.items()
                if pk in self._watched and pk not in self._newest
            }
        )

    def judge(self, device_id: int, readings: Sequence[Reading], noted: Newest | None) -> None:
        """Judge one device's new readings. `noted` is the newest that was calm meanwhile."""
        if not self.knows(device_id):
            self.learn({device_id: readings})
        watched = self._watched.get(device_id)
        if watched is None:
            # It is gone.
            return
        if noted is not None and noted.at_ms > self._newest[device_id].at_ms:
            self._skip_to(watched, noted)
        readings = in_order(readings)
        first = bisect_right(instants_of(readings), self._newest[device_id].at_ms)
        late, fresh = readings[:first], readings[first:]
        fields, late_fields = (fields_of(some) if some else () for some in (fresh, late))
        for rule in watched.rules:
            if fresh:
                self._judge_rule(watched, rule, fresh, fields)
            if late and rule.may_break(late_fields):
                self._judge_late(watched, rule, late)
        if fresh:
            self._judge_counter(watched, fresh)
            self._newest[device_id] = Newest(fresh[-1].timestamp_ms, fresh[-1].energy)
            self._hertz[device_id] = fresh[-1].frequency

    def calm_of(self, device_id: int) -> tuple[Band, Newest] | None:
        """Return inside what a device's next readings change nothing; None: judge them all."""
        watched = self._watched.get(device_id)
        if watched is None:
            # Deleted, or readings of nobody: nothing to judge until the rules are read again.
            return None
        counter = self._counters.get(device_id)
        if watched.unfitted or (counter is not None and counter.is_waiting):
            return None
        judged = ((rule, self._states.get((rule.pk, device_id), State())) for rule in watched.rules)
        band = band_of(watched, judged, self._hertz.get(device_id, 50.0))
        return None if band is None else (band, self._newest[device_id])

    def _recall_incidents(self) -> set[int]:
        is_open = Alert.objects.filter(
            is_resolved=False, device__isnull=False, rule__metric__in=READING_METRICS
        )
        rows = {(row.rule_id or 0, row.device_id or 0): row for row in is_open}
        news = {key[1] for key in rows if key not in self._followed}
        for key, row in rows.items():
            known = self._followed.get(key)
            if known is None or known.alert_id != row.pk:
                self._states[key] = state_of(row)
                self._followed[key] = Followed(
                    row.pk, row.announced_at is not None, self._clock_s(), row.relapses
                )
                news.add(key[1])
            elif row.relapses > known.relapses:
                known.relapses = row.relapses
                self._states[key] = replace(self._states[key], relapses=row.relapses)
        return news | self._forget_closed(rows.keys())

    def _forget_closed(self, is_open: Collection[tuple[int, int]]) -> set[int]:
        """Let go of incidents that others closed; return their devices."""
        gone = {
            one.alert_id: key
            for key, one in self._followed.items()
            if one.alert_id is not None and key not in is_open
        }
        rows = Alert.objects.in_bulk(list(gone)) if gone else {}
        for alert_id, key in gone.items():
            row = rows.get(alert_id)
            if row is not None and row.resolved_by_id is not None:
                # Closed by hand: not opened again before it has been over.
                self._followed[key].alert_id = None
                continue
            del self._followed[key]
            last_ms = self._states[key].last_ms
            self._states[key] = State(last_ms=last_ms) if row is None else ended_state(row, last_ms)
        return {key[1] for key in gone.values()}

    def _may_be_fitted(self, device_id: int, readings: Sequence[Reading]) -> bool:
        """Tell whether to look if a device's thresholds can be set by what is stored of it.

        So it is at first sight, and then whenever enough has come here that it might be.
        """
        watched = self._watched.get(device_id)
        if watched is None or not watched.unfitted:
            self._unfitted.pop(device_id, None)
            return False
        seen = self._unfitted.get(device_id, READINGS_NEEDED) + len(readings)
        self._unfitted[device_id] = 0 if seen >= READINGS_NEEDED else seen
        return seen >= READINGS_NEEDED

    def _begin(self, waiting: Mapping[int, Sequence[Reading]]) -> None:
        """Look up where devices were before the first of their readings that came here.

        If something newer is stored than the last of them, by another process or before this one
        was started, then what came now is late.
        """
        ever = {pk: Before(pk, END_OF_TIME_MS) for pk in waiting}
        firsts = {pk: min(some, key=_instant) for pk, some in waiting.items()}
        before = {pk: Before(pk, first.timestamp_ms) for pk, first in firsts.items()}
        stored = newest_before([*ever.values(), *before.values()])
        for pk, first in firsts.items():
            newest = stored.get(ever[pk])
            if newest is not None and newest[0] > max(instants_of(waiting[pk])):
                self._newest[pk] = Newest(*newest)
                continue
            self._newest[pk] = Newest(NEVER_MS, 0.0)
            at_ms, kwh = stored.get(before[pk], (first.timestamp_ms, first.energy))
            self._counters[pk] = FallingCounter(at_ms, kwh * 1000, self._watched[pk].range_w)

    def _skip_to(self, watched: WatchedDevice, noted: Newest) -> None:
        """Let every rule know of calm readings that were not judged one by one."""
        device_id = watched.pk
        self._newest[device_id] = noted
        for rule in watched.rules:
            state = self._states.get((rule.pk, device_id))
            if state is not None and state.last_ms < noted.at_ms:
                self._states[rule.pk, device_id] = replace(state, last_ms=noted.at_ms)
        counter = self._counters.get(device_id)
        if counter is not None:
            counter.take(noted.at_ms, noted.energy_kwh * 1000)

    def _judge_rule(
        self,
        watched: WatchedDevice,
        rule: ReadingRule,
        readings: Sequence[Reading],
        fields: Sequence[Sequence[float]],
    ) -> None:
        key = (rule.pk, watched.pk)
        state = self._states.get(key, State())
        last_ms = readings[-1].timestamp_ms
        if state.phase is not Phase.CALM or rule.may_break(fields):
            if rule.is_slow and not state.is_open and last_ms < rule.earliest_ms(state):
                # It cannot open before the last of them, and that one leads back to its beginning.
                readings = readings[-1:]
            elif not state.is_open:
                readings = rule.decisive(state, readings)
            state = self._step_through(watched, rule, state, readings)
        if state.phase is Phase.CALM:
            state = replace(state, last_ms=max(state.last_ms, last_ms))
        self._states[key] = state
        if state.is_open:
            self._follow(key, rule, state)

    def _step_through(
        self,
        watched: WatchedDevice,
        rule: ReadingRule,
        state: State,
        readings: Sequence[Reading],
    ) -> State:
        first_ms = readings[0].timestamp_ms
        for reading in readings:
            value = rule.value_of(reading)
            if state.phase is Phase.CALM and not rule.limits.is_broken_by(value):
                continue
            was_calm = state.phase is Phase.CALM
            known_ms = state.last_ms
            state, change = step(rule.limits, state, reading.timestamp_ms, value)
            is_first = was_calm and reading.timestamp_ms == first_ms
            is_new = is_first and state.phase is not Phase.CALM
            if is_new and not rule.is_seamless(known_ms, first_ms):
                state, change = self._look_back(watched, rule, state)
            elif change is Change.OPENED and rule.is_slow:
                # It was not followed in between, and nearly always it was kept at some time.
                state, change = self._look_back(watched, rule, state)
            if change is Change.OPENED:
                state = self._open(watched, rule, state, readings[-1].timestamp_ms)
            elif change is Change.CLOSED:
                state = self._close(watched, rule, state)
        return state

    def _look_back(
        self, watched: WatchedDevice, rule: ReadingRule, state: State
    ) -> tuple[State, Change | None]:
        """Let a rise begin where the stored readings say that it did."""
        since_ms = broken_since(watched.pk, rule, state.last_ms)
        is_held = state.last_ms - since_ms >= rule.limits.hold_ms
        phase = state.phase if is_held else Phase.RISING
        return replace(state, phase=phase, since_ms=since_ms), Change.OPENED if is_held else None

    def _open(
        self, watched: WatchedDevice, rule: ReadingRule, state: State, brought_ms: int
    ) -> State:
        """Have the stored readings decide, and take on what they say."""
        key = (rule.pk, watched.pk)
        settled = settle(watched.pk, rule, state.since_ms, brought_ms, self._now_ms())
        if settled.state.is_open:
            alert = settled.alert
            self._followed[key] = Followed(
                alert.pk if alert else None,
                alert is None or alert.announced_at is not None,
                self._clock_s(),
                settled.state.relapses,
            )
        return settled.state

    def _close(self, watched: WatchedDevice, rule: ReadingRule, state: State) -> State:
        """Close an incident, unless another process stored readings that are against it."""
        key = (rule.pk, watched.pk)
        followed = self._followed.get(key)
        if followed is None:
            return state
        stored = samples_between(watched.pk, rule, state.ended_ms, state.last_ms)
        if not all(rule.limits.is_kept_by(value) for _, value in stored):
            return replace(state, phase=Phase.OPEN, relapses=state.relapses + 1)
        if followed.alert_id is not None:
            follow(followed.alert_id, course_of(rule.limits, state), is_above=rule.limits.is_above)
            close(followed.alert_id, from_ms(state.ended_ms), from_ms(self._now_ms()))
        del self._followed[key]
        return state

    def _follow(self, key: tuple[int, int], rule: ReadingRule, state: State) -> None:
        """Write now and then what an open incident has come to, and announce it once it may be."""
        followed = self._followed.get(key)
        if followed is None or followed.alert_id is None:
            return
        now_ms = self._now_ms()
        if (
            not followed.is_announced
            and state.phase is Phase.OPEN
            and is_fresh(rule, state, now_ms)
        ):
            followed.is_announced = True
            alert = Alert.objects.select_related("device__site", "rule").filter(
                pk=followed.alert_id
            )
            for one in alert:
                announce(one, from_ms(now_ms))
        is_news = state.relapses != followed.relapses and state.relapses <= 1 << 3
        if is_news or self._clock_s() - followed.written_at_s >= FOLLOW_EVERY_S:
            followed.written_at_s, followed.relapses = self._clock_s(), state.relapses
            follow(followed.alert_id, course_of(rule.limits, state), is_above=rule.limits.is_above)

    def _judge_late(
        self, watched: WatchedDevice, rule: ReadingRule, late: Sequence[Reading]
    ) -> None:
        """Judge what came late at its own time, among what is stored around it."""
        broken = [one for one in late if rule.limits.is_broken_by(rule.value_of(one))]
        if not broken:
            return
        device_id, key = watched.pk, (rule.pk, watched.pk)
        since_ms = broken_since(device_id, rule, broken[0].timestamp_ms)
        settled = settle(watched.pk, rule, since_ms, broken[-1].timestamp_ms, self._now_ms())
        if settled.state.is_open and key not in self._followed and settled.alert is not None:
            self._states[key] = settled.state
            announced = settled.alert.announced_at is not None
            self._followed[key] = Followed(
                settled.alert.pk, announced, self._clock_s(), settled.state.relapses
            )

    def _judge_counter(self, watched: WatchedDevice, readings: Sequence[Reading]) -> None:
        if not watched.counter_rules:
            return
        counter = self._counters.get(watched.pk)
        if counter is None:
            first = readings[0]
            before = newest_stored(watched.pk, before_ms=first.timestamp_ms)
            at_ms, kwh = before or (first.timestamp_ms, first.energy)
            counter = FallingCounter(at_ms, kwh * 1000, watched.range_w)
            self._counters[watched.pk] = counter
        for reading in _telling(readings):
            fall = counter.take(reading.timestamp_ms, reading.energy * 1000)
            if fall is not None:
                self._record_fall(watched, fall)

    def _record_fall(self, watched: WatchedDevice, fall: Fall) -> None:
        device_id = watched.pk
        if self._clock_s() < self._fallen.get(device_id, 0.0):
            return
        self._fallen[device_id] = self._clock_s() + FALLS_EVERY_S
        kwh, at = fall.fell_wh / 1000, from_ms(fall.at_ms)
        for rule in watched.counter_rules:
            if rule.threshold_kwh is None or kwh > rule.threshold_kwh:
                course = Course(at, value=kwh, peak=kwh, last=kwh, last_at=at)
                now_ms = self._now_ms()
                is_fresh = now_ms - fall.at_ms <= most_gap_ms(watched.interval_s)
                record_of(rule.pk, device_id, course, from_ms(now_ms), is_fresh=is_fresh)


def _telling(readings: Sequence[Reading]) -> Sequence[Reading]:
    """Return those that tell what a counter did: of a steady rise, the ends."""
    counters = list(fields_of(readings)[ENERGY])
    if len(counters) <= AGREEING_SAMPLES or counters != sorted(counters):
        return readings
    return [*readings[:AGREEING_SAMPLES], readings[-1]]


def _version() -> tuple[int, int]:
    """Return numbers that grow with every change to devices and to rules."""
    devices = KeyChange.objects.filter(pk=1).values_list("number", flat=True).first()
    rules = RuleChange.objects.filter(pk=1).values_list("number", flat=True).first()
    return devices or 0, rules or 0
