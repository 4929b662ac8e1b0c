"""The house keeps its layers: imports, model relations, events, rooms."""

import subprocess
import sys
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models.signals import ModelSignal

from registry.core import events

# Bottom to top; a later one may know an earlier one.
LAYERS = [
    "core",
    "units",
    "accounts",
    "audit",
    "registers",
    "messaging",
    "jobs",
    "patients",
    "referrals",
    "procedures",
    "proms",
    "reports",
    "demo",
]
ROOT = Path(settings.BASE_DIR)
ROOMS = [ROOT / name for name in ("registry", "patients", "referrals", "procedures", "proms")]


def test_imports_follow_the_layers():
    run = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_model_relation_points_down_or_stays():
    wrong = []
    for model in apps.get_models(include_auto_created=True):
        label = model._meta.app_label
        if label not in LAYERS:
            continue
        for field in model._meta.get_fields(include_hidden=True):
            if not isinstance(field, models.ForeignKey | models.ManyToManyField):
                continue
            target = field.related_model._meta.app_label
            if target in LAYERS and LAYERS.index(target) > LAYERS.index(label):
                wrong.append(f"{model._meta.label}.{field.name} → {target}")
    assert wrong == []


def test_no_django_signals_connect_our_apps():
    from django.db.models import signals

    ours = []
    for name in dir(signals):
        signal = getattr(signals, name)
        if isinstance(signal, ModelSignal):
            for receiver in signal.receivers:
                function = receiver[1]() if callable(receiver[1]) else receiver[1]
                module = getattr(function, "__module__", "") or ""
                if module.split(".")[0] in {"registry", *LAYERS}:
                    ours.append(f"{name}: {module}")
    assert ours == []


def test_no_room_is_called_common_or_utils():
    forbidden = {"utils.py", "helpers.py", "common.py", "misc.py"}
    found = [
        str(path.relative_to(ROOT))
        for app in [*ROOMS, ROOT / "reports", ROOT / "demo"]
        for path in app.rglob("*.py")
        if path.name in forbidden
    ]
    assert found == []


def test_subscribers_live_above_what_they_hear():
    for event_type, handlers in events.subscriptions().items():
        source = _layer_of(event_type.__module__)
        for handler in handlers:
            assert _layer_of(handler.__module__) >= source, (event_type, handler)


def _layer_of(module: str) -> int:
    parts = module.split(".")
    return LAYERS.index(parts[1] if parts[0] == "registry" else parts[0])
