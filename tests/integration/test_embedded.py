"""The embedded servers: shared, private, recovered, and gone when told."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from registry.embedded import EmbeddedServicesError, ensure_running, running, stop
from registry.embedded.processes import Account, Process
from registry.embedded.run import run

PROJECT = Path(__file__).resolve().parents[2]
CLIENT = """
import sys, time
from pathlib import Path
from registry.embedded import ensure_running
print(ensure_running(Path(sys.argv[1])).owner_database_url, flush=True)
time.sleep(float(sys.argv[2]))
"""


def start_client(data_dir, *, stays=0.0):
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(data_dir), str(stays)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )


def processes_of(data_dir):
    """Every living process, but this one, that names the folder or works in it."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "cwd", "status"]):
        about = " ".join([*(process.info["cmdline"] or []), "in", process.info["cwd"] or "?"])
        if str(data_dir) in about and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append((process.pid, about[:300]))
    return [entry for entry in found if entry[0] != os.getpid()]


def wait_until(condition, seconds=15):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def empty_dir(tmp_path):
    """A data directory that does not exist yet, below a folder that is closed to others."""
    folder = tmp_path / "closed" / "data"
    folder.parent.mkdir(mode=0o700)
    yield folder
    stop(folder)


@pytest.fixture(scope="module")
def used_dir(tmp_path_factory):
    """A data directory whose servers ran once, to be copied: making a cluster takes a second."""
    folder = tmp_path_factory.mktemp("used") / "data"
    ensure_running(folder)
    stop(folder)
    return folder


@pytest.fixture
def data_dir(empty_dir, used_dir):
    subprocess.run(["cp", "-a", str(used_dir), str(empty_dir)], check=True)
    return empty_dir


def test_two_processes_that_start_at_once_share_the_servers(empty_dir):
    clients = [start_client(empty_dir) for _ in range(2)]
    urls = {client.communicate(timeout=120)[0] for client in clients}

    assert len(urls) == 1
    assert len([c for _, c in processes_of(empty_dir) if "registry.embedded.supervisor" in c]) == 1
    assert ensure_running(empty_dir).owner_database_url in urls.pop()


