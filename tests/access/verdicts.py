"""Who may ask what: a verdict on every address and method. A new address needs a line here."""

from dataclasses import dataclass, field
from enum import Enum


class Level(Enum):
    """From whom on an answer is given; the others' answers follow from it."""

    OPEN = "everybody gets the same answer"
    GUEST = "for those who are not logged in"
    PERSON = "for everybody who is logged in; it shows their own"
    VIEWER = "for viewers of the site, editors and the owner"
    EDITOR = "for editors of the site and the owner"
    OWNER = "for the owner of the site"
    MINE = "the owner's, whatever anybody's role"
    STAFF = "for administrators"
    BOARD = "for boards with a device's key"


@dataclass(frozen=True)
class May:
    """From which level on a method is answered, and with what: `status` to an empty body.

    `needs_admin`: a token must have the widest scope. `but`: personas who get something else.
    """

    level: Level
    status: int = 200
    body: str = ""
    needs_admin: bool = False
    but: dict = field(default_factory=dict)


OPEN, GUEST, PERSON, VIEWER, EDITOR, OWNER, MINE, STAFF, BOARD = Level
BAD_BEARER = {"expired token": 401, "viewer link": 401}


def shows(level, status=200):
    """Return the verdict on what is only looked at."""
    return {"GET": May(level, status)}


def owners(**methods):
    """Return the verdict on who shares a site, which a narrow token cannot change."""
    return {name: May(OWNER, status, needs_admin=True) for name, status in methods.items()}


def form(level, sent=200, shown=200):
    """Return the verdict on a page with a form, which an empty one comes back to."""
    return {"GET": May(level, shown), "POST": May(level, sent)}


def deed(level, status=302, body=""):
    """Return the verdict on a button."""
    return {"POST": May(level, status, body)}


