"""`make bench` at a small size: every measurement runs and says what it should. No times here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

BUDGETED = {
    "benchmark_1k",
    "benchmark_3k",
    "benchmark_filtered_1k",
    "benchmark_filtered_3k",
    "benchmark_growth",
    "dashboard_1k",
    "dashboard_growth",
    "selection",
    "selection_bare",
    "selection_queries",
    "question_page",
    "submit",
    "outbox",
    "kills",
    "import",
    "import_memory",
    "export_csv",
    "export_csv_memory",
    "scoring_sf36",
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What one small run wrote."""
    output: Path = tmp_path_factory.mktemp("bench") / "last.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--output", str(output)],
        cwd=settings.BASE_DIR,
        env={
            **{key: value for key, value in os.environ.items() if key != "DATABASE_URL"},
            "DATA_DIR": str(settings.DATA_DIR),
            "BENCH_SCALE": "quick",
        },
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(output.read_text(encoding="utf-8"))


def test_every_budget_is_measured(measured):
    assert measured.keys() >= BUDGETED


def test_each_result_says_what_was_measured_against_what(measured):
    for name, one in measured.items():
        assert one.keys() >= {"value", "reference", "ratio", "budget", "ok"}, name
        assert one["value"] > 0, name
        assert isinstance(one["ok"], bool), name
        if one["reference"] is not None:
            assert one["ratio"] == pytest.approx(one["value"] / one["reference"]), name
            assert one["against"], name


def test_no_message_is_lost_when_workers_are_killed(measured):
    """Five kills of real workers and an emptied broker; repetitions are counted where measured."""
    assert measured["kills"]["value"] == measured["kills"]["reference"] == 50
    assert "5 kills" in measured["kills"]["against"]


def test_a_wrong_name_says_which_there_are():
    done = subprocess.run(
        [sys.executable, "-m", "bench", "nonsense"],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "benchmark" in done.stderr