def test_files_are_private_and_the_folder_above_is_left_alone(empty_dir):
    above = [(folder, folder.stat()) for folder in empty_dir.parents]
    services = ensure_running(empty_dir)

    for folder, before in above:
        now = folder.stat()
        assert (now.st_mode, now.st_uid, now.st_gid) == (
            before.st_mode,
            before.st_uid,
            before.st_gid,
        ), folder
    for name in ("services.json", "passwords.json"):
        assert stat.S_IMODE((empty_dir / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((empty_dir / "postgres").stat().st_mode) == 0o700
    commands = " ".join(command for _, command in processes_of(empty_dir))
    assert "postgres" in commands
    assert "valkey" in commands
    assert services.passwords.owner not in commands
    assert services.passwords.valkey not in commands


def test_servers_listen_on_this_machine_only_and_never_as_root(data_dir):
    services = ensure_running(data_dir)
    for server in (services.postgres, services.valkey):
        process = psutil.Process(server.pid)
        assert process.uids().effective != 0
        assert {c.laddr.ip for c in process.net_connections("tcp") if c.status == "LISTEN"} == {
            "127.0.0.1"
        }


def test_roles_sort_order_and_durability(data_dir):
    services = ensure_running(data_dir)
    with (
        psycopg.connect(services.database_url) as application,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        application.execute("CREATE TABLE mine (i int)")
    with psycopg.connect(services.owner_database_url) as owner:
        assert owner.execute("SHOW fsync").fetchone() == ("on",)
        assert owner.execute("SHOW synchronous_commit").fetchone() == ("on",)
        assert owner.execute(
            "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = current_database()"
        ).fetchone() == ("b", "C.UTF-8")
        for extension in ("pg_trgm", "unaccent", "btree_gist"):
            owner.execute(f"CREATE EXTENSION {extension}")


def test_a_call_costs_nothing_when_the_servers_run(data_dir):
    ensure_running(data_dir)
    began = time.perf_counter()
    for _ in range(10):
        ensure_running(data_dir)
    assert (time.perf_counter() - began) / 10 < 0.02


def test_data_survive_a_restart(data_dir):
    with psycopg.connect(ensure_running(data_dir).owner_database_url) as owner:
        owner.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert stop(data_dir)
    assert running(data_dir) is None
    with psycopg.connect(ensure_running(data_dir).owner_database_url) as owner:
        assert owner.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_killed_client_leaves_servers_that_stop_ends(data_dir):
    client = start_client(data_dir, stays=600)
    assert client.stdout.readline().startswith("postgresql://")
    client.kill()
    client.wait()

    assert running(data_dir) is not None
    assert stop(data_dir)
    assert processes_of(data_dir) == []
    assert not (data_dir / "services.json").exists()
    assert not stop(data_dir)


def test_a_client_killed_while_it_starts_them_leaves_no_orphan(empty_dir):
    client = start_client(empty_dir, stays=600)
    wait_until(lambda: (empty_dir / "supervisor.lock").exists())
    client.kill()
    client.wait()

    stop(empty_dir)
    assert processes_of(empty_dir) == []


def test_the_servers_of_a_killed_supervisor_are_taken_over(data_dir):
    before = ensure_running(data_dir)
    os.kill(before.supervisor.pid, signal.SIGKILL)
    wait_until(lambda: not before.supervisor.is_alive())
    with psycopg.connect(before.owner_database_url) as still_open:
        after = ensure_running(data_dir)
        assert still_open.execute("SELECT 1").fetchone() == (1,)

    assert after.supervisor != before.supervisor
    assert (after.postgres, after.valkey) == (before.postgres, before.valkey)


def test_everything_killed_starts_again_where_it_was(data_dir):
    before = ensure_running(data_dir)
    with psycopg.connect(before.owner_database_url) as owner:
        owner.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    killed = (before.supervisor, before.postgres.process, before.valkey.process)
    for process in killed:
        os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not any(process.is_alive() for process in killed))

    after = ensure_running(data_dir)
    assert after.owner_database_url == before.owner_database_url
    with psycopg.connect(after.owner_database_url) as owner:
        assert owner.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_stop_ends_what_a_killed_supervisor_left(data_dir):
    services = ensure_running(data_dir)
    os.kill(services.supervisor.pid, signal.SIGKILL)
    wait_until(lambda: not services.supervisor.is_alive())

    assert stop(data_dir)
    assert not services.postgres.process.is_alive()
    assert not services.valkey.process.is_alive()


def test_a_removed_data_directory_takes_its_servers_with_it(data_dir):
    services = ensure_running(data_dir)
    shutil.rmtree(data_dir)
    wait_until(
        lambda: not (services.postgres.process.is_alive() or services.valkey.process.is_alive())
    )
    wait_until(lambda: not services.supervisor.is_alive())


def test_a_lock_file_that_names_another_process_is_no_obstacle(data_dir):
    ensure_running(data_dir)
    stop(data_dir)
    # As after a restart of the machine: the number now belongs to somebody else.
    (data_dir / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\nx\n1\n1\n")
    assert ensure_running(data_dir).are_alive()


def test_lost_passwords_are_an_error_that_says_what_to_do(data_dir):
    ensure_running(data_dir)
    stop(data_dir)
    kept = (data_dir / "passwords.json").rename(data_dir / "aside")
    with pytest.raises(
        EmbeddedServicesError, match=r"passwords\.json is missing.*Put the file back"
    ):
        ensure_running(data_dir)
    kept.rename(data_dir / "passwords.json")
    assert ensure_running(data_dir).are_alive()


@contextlib.contextmanager
def run_on(data_dir, *command):
    """`registry.embedded run --stop-always -- COMMAND` in a process of its own."""
    runner = subprocess.Popen(
        [
            *(sys.executable, "-m", "registry.embedded", "--data-dir", str(data_dir)),
            *("run", "--stop-always", "--", *command),
        ],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        env={k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}},
    )
    try:
        yield runner
    finally:
        runner.kill()
        runner.communicate()


def test_run_passes_signals_on_and_stops_the_servers_after_the_command(data_dir):
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "print('up', flush=True)\n"
        "time.sleep(600)\n"
    )
    with run_on(data_dir, sys.executable, "-c", script) as runner:
        while runner.stdout.readline().strip() != "up":
            assert runner.poll() is None
        assert running(data_dir) is not None
        with pytest.raises(EmbeddedServicesError, match="already"):
            run(data_dir, ["true"], stop_always=True)
        runner.terminate()

        assert runner.wait(timeout=60) == 7
        assert processes_of(data_dir) == []


def test_stop_ends_a_demo_that_runs_elsewhere(data_dir):
    with run_on(data_dir, "sleep", "600") as runner:
        wait_until(lambda: running(data_dir) is not None, seconds=60)
        stop(data_dir)

        runner.wait(timeout=10)
        assert processes_of(data_dir) == []


def test_a_process_is_not_taken_for_a_later_one_with_its_number():
    me = Process.of(os.getpid())
    assert me.is_alive()
    assert not Process(me.pid, me.started + "0").is_alive()
    child = subprocess.Popen(["true"])
    once = Process.of(child.pid)
    wait_until(lambda: once is None or not once.is_alive())  # a zombie is not alive
    child.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another account")
def test_account_reaches_only_what_its_rights_allow(tmp_path):
    nobody = Account.for_data(tmp_path / "absent")
    assert nobody.switches
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert not nobody.can_reach(closed / "x")
    assert nobody.can_reach(Path("/usr/bin/env"))
