"""Processes: which one is it, is it alive, and how it is started with few rights."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# From linux/prctl.h, linux/securebits.h and linux/capability.h.
_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True)
class Process:
    """A process that is told from a later one with the same number by its start."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The living process with this number, or None."""
        started = _start_mark(pid)
        return None if started is None else cls(pid, started)

    def is_alive(self) -> bool:
        """Whether this very process runs; one that has ended but was not reaped does not."""
        return _start_mark(self.pid) == self.started

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, seconds: float) -> bool:
        """Wait until the process has ended; return whether it did in time."""
        until = time.monotonic() + seconds
        while self.is_alive():
            # A child of ours stays in the table until it is reaped.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)
            if time.monotonic() > until:
                return not self.is_alive()
            time.sleep(0.02)
        return True

    def working_directory(self) -> Path | None:
        """The process's working directory, or None when it cannot be seen."""
        try:
            return Path(os.readlink(f"/proc/{self.pid}/cwd"))
        except OSError:
            pass
        import psutil

        try:
            return Path(psutil.Process(self.pid).cwd())
        except psutil.Error:
            return None


def _start_mark(pid: int) -> str | None:
    """What tells a process from another with the same number; None when it has ended.

    Linux: the machine's start and the ticks from there (field 22 of /proc/PID/stat), which no
    change of the clock moves. Elsewhere: the time at which the process started.
    """
    if sys.platform == "linux":
        try:
            line = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return None
        # The command's name may hold spaces and brackets; the fields begin after the last one.
        fields = line.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else f"{_boot_mark()}:{fields[19]}"
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return f"{process.create_time():.2f}"
    except psutil.Error:
        return None


def _boot_mark() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "boot"


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nothing listens at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_port_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@dataclass(frozen=True)
class Account:
    """The operating system's account that a server runs as.

    PostgreSQL refuses to run as root. When this process is root its servers run as an
    unprivileged account that owns their data, and nothing else is changed: rights of the folders
    above stay as they are. If those folders are closed to others (a project under /root), the
    server keeps one capability, to search folders and read files, and none to write.
    """

    uid: int
    gid: int
    switches: bool

    @classmethod
    def for_data(cls, folder: Path) -> Account:
        """The account for a server's data folder: its owner, or `nobody` when root starts anew."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), switches=False)
        if folder.exists() and folder.stat().st_uid != 0:
            found = folder.stat()
            return cls(found.st_uid, found.st_gid, switches=True)
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid, switches=True)

    def give(self, path: Path) -> None:
        """Make the account the owner of a file or folder."""
        if self.switches:
            os.chown(path, self.uid, self.gid)

    def can_reach(self, path: Path) -> bool:
        """Whether ordinary rights let the account pass every folder on the way to `path`."""
        return all(self._may_search(folder) for folder in path.resolve().parents)

    def _may_search(self, folder: Path) -> bool:
        found = folder.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)

    def becomes(self, *paths: Path) -> Callable[[], None] | None:
        """What a child process calls before it runs a program that needs these paths."""
        if not self.switches:
            return None
        searches = not all(self.can_reach(path) for path in paths)
        libc = ctypes.CDLL(None, use_errno=True)

        def switch() -> None:
            if searches:
                # Otherwise the change of account takes the capability away, and access(2), by
                # which PostgreSQL checks its own programs, does not see it.
                libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)
            if searches and not (
                _keep_only(libc, _CAP_DAC_READ_SEARCH) or _keep_only(libc, _CAP_DAC_OVERRIDE)
            ):
                _set_capabilities(libc, 0)
                os.write(2, b"The account of the server cannot pass the folders to its data.\n")

        return switch


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapabilityData(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


def _set_capabilities(libc: ctypes.CDLL, mask: int) -> bool:
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    data = (_CapabilityData * 2)(_CapabilityData(mask, mask, mask), _CapabilityData(0, 0, 0))
    return libc.capset(ctypes.byref(header), ctypes.byref(data)) == 0


def _keep_only(libc: ctypes.CDLL, capability: int) -> bool:
    """Keep one capability, and no other, over the start of a program."""
    return (
        _set_capabilities(libc, 1 << capability)
        and libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0
    )


def end_with_parent() -> None:
    """Ask the kernel to end this child when its parent is killed. Linux only; else does nothing.

    For `preexec_fn` of a process that the main thread starts.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def start_server(
    command: list[str | Path],
    *,
    account: Account,
    folder: Path,
    log: Path,
    standard_input: IO[bytes] | int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a server that lives in `folder` as `account`, writing what it says to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=standard_input,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=clean_environment(),
            preexec_fn=account.becomes(Path(command[0]), folder / "x"),
        )


def clean_environment() -> dict[str, str]:
    """A server's environment: a fixed locale and no PG* variable of the person at the keyboard."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "TMPDIR"}}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log, for an error message."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
