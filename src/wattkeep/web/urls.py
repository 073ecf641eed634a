"""The pages' addresses."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from wattkeep.web.sharing_urls import urlpatterns as sharing_urls
from wattkeep.web.views import (
    accounts,
    accounts_security,
    accounts_tokens,
    boards,
    channels,
    dashboard,
    devices,
    energy,
    energy_mending,
    energy_why,
    history,
    incidents,
    insights,
    languages,
    mending,
    overview,
    reports,
    rules,
    sites,
)
from wattkeep.web.views.icons import favicon, manifest

app_name = "web"

urlpatterns = [
    path("", overview.home, name="home"),
    path("favicon.ico", favicon, name="favicon"),
    path("manifest.webmanifest", manifest, name="manifest"),
    path("language/", languages.choose, name="language"),
    path("login/", accounts.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("register/", accounts.register, name="register"),
    path("invited/<str:token>/", accounts.register, name="invited"),
    path("account/", accounts_security.security, name="security"),
    path("account/sessions/end/", accounts_security.sessions_end, name="sessions_end"),
    path(
        "account/sessions/<int:session_id>/end/",
        accounts_security.session_end,
        name="session_end",
    ),
    path("account/tokens/", accounts_tokens.tokens, name="tokens"),
    path(
        "account/tokens/<int:token_id>/revoke/", accounts_tokens.token_revoke, name="token_revoke"
    ),
    path("account/invitations/", accounts_tokens.invitations, name="invitations"),
    path(
        "account/invitations/<int:invitation_id>/revoke/",
        accounts_tokens.invitation_revoke,
        name="invitation_revoke",
    ),
    path("password/", accounts.PasswordChange.as_view(), name="password"),
    path("settings/", sites.settings, name="settings"),
    path("settings/storage/", sites.storage, name="storage"),
    path("energy/", energy.energy, name="energy"),
    path("energy/why/", energy_why.energy_why, name="energy_why"),
    path("energy/correct/", energy_mending.energy_correct, name="energy_correct"),
    path(
        "energy/corrections/<int:correction_id>/undo/",
        energy_mending.energy_undo,
        name="energy_undo",
    ),
    path("history/", history.history, name="history"),
    path("history/figures/", history.history_figures, name="history_figures"),
    path("insights/", insights.insights, name="insights"),
    path("insights/voltage/", insights.voltage, name="voltage"),
    path("devices/", devices.device_list, name="devices"),
    path("devices/add/", devices.device_add, name="device_add"),
    path("devices/<int:device_id>/", dashboard.device, name="device"),
    path("devices/<int:device_id>/edit/", devices.device_edit, name="device_edit"),
    path("devices/<int:device_id>/board/", boards.board, name="board"),
    path("firmware/", boards.releases, name="releases"),
    path("devices/<int:device_id>/key/", devices.device_key, name="device_key"),
    path("devices/<int:device_id>/check/", devices.device_check, name="device_check"),
    path("devices/<int:device_id>/delete/", mending.device_delete, name="device_delete"),
    path("devices/<int:device_id>/swap/", mending.device_swap, name="device_swap"),
    path(
        "devices/<int:device_id>/corrections/",
        mending.device_corrections,
        name="device_corrections",
    ),
    path(
        "devices/<int:device_id>/corrections/<int:correction_id>/undo/",
        mending.correction_undo,
        name="correction_undo",
    ),
    path("alerts/", incidents.incident_list, name="alerts"),
    path("alerts/<int:alert_id>/", incidents.incident, name="alert"),
    path("alerts/<int:alert_id>/act/", incidents.incident_act, name="alert_act"),
    path(
        "alerts/undelivered/<int:notification_id>/",
        incidents.undelivered_act,
        name="undelivered_act",
    ),
    path("alerts/rules/", rules.rule_list, name="rules"),
    path("alerts/rules/add/", rules.rule_add, name="rule_add"),
    path("alerts/rules/<int:rule_id>/", rules.rule_edit, name="rule_edit"),
    path("alerts/rules/<int:rule_id>/switch/", rules.rule_switch, name="rule_switch"),
    path("alerts/channels/", channels.channel_list, name="channels"),
    path("alerts/channels/add/<slug:way>/", channels.channel_add, name="channel_add"),
    path("alerts/channels/<int:channel_id>/", channels.channel_edit, name="channel_edit"),
    path("alerts/channels/<int:channel_id>/act/", channels.channel_act, name="channel_act"),
    path("alerts/reports/", reports.report, name="report"),
    path("alerts/reports/mail/", reports.report_mail, name="report_mail"),
    path("alerts/reports/send/", reports.report_send, name="report_send"),
    path("l/<str:token>/", incidents.link, name="link"),
    *sharing_urls,
]