FORM_VIEW = ("GET", "POST", "PUT")
DEVICE = "<int:device_id>/"
SITE = "<int:site_id>/"
API = {
    f"realtime/{DEVICE}": shows(VIEWER),
    f"dashboard/{DEVICE}": shows(VIEWER),
    "v1/devices/": {"GET": May(PERSON), "POST": May(PERSON, 400)},
    f"v1/devices/{DEVICE}": {
        "GET": May(VIEWER),
        "PATCH": May(EDITOR),
        "DELETE": May(OWNER, 400),
    },
    f"v1/devices/{DEVICE}key/": {
        "POST": May(EDITOR, 201, needs_admin=True),
        "DELETE": May(EDITOR, 204, needs_admin=True),
    },
    f"v1/devices/{DEVICE}consumption/": shows(VIEWER),
    f"v1/devices/{DEVICE}series/": shows(VIEWER),
    f"v1/devices/{DEVICE}events/": shows(VIEWER),
    f"v1/devices/{DEVICE}why/": shows(VIEWER, 400),
    f"v1/devices/{DEVICE}corrections/": {"GET": May(VIEWER), "POST": May(EDITOR, 400)},
    f"v1/devices/{DEVICE}corrections/<int:correction_id>/": {"DELETE": May(EDITOR)},
    f"v1/devices/{DEVICE}swap/": {"POST": May(EDITOR, 400, needs_admin=True)},
    f"v1/devices/{DEVICE}readings.csv": shows(VIEWER),
    f"v1/devices/{DEVICE}slots.csv": shows(VIEWER),
    f"v1/devices/{DEVICE}board/": {"GET": May(VIEWER), "PATCH": May(EDITOR)},
    f"v1/devices/{DEVICE}board/commands/": {"POST": May(EDITOR, 400)},
    f"v1/devices/{DEVICE}board/commands/<int:command_id>/": {"DELETE": May(EDITOR, 204)},
    "v1/sites/": shows(PERSON),
    f"v1/sites/{SITE}corrections/": shows(VIEWER),
    f"v1/sites/{SITE}consumption/": shows(VIEWER),
    f"v1/sites/{SITE}series/": shows(VIEWER),
    f"v1/sites/{SITE}overview/": shows(VIEWER),
    f"v1/sites/{SITE}members/": owners(GET=200),
    f"v1/sites/{SITE}members/<int:member_id>/": {
        "PATCH": May(OWNER, 400, needs_admin=True),
        # The member that was planted is the viewer, who may leave.
        "DELETE": May(OWNER, 204, needs_admin=True, but={"viewer": 204}),
    },
    f"v1/sites/{SITE}owner/": owners(POST=400),
    f"v1/sites/{SITE}invitations/": owners(GET=200, POST=400),
    f"v1/sites/{SITE}invitations/<int:invitation_id>/": owners(DELETE=204),
    f"v1/sites/{SITE}links/": owners(GET=200, POST=400),
    f"v1/sites/{SITE}links/<int:link_id>/": owners(DELETE=204),
    "v1/exports/": {"GET": May(PERSON), "POST": May(PERSON, 400)},
    "v1/exports/<int:export_id>/": {"GET": May(MINE), "DELETE": May(MINE, 204)},
    "v1/exports/<int:export_id>/file.gz": shows(MINE),
    "v1/audit/": {"GET": May(PERSON, needs_admin=True)},
    "v1/audit.csv": {"GET": May(PERSON, needs_admin=True)},
    "v1/tokens/": {
        "GET": May(PERSON, needs_admin=True),
        "POST": May(PERSON, 400, needs_admin=True),
    },
    "v1/tokens/<int:token_id>/": {"DELETE": May(MINE, 204, needs_admin=True)},
    "v1/alerts/": shows(PERSON),
    "v1/alerts/<int:alert_id>/": shows(VIEWER),
    "v1/alerts/<int:alert_id>/acknowledge/": {"POST": May(EDITOR)},
    "v1/alerts/<int:alert_id>/snooze/": {"POST": May(EDITOR, 400)},
    "v1/alerts/<int:alert_id>/resolve/": {"POST": May(EDITOR)},
    "v1/rules/": {"GET": May(PERSON), "POST": May(PERSON, 400)},
    "v1/rules/preview/": {"POST": May(PERSON, 400)},
    "v1/rules/propose/": shows(PERSON, 400),
    "v1/rules/<int:rule_id>/": {
        "GET": May(VIEWER),
        "PATCH": May(EDITOR),
        "DELETE": May(EDITOR, 204),
    },
    "v1/channels/": {"GET": May(PERSON), "POST": May(PERSON, 400)},
    "v1/channels/<int:channel_id>/": {
        "GET": May(MINE),
        "PATCH": May(MINE),
        "DELETE": May(MINE, 204),
    },
    "v1/channels/<int:channel_id>/test/": {"POST": May(MINE)},
    "v1/notifications/": shows(PERSON),
    "v1/notifications/browser/": shows(PERSON),
    "v1/notifications/<int:notification_id>/retry/": {"POST": May(MINE)},
    "board/sync/": {"POST": May(BOARD, 400)},
    "board/file/": {"POST": May(BOARD, 400)},
    "schema/": {"GET": May(OPEN, but=BAD_BEARER)},
    "docs/": {"GET": May(OPEN, but=BAD_BEARER)},
}
PAGES = {
    # Strangers have no device yet and are led to where one is added.
    "": {"GET": May(PERSON, but={"stranger": 302})},
    "favicon.ico": shows(OPEN, 302),
    "manifest.webmanifest": shows(OPEN),
    "language/": deed(OPEN),
    "login/": {name: May(GUEST) for name in FORM_VIEW},
    "logout/": deed(OPEN),
    "register/": form(GUEST, 403, 403),
    "invited/<str:token>/": form(GUEST, 403, 403),
    "settings/": form(PERSON),
    "settings/storage/": shows(PERSON),
    "energy/": {"GET": May(PERSON)},
    "energy/why/": shows(PERSON, 404),
    "energy/correct/": form(PERSON, 404, 404),
    "energy/corrections/<int:correction_id>/undo/": deed(EDITOR),
    "history/": {"GET": May(PERSON, but={"stranger": 302})},
    "history/figures/": shows(PERSON),
    "exports/": form(PERSON),
    "exports/<int:export_id>/delete/": deed(MINE),
    "insights/": shows(PERSON),
    "insights/voltage/": shows(PERSON),
    "devices/": shows(PERSON),
    "devices/add/": form(PERSON),
    f"devices/{DEVICE}": shows(VIEWER),
    f"devices/{DEVICE}edit/": form(EDITOR),
    f"devices/{DEVICE}board/": form(EDITOR),
    # The key is shown once, and no head uses that up.
    f"devices/{DEVICE}key/": {"GET": May(EDITOR), "HEAD": None},
    f"devices/{DEVICE}check/": shows(VIEWER),
    f"devices/{DEVICE}delete/": form(OWNER),
    f"devices/{DEVICE}swap/": form(EDITOR),
    f"devices/{DEVICE}corrections/": {"GET": May(VIEWER), "POST": May(EDITOR)},
    f"devices/{DEVICE}corrections/<int:correction_id>/undo/": deed(EDITOR),
    "firmware/": form(STAFF, 404),
    "alerts/": shows(PERSON),
    "alerts/<int:alert_id>/": shows(VIEWER),
    "alerts/<int:alert_id>/act/": deed(EDITOR, body="do=acknowledge"),
    "alerts/undelivered/<int:notification_id>/": deed(MINE),
    "alerts/rules/": shows(PERSON),
    # Who may change nothing is led back to the list.
    "alerts/rules/add/": {
        name: May(PERSON, but={"stranger": 302, "viewer": 302}) for name in ("GET", "POST")
    },
    "alerts/rules/<int:rule_id>/": form(EDITOR),
    "alerts/rules/<int:rule_id>/switch/": deed(EDITOR, body="do=off"),
    "alerts/channels/": shows(PERSON),
    "alerts/channels/add/<slug:way>/": form(PERSON),
    "alerts/channels/<int:channel_id>/": form(MINE),
    "alerts/channels/<int:channel_id>/act/": deed(MINE),
    "alerts/reports/": shows(PERSON),
    "alerts/reports/mail/": shows(PERSON),
    "alerts/reports/send/": deed(PERSON, 404),
    # A signed link out of a message: whoever has it is whom it was sent to.
    "l/<str:token>/": form(OPEN),
    "sharing/": shows(PERSON),
    "sharing/everything/": deed(STAFF),
    "sharing/audit/": shows(PERSON),
    # The invitation that was planted is to nobody's account.
    "sharing/invitations/<int:invitation_id>/": deed(PERSON, 404),
    f"sharing/{SITE}members/": form(OWNER),
    f"sharing/{SITE}members/<int:member_id>/": deed(OWNER, body="do=20"),
    f"sharing/{SITE}invitations/<int:invitation_id>/": deed(OWNER),
    f"sharing/{SITE}links/": form(OWNER),
    f"sharing/{SITE}links/<int:link_id>/": deed(OWNER),
    "join/<str:token>/": {"GET": May(PERSON), "POST": May(PERSON, 302)},
    "v/<str:token>/": shows(OPEN),
    "v/<str:token>/devices/": shows(OPEN),
    f"v/<str:token>/devices/{DEVICE}realtime/": shows(OPEN),
    f"v/<str:token>/devices/{DEVICE}dashboard/": shows(OPEN),
    f"v/<str:token>/devices/{DEVICE}series/": shows(OPEN),
    f"v/<str:token>/sites/{SITE}overview/": shows(OPEN),
}
# What asks for the password again before it shows anything answers with a way to it: 302.
SECOND_FACTOR = "account/second-factor/"
ACCOUNTS = {
    "password/": {name: May(PERSON) for name in FORM_VIEW},
    "account/": shows(PERSON),
    "account/sessions/end/": deed(PERSON),
    "account/sessions/<int:session_id>/end/": deed(PERSON, 404),
    # Asks for the password again for all but GET.
    "account/tokens/": {**form(PERSON, 302), "HEAD": May(PERSON, 302)},
    "account/tokens/<int:token_id>/revoke/": deed(MINE),
    "account/invitations/": form(STAFF, 404, 404),
    "account/invitations/<int:invitation_id>/revoke/": deed(STAFF, 404),
    "account/inactive/": shows(OPEN),
    "account/again/": {name: May(PERSON) for name in FORM_VIEW},
    SECOND_FACTOR: shows(PERSON),
    f"{SECOND_FACTOR}authenticate/": form(PERSON, 302, 302),
    f"{SECOND_FACTOR}reauthenticate/": form(PERSON, 302, 302),
    f"{SECOND_FACTOR}totp/activate/": form(PERSON, 302, 302),
    f"{SECOND_FACTOR}totp/deactivate/": form(PERSON, 404, 404),
    f"{SECOND_FACTOR}recovery-codes/": shows(PERSON, 404),
    f"{SECOND_FACTOR}recovery-codes/generate/": form(PERSON, 302, 302),
    f"{SECOND_FACTOR}recovery-codes/download/": form(PERSON, 404, 404),
    f"{SECOND_FACTOR}webauthn/": shows(PERSON),
    f"{SECOND_FACTOR}webauthn/add/": form(PERSON, 302, 302),
    f"{SECOND_FACTOR}webauthn/reauthenticate/": form(PERSON, 302, 302),
    f"{SECOND_FACTOR}webauthn/keys/<int:pk>/remove/": form(PERSON, 302, 302),
    f"{SECOND_FACTOR}webauthn/keys/<int:pk>/edit/": form(PERSON, 302, 302),
    f"{SECOND_FACTOR}webauthn/login/": form(PERSON, 302, 302),
    # Mail is not set up: these pages do not exist.
    **{
        route: {name: May(OPEN, 404) for name in ("GET", "POST", "PUT", "PATCH", "DELETE")}
        for route in (
            "account/email/",
            "account/email/sent/",
            "account/email/<key>/",
            "password/reset/",
            "password/reset/sent/",
            "password/reset/<uidb36>-<key>/",
            "password/reset/done/",
        )
    },
}
VERDICTS = {**{f"api/{route}": one for route, one in API.items()}, **PAGES, **ACCOUNTS}
# Answered before Django, by an endpoint with tests of its own: tests/ingest/test_endpoint.py.
BEFORE_DJANGO = {"/api/energy-data/"}
