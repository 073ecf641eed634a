"""Everything that a line of the audit log can tell."""

from datetime import timedelta

from wattkeep.api import audited
from wattkeep.api.channel_views import TOLD_OF_CHANNELS
from wattkeep.monitoring.admin import KINDS
from wattkeep.monitoring.audit import Subject, changes, note, words_of
from wattkeep.monitoring.audit_words import Told
from wattkeep.monitoring.models import Alert, BoardCommand, Correction, NotificationChannel, Role
from wattkeep.web.audit_wording import DEEDS


def note_everything(device):
    """Write a line of the log for each deed, and whatever else a line can tell."""
    site = device.site
    for deed in DEEDS:
        note(None, Subject.MEMBER, deed, on=site, name="Ω")
    rows = (site, device, device.rules.first(), NotificationChannel(name="Ω"))
    for row in rows:
        columns = None if row.pk else TOLD_OF_CHANNELS
        note(None, Subject.SITE, "changed", on=site, details=changes({}, words_of(row, columns)))
    for kind in KINDS.values():
        note(None, Subject.ADMIN, "changed", on=site, name="Ω", details=Told(kind))
    audited.note_role(None, site.members.first(), Role.VIEWER)
    audited.note_new_owner(None, site, "Ω", "Ω")
    audited.note_account_invitation(None, "", by=site.owner)
    note_of_device(device)
    note_of_rows(device)


def note_of_device(device):
    setup = {"interval_s": 5, "display": None, "contrast": None, "meters": (1, 2)}
    for display in (None, True, False):
        audited.note_setup(None, device, setup | {"display": display})
    for kind in BoardCommand.Kind:
        audited.note_command(None, device, kind)
    for is_new_meter in (True, False):
        audited.note_swap(None, device, is_new_meter=is_new_meter)
    for span in (timedelta(), timedelta(days=1)):
        audited.note_new_key(None, device, span)


def note_of_rows(device):
    for correction in Correction.objects.filter(device=device):
        audited.note_correction(None, device, correction, "set")
    for link in device.site.viewer_links.all():
        audited.note_link(None, link, "made")
    for invitation in device.site.invitations.all():
        audited.note_invitation(None, invitation, "invited")
    for alert in Alert.objects.filter(device=device):
        audited.note_incident(None, alert, "acknowledged")
