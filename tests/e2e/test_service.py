# SPDX-License-Identifier: Apache-2.0
"""The daemon as a service: configuration, limits, what it tells the service manager and the journal."""
import contextlib
import os
import re
import signal
import socket
import subprocess

import pytest
import users
from daemon import Daemon
from users import ME

import probe


def check(path):
    return probe.run(probe.BUILD / "probed", "--check", "--config", path)


def test_check(tmp_path):
    path = tmp_path / "probed.conf"
    path.write_text("[limits]\nfrequency = 500\n")
    (tmp_path / "probed.conf.d").mkdir()
    (tmp_path / "probed.conf.d/10-site.conf").write_text("[access]\nwho = root\n")
    result = check(path)
    assert result.code == 0 and "frequency = 500\n" in result.out and "who = root\n" in result.out, result
    path.write_text("[limits]\nfrequency = 500\nfrequenzy = 3\n")
    result = check(path)
    assert result.code == 2 and result.err == f"probed: {path}:3: [limits] has no frequenzy\n", result
    assert check(tmp_path / "none").code == 2


def test_words_that_are_no_options():
    """By the program's short name, and with what can be done."""
    for word, words in {"--sockte": "no option --sockte", "--config": "no value after --config", "start": "not start"}.items():
        result = probe.run(probe.BUILD / "probed", word)
        assert result.code == 2 and result.err.startswith("probed: ") and words in result.err and result.hint, result


@pytest.fixture
def place(tmp_path):
    tmp_path.chmod(0o755)
    return tmp_path


def record_as_user(server, pid, *args):
    return users.run(ME, probe.BUILD / "probe", "record", "-p", pid, "-o", "-", *args, "200ms", cwd="/",
                     socket_path=server.path, text=False)


def test_limits_and_reload(place):
    """What the administrator allows holds for who asks after it was read."""
    with Daemon(place, config="[limits]\nfrequency = 500\n") as server, users.target(
            ME, probe.TARGETS / "shares", 60) as target:
        assert record_as_user(server, target.pid, "-F", 500).code == 0
        result = record_as_user(server, target.pid, "-F", 501)
        assert f"uid {ME} (PID ".encode() in read_until(server, b"was refused: 501 Hz")
        assert result.code == 4 and b"501 Hz is more than the 500 Hz allowed here" in result.err, result
        assert record_as_user(server, target.pid, "-F", "max").code == 0
        server.config.write_text("[access]\nwho = root\n[limits]\nrecordings = 1\noff_cpu = no\n")
        os.kill(server.pid, signal.SIGHUP)
        read_until(server, b"the configuration was read again")
        result = record_as_user(server, target.pid, "-F", 99)
        assert result.code == 4 and f"uid {ME} may not use this daemon".encode() in result.err, result
        result = server.record("-p", target.pid, "--mode", "off", "-o", place / "x.pb.gz", "200ms")
        assert result.code == 4 and "--mode cpu" in result.hint, result
        with server.client() as client:
            client.record(target.pid)
            client.receive()
            result = server.record("-p", target.pid, "-o", place / "x.pb.gz", "--mode", "cpu", "200ms")
            assert result.code == 1 and "1 recordings are running already" in result.err, result
        server.config.write_text("[limits]\nrecordings = many\n")
        os.kill(server.pid, signal.SIGHUP)
        assert f"{server.config}:2: recordings is a number".encode() in read_until(server, b"stays as it was")
        assert server.stop()[0] == 0


def test_what_a_recording_may_hold(place):
    """With ever new stacks it ends before its time, with what it has, and says why."""
    with Daemon(place, config="[limits]\nrecording_mb = 1\n") as server, users.target(
            ME, probe.TARGETS / "paths", 100) as target:
        result = users.run(ME, probe.BUILD / "probe", "record", "-p", target.pid, "-o", "-", "-F", "max", "60s", cwd="/",
                           socket_path=server.path, text=False)
        assert result.code == 0 and b"1 MB, all that it may" in result.err, result.err


def read_until(server, text):
    """The daemon's stderr up to a line with this text."""
    said = b""
    while text not in said:
        line = server.popen.stderr.readline()
        assert line, said
        said += line
    return said


@contextlib.contextmanager
def manager(directory):
    """Where a service manager listens; yields a function that waits for a message."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(directory / "notify"))

        def wait_for(pattern, seconds=30):
            notified.settimeout(seconds)
            while True:
                message = notified.recv(4096).decode()
                if re.search(pattern, message):
                    return message

        yield wait_for


def test_service_manager_is_told(place):
    with manager(place) as wait_for, Daemon(place, NOTIFY_SOCKET=str(place / "notify"), WATCHDOG_USEC="400000") as server:
        wait_for("^READY=1$")
        assert "STATUS=0 recordings" in wait_for("^WATCHDOG=1")
        os.kill(server.pid, signal.SIGHUP)
        assert re.search(r"MONOTONIC_USEC=\d+", wait_for("^RELOADING=1"))
        wait_for("^READY=1$")
        with probe.target("shares", 30) as target, server.client() as client:
            client.record(target.pid)
            client.receive()
            wait_for("STATUS=1 recordings")
        # Nobody tells for a loop that hangs: what comes after the stop was under way.
        engine = server.engine()
        os.kill(engine, signal.SIGSTOP)
        try:
            with pytest.raises(TimeoutError):
                for _ in range(3):
                    wait_for("WATCHDOG=1", 2)
        finally:
            os.kill(engine, signal.SIGCONT)
        wait_for("WATCHDOG=1")


def test_lines_for_the_journal_have_priorities(place):
    """Where stderr is the journal, which JOURNAL_STREAM names by device and inode."""
    read, write = os.pipe()
    stat = os.fstat(write)
    with os.fdopen(read, "rb") as lines:
        code = subprocess.call([probe.BUILD / "probed", "--check", "--config", place / "none"], stderr=write,
                               env=probe.environment(JOURNAL_STREAM=f"{stat.st_dev}:{stat.st_ino}"))
        os.close(write)
        assert code == 2
        assert lines.readline().startswith(b"<4>probed: cannot open")
