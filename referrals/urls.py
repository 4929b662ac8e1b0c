"""Addresses of referrals and consultations."""

from django.urls import path

from referrals import views

app_name = "referrals"
urlpatterns = [
    path("<slug:register>/", views.referral_list, name="list"),
    path("<slug:register>/refer/<int:membership>/", views.refer, name="refer"),
    path("<slug:register>/consult/<int:membership>/", views.consult, name="consult"),
    path("<slug:register>/<int:referral>/", views.detail, name="detail"),
    path("<slug:register>/<int:referral>/revoke/", views.revoke, name="revoke"),
    path("<slug:register>/<int:referral>/remove/", views.remove_referral, name="remove"),
    path(
        "<slug:register>/consultations/<int:consultation>/remove/",
        views.remove_consultation,
        name="remove_consultation",
    ),
]
