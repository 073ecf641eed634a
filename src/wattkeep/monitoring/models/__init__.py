"""What Wattkeep stores: columns and constraints; the rules live elsewhere."""

from wattkeep.monitoring.models.alerts import (
    Alert,
    AlertRule,
    AlertType,
    RuleChange,
    Severity,
    SweepMark,
)
from wattkeep.monitoring.models.boards import (
    BoardCommand,
    BoardReport,
    BoardSetup,
    FirmwareFile,
    FirmwareRelease,
    FirmwareTrial,
)
from wattkeep.monitoring.models.credentials import AccessToken, AccountInvitation, OldKey
from wattkeep.monitoring.models.devices import (
    Device,
    DeviceBoot,
    KeyChange,
    Site,
    validate_time_zone,
)
from wattkeep.monitoring.models.exports import Export, ExportChunk, ExportPart
from wattkeep.monitoring.models.ledger import Correction, Lease, LedgerMark, LedgerState
from wattkeep.monitoring.models.notifications import (
    Notification,
    NotificationChannel,
    ReportSchedule,
)
from wattkeep.monitoring.models.people import PersonLanguage
from wattkeep.monitoring.models.readings import EnergyReading, EnergySlot, MeterEvent, ReadingBlock
from wattkeep.monitoring.models.sharing import (
    AuditEntry,
    Role,
    SiteInvitation,
    SiteMember,
    ViewerLink,
)

__all__ = [
    "AccessToken",
    "AccountInvitation",
    "Alert",
    "AlertRule",
    "AlertType",
    "AuditEntry",
    "BoardCommand",
    "BoardReport",
    "BoardSetup",
    "Correction",
    "Device",
    "DeviceBoot",
    "EnergyReading",
    "EnergySlot",
    "Export",
    "ExportChunk",
    "ExportPart",
    "FirmwareFile",
    "FirmwareRelease",
    "FirmwareTrial",
    "KeyChange",
    "Lease",
    "LedgerMark",
    "LedgerState",
    "MeterEvent",
    "Notification",
    "NotificationChannel",
    "OldKey",
    "PersonLanguage",
    "ReadingBlock",
    "ReportSchedule",
    "Role",
    "RuleChange",
    "Severity",
    "Site",
    "SiteInvitation",
    "SiteMember",
    "SweepMark",
    "ViewerLink",
    "validate_time_zone",
]
