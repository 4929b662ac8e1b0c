"""Every address of the registry. Wiring only; the pages are in the apps."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from registry.accounts.views import set_language
from registry.core import views

urlpatterns = [
    path("", views.home, name="home"),
    path("home/<slug:register>/", views.home, name="home_of"),
    path("choose-register", views.choose_register, name="choose_register"),
    path("healthz", views.health, name="health"),
    path("language", set_language, name="set_language"),
    path("accounts/", include("registry.accounts.urls")),
    path("patients/", include("patients.urls")),
    path("referrals/", include("referrals.urls")),
    path("operations/", include("procedures.urls")),
    path("follow-up/", include("proms.urls")),
    # What patients see: the short path is scrubbed from every log.
    path("q/", include("proms.patient_urls")),
    path("reports/", include("reports.urls")),
    path("administration/", include("registry.registers.urls")),
    path("jobs/", include("registry.jobs.urls")),
    path("api/v1/", include("registry.api")),
    path("technical/", admin.site.urls),
]
if settings.DEMO:
    urlpatterns.append(path("demo/", include("demo.urls")))
if settings.DEMO or settings.DEBUG:
    urlpatterns.append(path("gallery/", views.gallery, name="gallery"))
