"""Addresses of operations."""

from django.urls import path

from procedures import views

app_name = "procedures"
urlpatterns = [
    path("<slug:register>/", views.operation_list, name="list"),
    path("<slug:register>/plan/<int:membership>/", views.plan, name="plan"),
    path("<slug:register>/register/<int:membership>/", views.register_performed, name="register"),
    path("<slug:register>/<int:operation>/", views.detail, name="detail"),
    path("<slug:register>/<int:operation>/perform/", views.perform, name="perform"),
    path("<slug:register>/<int:operation>/correct/", views.correct, name="correct"),
    path("<slug:register>/<int:operation>/result/", views.result, name="result"),
    path("<slug:register>/<int:operation>/reschedule/", views.reschedule, name="reschedule"),
    path("<slug:register>/<int:operation>/cancel/", views.cancel, name="cancel"),
    path("<slug:register>/<int:operation>/withdraw/", views.withdraw, name="withdraw"),
]
