"""`make demo` from start to Ctrl-C: everything runs, everything goes, nothing is lost."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import psycopg
import pytest

from registry.embedded import ensure_running, running, stop
from registry.embedded.processes import free_port

PROJECT = Path(__file__).resolve().parents[2]


def processes_of(data_dir):
    """Every living process that was started on this data directory or works in it."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        about = " ".join([*(process.info["cmdline"] or []), "in", process.info["cwd"] or "?"])
        try:
            mine = process.environ().get("DATA_DIR") == str(data_dir) or str(data_dir) in about
        except psutil.Error:
            continue
        if mine and process.pid != os.getpid() and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(about)
    return found


def start_demo(data_dir, port):
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "REDIS_URL", "REGISTRY_DATABASE_ROLE"}
    }
    demo = subprocess.Popen(
        [
            *(sys.executable, "-m", "registry.embedded", "run", "--stop-always", "--"),
            *(sys.executable, "manage.py", "run_demo", "--empty", "--port", str(port)),
        ],
        cwd=PROJECT,
        env={**environment, "DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    for line in demo.stdout:
        said.append(line)
        if "Ctrl-C" in line:
            return demo
    raise AssertionError("".join(said))


def interrupt(demo):
    """Press Ctrl-C; return what it said until its end, and its exit code."""
    demo.send_signal(signal.SIGINT)
    said, _ = demo.communicate(timeout=120)
    return said, demo.returncode


@pytest.fixture
def data_dir(tmp_path):
    yield tmp_path / "data"
    stop(tmp_path / "data")  # ends a demo that a failed test has left, too


def test_demo_serves_stops_in_order_and_starts_again_with_its_data(data_dir):
    port = free_port()
    demo = start_demo(data_dir, port)
    for address in ("healthz", "demo/mailbox"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{address}", timeout=30) as answer:
            assert answer.status == 200
    running_now = " ".join(processes_of(data_dir))
    for part in ("gunicorn", " worker ", " beat ", "valkey-server", "bin/postgres"):
        assert part in running_now
    with psycopg.connect(running(data_dir).owner_database_url) as owner:
        owner.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    said, code = interrupt(demo)

    assert code == 0
    order = [said.index(f"Stopping {name}") for name in ("web", "beat", "worker", "Valkey and Po")]
    assert order == sorted(order)
    assert processes_of(data_dir) == []
    with psycopg.connect(ensure_running(data_dir).owner_database_url) as owner:
        assert owner.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_taken_port_is_said_before_anything_is_done(data_dir):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AssertionError, match=rf"Port {port} is taken.*PORT={port + 1}"):
            start_demo(data_dir, port)
    time.sleep(0.5)
    assert processes_of(data_dir) == []
