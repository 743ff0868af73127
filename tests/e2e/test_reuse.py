# SPDX-License-Identifier: Apache-2.0
"""A PID that is another process's by now: nothing of that one, whoever asks, however soon it came."""
import contextlib
import ctypes
import os
import signal
import subprocess

import daemon
import pytest
import users
from daemon import Daemon
from users import LIBC, ME

import probe

SYS_CLONE3 = 435
SHARES, THREADS = probe.TARGETS / "shares", probe.TARGETS / "threads"


def start(uid, program, pid=0):
    """A child of ours that runs it as uid, with that PID. Killed and reaped by end()."""
    with users.by_fd(program) as (paths, _):
        number = ctypes.c_int(pid)
        # struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack (two), tls, set_tid (two), cgroup
        args = (ctypes.c_uint64 * 11)()
        args[4] = signal.SIGCHLD
        if pid:
            args[8], args[9] = ctypes.addressof(number), 1
        child = LIBC.syscall(SYS_CLONE3, args, ctypes.sizeof(args))
        if child == 0:
            try:
                null = os.open("/dev/null", os.O_RDWR)
                for fd in range(3):
                    os.dup2(null, fd)
                users.become(uid)
                os.execv(paths[0], [program.name, "60"])
            finally:
                os._exit(99)
        assert child > 0, os.strerror(ctypes.get_errno())
        probe.wait_for(lambda: os.readlink(f"/proc/{child}/exe") == str(program), 10, program.name)
    return child


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@contextlib.contextmanager
def ended_in_the_end(pids):
    try:
        yield
    finally:
        for pid in pids:
            end(pid)


@pytest.fixture
def server(tmp_path):
    tmp_path.chmod(0o755)
    with Daemon(tmp_path) as running:
        yield running


@pytest.mark.parametrize("uid", [ME, 0])
def test_while_it_is_recorded(server, tmp_path, uid):
    """Of five processes four end, and each number is the next one's at once; the same user's."""
    pids = [start(ME, SHARES) for _ in range(5)]
    out = tmp_path / "p.pb.gz"
    with ended_in_the_end(pids), open(out, "wb") as file, users.by_fd(probe.BUILD / "probe", tmp_path) as (paths, fds):
        recording = subprocess.Popen(
            [paths[0], "record", "-F", "1999", "-o", "-", "-p", ",".join(map(str, pids))], stdout=file, pass_fds=fds,
            env=probe.environment(PROBE_SOCKET=f"{paths[1]}/{server.path.name}"), cwd="/", stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL, preexec_fn=lambda: users.become(uid))
        assert b"Profiling" in recording.stderr.readline()
        for i, pid in enumerate(pids[1:], 1):
            end(pid)
            pids[i] = start(ME, THREADS, pid)
            assert pids[i] == pid
        ran = [probe.cpu_ns(pid) for pid in pids[1:]]
        probe.wait_for(lambda: all(probe.cpu_ns(p) > r + 5e7 for p, r in zip(pids[1:], ran)), 30, "them to run")
        recording.send_signal(signal.SIGINT)
        err = recording.communicate(timeout=60)[1].decode()
    assert recording.returncode == 0, err
    profile = probe.Profile(out)
    profile.info.assert_reconciled()
    assert profile.cum("share_half") > 20
    assert not any(f.function.startswith("worker_") or f.module.endswith("/threads")
                   for s in profile.samples for f in s.frames), sorted(profile.names())
    assert not [t for t in profile.info.thread if t.get(3, b"").startswith((b"threads", b"worker"))]


def test_before_it_is_recorded(server):
    """The client's pidfd is of the one that has ended."""
    pid = start(ME, SHARES)
    pidfd = os.pidfd_open(pid)
    end(pid)
    again = start(ME, THREADS, pid)
    with ended_in_the_end([again]), server.client() as client:
        client.record(pid, pidfd=pidfd)
        failed = daemon.fields(client.receive()[daemon.FAILED])
        assert (failed[1], failed[2].decode()) == (3, f"no process with PID {pid}")
    os.close(pidfd)
