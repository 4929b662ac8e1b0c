"""Addresses that patients see: a link with a token, exchanged for clean ones."""

from django.urls import path

from proms.views import answer, stopping

app_name = "answer"
urlpatterns = [
    path("form/", answer.start, name="start"),
    path("form/<int:number>/", answer.question, name="question"),
    path("form/who/", answer.who, name="who"),
    path("form/review/", answer.review, name="review"),
    path("form/send/", answer.send, name="send"),
    path("form/thanks/", answer.thanks, name="thanks"),
    path("language/", answer.change_language, name="language"),
    path("sent/", answer.new_link_sent, name="new_link_sent"),
    path("<str:token>/", answer.link, name="link"),
    path("<str:token>/stop/", stopping.stop, name="stop"),
    path("<str:token>/new/", answer.new_link, name="new_link"),
]
