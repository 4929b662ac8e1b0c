"""Login, logout, password and second factor; nobody signs up."""

from allauth.account import views
from django.urls import include, path, re_path

from registry.accounts.views import account, revoke_token, tokens

urlpatterns = [
    path("", account, name="account"),
    path("tokens/", tokens, name="api_tokens"),
    path("tokens/<int:token_id>/revoke/", revoke_token, name="revoke_api_token"),
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/set/", views.password_set, name="account_set_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    # The key has hyphens too; a plain <uidb36>-<key> would split at the last one.
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("second-factor/", include("allauth.mfa.urls")),
]
