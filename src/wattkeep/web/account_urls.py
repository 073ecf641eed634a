"""allauth's pages: their names are its own, their addresses ours.

Registration is not among them, and neither is a way in without our throttles.
"""

from allauth.account import views
from django.urls import include, path, re_path

from wattkeep.web.views.accounts import Login, PasswordChange, register
from wattkeep.web.views.accounts_security import needs_mail, security

urlpatterns = [
    # Known to allauth by these names; `web/urls.py` has them first.
    path("login/", Login.as_view(), name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("register/", register, name="account_signup"),
    path("password/", PasswordChange.as_view(), name="account_change_password"),
    path("account/", security, name="usersessions_list"),
    path("account/inactive/", views.account_inactive, name="account_inactive"),
    path("account/again/", views.reauthenticate, name="account_reauthenticate"),
    path("account/email/", needs_mail(views.email), name="account_email"),
    path(
        "account/email/sent/",
        needs_mail(views.email_verification_sent),
        name="account_email_verification_sent",
    ),
    re_path(
        r"^account/email/(?P<key>[-:\w]+)/$",
        needs_mail(views.confirm_email),
        name="account_confirm_email",
    ),
    path("password/reset/", needs_mail(views.password_reset), name="account_reset_password"),
    path(
        "password/reset/sent/",
        needs_mail(views.password_reset_done),
        name="account_reset_password_done",
    ),
    re_path(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        needs_mail(views.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/done/",
        needs_mail(views.password_reset_from_key_done),
        name="account_reset_password_from_key_done",
    ),
    path("account/second-factor/", include("allauth.mfa.urls")),
]
