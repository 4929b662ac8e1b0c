"""Addresses of following up, for staff."""

from django.urls import path, re_path

from proms.views import calling, correcting, entry, paper, rates, staff, wordings

app_name = "proms"
urlpatterns = [
    path("<slug:register>/", staff.worklist, name="worklist"),
    path("<slug:register>/forms/", entry.find, name="find_form"),
    re_path(
        r"^(?P<register>[-\w]+)/invitations/(?P<invitation>\d+)/enter/"
        r"(?P<method>paper|telephone)/$",
        entry.enter,
        name="enter",
    ),
    path("<slug:register>/invitations/<int:invitation>/compare/", entry.compare, name="compare"),
    path(
        "<slug:register>/invitations/<int:invitation>/discard/",
        entry.discard,
        name="discard_entries",
    ),
    path("<slug:register>/letters/", paper.letters, name="letters"),
    path("<slug:register>/invitations/<int:invitation>/print/", paper.print_one, name="print"),
    path("<slug:register>/questionnaires/", wordings.questionnaires, name="questionnaires"),
    path("<slug:register>/telephone/", calling.telephone, name="telephone"),
    path("<slug:register>/invitations/<int:invitation>/call/", calling.log_call, name="log_call"),
    path(
        "<slug:register>/invitations/<int:invitation>/calls/void/",
        calling.void_call,
        name="void_call",
    ),
    path(
        "<slug:register>/invitations/<int:invitation>/undo-decline/",
        staff.undo_decline,
        name="undo_decline",
    ),
    path("<slug:register>/rates/", rates.rates, name="rates"),
    path("<slug:register>/calendar/", rates.calendar, name="calendar"),
    path("<slug:register>/patients/<int:membership>/invite/", staff.invite, name="invite"),
    path(
        "<slug:register>/invitations/<int:invitation>/telephone/",
        staff.by_telephone,
        name="by_telephone",
    ),
    path(
        "<slug:register>/invitations/<int:invitation>/answers/",
        correcting.correct,
        name="correct",
    ),
    re_path(
        r"^(?P<register>[-\w]+)/invitations/(?P<invitation>\d+)/"
        r"(?P<what>send|new-link|decline|unreachable)/$",
        staff.act,
        name="act",
    ),
]
