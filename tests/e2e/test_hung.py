# SPDX-License-Identifier: Apache-2.0
"""Processes that keep whoever looks at them waiting (tests/targets/hangs.c): what they get is their own."""
import contextlib
import subprocess
import time
from pathlib import Path

import daemon
import pytest
import users
from daemon import Daemon

import probe

HANGS = probe.TARGETS / "hangs"


@contextlib.contextmanager
def hanging(uid, how):
    """The process, which holds nothing yet."""
    popen = subprocess.Popen([HANGS, str(uid), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert popen.stdout.readline() == b"ready\n", "it may not mount a file system of its own"
        yield popen
    finally:
        popen.stdin.close()
        popen.kill()
        popen.wait()
        popen.stdout.close()


def hold(popen):
    popen.stdin.write(b"x")
    popen.stdin.flush()
    look = ["/usr/bin/timeout", "-s", "KILL", "0.5", "/bin/cat", f"/proc/{popen.pid}/maps"]
    probe.wait_for(lambda: probe.run(*look).code != 0, 20, "it to hold")


@pytest.fixture
def server(tmp_path):
    tmp_path.chmod(0o755)
    with Daemon(tmp_path) as running:
        yield running
        assert running.answers()


@pytest.mark.skipif("\tfuse\n" not in Path("/proc/filesystems").read_text(), reason="a kernel without FUSE")
@pytest.mark.parametrize("how, asker", [("maps", 0), ("exec", users.ME)])
def test_target_that_holds_its_locks(server, how, asker):
    """Whoever records it is told so in one line, and others are served."""
    with hanging(users.ME, how) as popen, \
            users.target(users.OTHER, probe.TARGETS / "threads", 60) as other:
        hold(popen)
        with daemon.Client(server.path, connected=users.connection(server.path, asker)) as client:
            client.record(popen.pid)
            failed = daemon.fields(client.receive()[daemon.FAILED])
        assert b"waiting" in failed[2] and str(popen.pid).encode() in failed[2], failed
        times = []
        for _ in range(5):
            begin = time.monotonic()
            assert server.answers()
            times.append(time.monotonic() - begin)
        assert min(times) < 1, times
        for uid, target in ((0, ["-a"]), (users.OTHER, ["-p", other.pid])):
            result = users.run(uid, probe.BUILD / "probe", "list", socket_path=server.path)
            assert result.code == 0 and str(other.pid) in result.out.split(), result
            result = users.run(uid, probe.BUILD / "probe", "record", *target, "-o", "-", "0.3s", socket_path=server.path,
                               text=False)
            assert result.code == 0, result.err
