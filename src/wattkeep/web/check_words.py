"""What the check of an installation says in plain words, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from wattkeep.domain.install_check import Kind, Verdict
from wattkeep.web.wording import number_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from django_stubs_ext import StrOrPromise

    from wattkeep.domain.install_check import Check

TITLES: dict[Kind, StrOrPromise] = {
    Kind.REPORTS: lazy("Readings come in"),
    Kind.VOLTAGE: lazy("The voltage is one of the mains"),
    Kind.CLAMP: lazy("The clamp sees a current"),
    Kind.PHASE: lazy("Clamp and voltage are on the same phase"),
    Kind.POWER: lazy("Power is voltage × current × power factor"),
    Kind.COUNTER: lazy("The counter counts what the power says"),
    Kind.RANGE: lazy("The range is large enough"),
    Kind.CHILDREN: lazy("Sub-meters use no more than this one"),
}
# (kind, fault): what is likely wrong, and what to do. The empty fault: too little to tell.
ADVICE: dict[tuple[Kind, str], StrOrPromise] = {
    (Kind.REPORTS, "few"): lazy("Wait for a minute or two, then look again."),
    (Kind.REPORTS, "rare"): lazy(
        "It reports more rarely than its settings say. Set the interval right, or look at the"
        " board's signal."
    ),
    (Kind.VOLTAGE, "implausible"): lazy(
        "This is no mains voltage. The sender may divide or multiply it by ten."
    ),
    (Kind.CLAMP, "no_current"): lazy(
        "No current at all: the clamp is open, its plug is loose, it lies round both conductors at"
        " once (they cancel out), or nothing is switched on behind it."
    ),
    (Kind.PHASE, "light"): lazy("Switch on something that heats, such as a kettle, for a minute."),
    (Kind.PHASE, "other_phase"): lazy(
        "Even heavy loads have a poor power factor. Most likely the clamp lies round another phase"
        " than the one the meter takes its voltage from. Move one of the two. Only if all you run"
        " is motors may it be right."
    ),
    (Kind.POWER, "light"): lazy("Switch something on: small loads tell too little."),
    (Kind.POWER, "unit"): lazy("One of them is in another unit: W and kW are mixed up."),
    (Kind.POWER, "differs"): lazy(
        "These four figures are not of one meter at one moment. The sender mixes up fields or"
        " meters, or sends old values beside new ones."
    ),
    (Kind.COUNTER, "little"): lazy("Too little was used so far to compare. Look again tomorrow."),
    (Kind.COUNTER, "stands_still"): lazy(
        "The counter stands still. If this sensor has none, switch off “It counts energy itself”"
        " in its settings: energy is then worked out from power."
    ),
    (Kind.COUNTER, "unit"): lazy("The counter must be sent in kWh; this looks like Wh or MWh."),
    (Kind.COUNTER, "differs"): lazy(
        "Counter and power tell different stories: two meters mixed up, or a clamp ratio that is"
        " set for one of them only."
    ),
    (Kind.RANGE, "reached"): lazy(
        "The power reaches the end of the range. A 10 A meter cannot see more than 2300 W: use one"
        " with a clamp for 100 A. Or the range in the settings is the wrong one."
    ),
    (Kind.CHILDREN, "more"): lazy(
        "More goes through the sub-meters than through this one. One of them is not behind it, or"
        " this meter's clamp lies round one phase only, or something behind it feeds in: these"
        " meters count that as use. A clamp put on backwards changes nothing with a PZEM-004T."
    ),
}
NOTHING_TO_SAY = lazy("There are no values to look at.")


@dataclass(frozen=True)
class CheckWords:
    """One thing that was looked at, in words."""

    verdict: str
    title: StrOrPromise
    found: str
    advice: StrOrPromise


def check_words(check: Check) -> CheckWords:
    """Return what was looked at, found, and is to be done."""
    advice: StrOrPromise = ""
    if check.verdict is not Verdict.GOOD:
        advice = ADVICE.get((check.kind, check.fault), NOTHING_TO_SAY)
    found = FOUND[check.kind](check) if check.figures else ""
    return CheckWords(check.verdict, TITLES[check.kind], found, advice)


def _reports(check: Check) -> str:
    count = number_text(check.figures["readings"], 0)
    if "every_s" not in check.figures:
        return _("readings in the last day: %(count)s") % {"count": count}
    return _("%(count)s readings in the last day, one every %(every)s s; set are %(set)s s") % {
        "count": count,
        "every": number_text(check.figures["every_s"], 0),
        "set": number_text(check.figures["interval_s"], 0),
    }


def _voltage(check: Check) -> str:
    return f"{number_text(check.figures['volts'], 1)} V"


def _clamp(check: Check) -> str:
    if "amps" in check.figures:
        return _("up to %(amps)s A") % {"amps": number_text(check.figures["amps"], 2)}
    return _("none for %(hours)s hours") % {"hours": number_text(check.figures["hours"], 1)}


def _phase(check: Check) -> str:
    if "factor" in check.figures:
        return _("power factor of heavy loads: up to %(factor)s") % {
            "factor": number_text(check.figures["factor"], 2)
        }
    return _("no load above %(least)s VA so far") % {
        "least": number_text(check.figures["least_va"], 0)
    }


def _power(check: Check) -> str:
    if "ratio" not in check.figures:
        return _("no load above %(least)s W so far") % {
            "least": number_text(check.figures["least_w"], 0)
        }
    return _("%(share)s %% of the readings fit") % {
        "share": number_text(100 * (1 - check.figures["off_share"]), 0)
    }


def _counter(check: Check) -> str:
    return _("counted: %(counted)s kWh; power over time: %(work)s kWh") % {
        "counted": number_text(check.figures["counted_wh"] / 1000, 3),
        "work": number_text(check.figures["work_wh"] / 1000, 3),
    }


def _range(check: Check) -> str:
    return _("up to %(most)s W of %(range)s W") % {
        "most": number_text(check.figures["most_w"], 0),
        "range": number_text(check.figures["range_w"], 0),
    }


def _children(check: Check) -> str:
    return _("sub-meters: %(behind)s kWh; this one: %(own)s kWh") % {
        "behind": number_text(check.figures["behind_wh"] / 1000, 2),
        "own": number_text(check.figures["own_wh"] / 1000, 2),
    }


FOUND: dict[Kind, Callable[[Check], str]] = {
    Kind.REPORTS: _reports,
    Kind.VOLTAGE: _voltage,
    Kind.CLAMP: _clamp,
    Kind.PHASE: _phase,
    Kind.POWER: _power,
    Kind.COUNTER: _counter,
    Kind.RANGE: _range,
    Kind.CHILDREN: _children,
}
