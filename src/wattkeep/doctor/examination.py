"""All checks, one after the other; one that fails is a finding itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattkeep.doctor.findings import Machine, fault
from wattkeep.doctor.machine_checks import (
    check_card,
    check_clock,
    check_disk,
    check_future_readings,
)
from wattkeep.doctor.secrets_checks import check_exposure, check_secrets
from wattkeep.doctor.service_checks import (
    check_backups,
    check_database,
    check_devices,
    check_messages,
    check_tasks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from wattkeep.doctor.findings import Finding


def examine(now: datetime, machine: Machine | None = None) -> list[Finding]:
    """Return everything that is wrong or risky, the worst first."""
    machine = machine or Machine()
    database = list(check_database())
    findings = [*database]
    checks: list[Callable[[], Iterator[Finding]]] = [
        check_secrets,
        check_exposure,
        check_disk,
        lambda: check_card(machine),
        lambda: check_backups(now),
    ]
    if not any(one.check in {"database", "database-damaged"} for one in database):
        checks += [
            lambda: check_clock(now),
            lambda: check_future_readings(now),
            lambda: check_tasks(now),
            lambda: check_messages(now),
            lambda: check_devices(now),
        ]
    for check in checks:
        try:
            findings += check()
        except Exception as error:  # noqa: BLE001 - the others must still be heard
            findings.append(
                fault(
                    "check-failed",
                    f"A check could not be made: {error}",
                    "Please report it.",
                )
            )
    return sorted(findings, key=lambda one: -one.level)
