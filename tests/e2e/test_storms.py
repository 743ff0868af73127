# SPDX-License-Identifier: Apache-2.0
"""Clients that misbehave, one kind a test; meanwhile a normal client is served, in time."""
import contextlib
import os
import resource
import signal
import socket
import struct
import time

import daemon
import pytest
from daemon import Daemon

import probe
import users


@pytest.fixture
def server(tmp_path):
    with Daemon(tmp_path) as running:
        yield running
        assert running.popen.poll() is None, "the daemon has ended"
        assert running.answers()


@pytest.fixture(autouse=True)
def many_fds():
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, limits[1]), limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def asked(server, n=300):
    """Seconds that `n` normal clients waited for their status, from connect to answer."""
    times = []
    for _ in range(n):
        begin = time.monotonic()
        with server.client() as client:
            client.status()
        times.append(time.monotonic() - begin)
    return times


def assert_served(server):
    times = asked(server)
    assert daemon.percentile(times, 0.99) <= 0.1, sorted(times)[-5:]


GARBAGE = {
    "random bytes": os.urandom(4096),
    "giant length": struct.pack("<I", 0xFFFFFFFF),
    "no message": struct.pack("<I", 8) + b"\xff" * 8,
    "empty frame": struct.pack("<I", 0),
    "record before hello": struct.pack("<I", 4) + daemon.field(daemon.RECORD, b"\x08\x01"),
    "stop before hello": struct.pack("<I", 2) + daemon.field(daemon.STOP, b""),
    "hello without a number": struct.pack("<I", 2) + daemon.field(daemon.HELLO, b""),
}


@pytest.mark.parametrize("bytes_", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage(server, bytes_):
    for _ in range(20):
        with server.client(hello=False) as client:
            client.socket.sendall(bytes_)
            assert client.closed(10)
    assert_served(server)


def test_64_mib_of_nothing(server):
    with server.client(hello=False) as client:
        with pytest.raises(OSError):
            for _ in range(64):
                client.socket.sendall(b"\0" * (1 << 20))
            assert client.closed(10)
            raise ConnectionResetError
    assert_served(server)
    assert daemon.rss_bytes(server.engine()) < 64 << 20


def test_fds_by_the_hundred(server):
    before = daemon.fds(server.engine())
    for _ in range(20):
        with server.client(hello=False) as client:
            try:
                for _ in range(10):
                    socket.send_fds(client.socket, [b"x"], [0] * 250)
            except OSError:
                pass
    probe.wait_for(lambda: daemon.fds(server.engine()) <= before + 1, 5, "the fds to be closed")
    assert_served(server)


def lingering():
    """A socket of which the last close waits half a minute, and what it is connected with."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
        deaf = socket.create_connection(listening.getsockname())
        other, _ = listening.accept()
    deaf.setblocking(False)
    try:
        while True:
            deaf.send(b"x" * (1 << 16))
    except BlockingIOError:
        pass
    deaf.setblocking(True)
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 30))
    return deaf, other


@pytest.mark.parametrize("how", ["at once", "after hello", "beside a recording"])
def test_fds_that_hang_who_drops_them(server, tmp_path, how):
    """A child of the broker drops them; also those of a client whose recording the broker watches."""
    tmp_path.chmod(0o755)
    others = []
    try:
        for _ in range(3):
            deaf, other = lingering()
            others.append(other)
            with deaf, contextlib.ExitStack() as stack:
                client = stack.enter_context(daemon.Client(
                    server.path, connected=users.connection(server.path, users.ME), hello=how != "at once"))
                if how == "beside a recording":
                    client.record(stack.enter_context(users.target(users.ME, "/bin/sleep", 60)).pid)
                    client.receive()[daemon.STARTED]
                socket.send_fds(client.socket, [b"x"], [deaf.fileno()])
        times = asked(server, 20)
        assert max(times) < 5, times
        probe.wait_for(lambda: not any(is_open(other) for other in others), 10, "the sockets to be dropped")
    finally:
        for other in others:
            other.close()


def is_open(other):
    """Whether the other end of a connection is: what it sent is read over."""
    other.setblocking(False)
    try:
        while other.recv(1 << 20):
            pass
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def test_slow_readers_half_frames_giant_lengths(server):
    """100 of each at once: bounded memory, no spinning, everybody else is served."""
    clients = []
    engine = server.engine()
    try:
        for i in range(100):
            half = server.client(hello=False)
            half.socket.sendall(struct.pack("<I", 1000) + b"half")
            clients.append(half)
        for i in range(100):
            giant = server.client(hello=False)
            giant.socket.sendall(struct.pack("<I", 0x7FFFFFFF))
            clients.append(giant)
        for i in range(100):
            slow = server.client()
            for _ in range(20):
                slow.send(daemon.field(daemon.LIST, b""))
            clients.append(slow)
        assert_served(server)
        ticks = cpu_ticks(engine)
        time.sleep(1)
        assert cpu_ticks(engine) - ticks < 50, "spinning"
        assert daemon.rss_bytes(engine) < 600 << 20
    finally:
        for client in clients:
            client.close()
    assert_served(server)


def cpu_ticks(pid):
    stat = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return int(stat[11]) + int(stat[12])


def test_1000_clients(server):
    """Whoever has asked for nothing makes room for whoever comes to ask."""
    clients = []
    try:
        for _ in range(1000):
            clients.append(server.client(hello=False))
        assert_served(server)
        with server.client() as normal:
            assert normal.status()[4] <= 256
    finally:
        for client in clients:
            client.close()
    assert_served(server)


def test_silent_clients_are_let_go(server):
    with server.client(hello=False) as silent, server.client() as idle:
        assert silent.closed(15)
        assert idle.closed(15)


def test_client_stopped_while_recording(server, tmp_path):
    """A client that is stopped (SIGSTOP) costs its own recording only."""
    with probe.target("shares", 60) as target:
        stuck = server.recording("-p", target.pid, "-F", "999", "-o", tmp_path / "a.pb.gz", "1s")
        stuck.stderr.readline()
        stuck.send_signal(signal.SIGSTOP)
        try:
            result = server.record("-p", target.pid, "-o", tmp_path / "b.pb.gz", "1s")
            assert result.code == 0, result
            assert_served(server)
        finally:
            stuck.send_signal(signal.SIGCONT)
            assert stuck.wait(30) == 0
            stuck.stderr.close()


def test_accept_without_fds(tmp_path):
    """No fd is left to accept with: connections are turned away or wait, nothing spins, and all is well
    when some are free again."""
    with Daemon(tmp_path, nofile=48) as server:
        waiting = []
        try:
            for _ in range(100):
                client = socket.socket(socket.AF_UNIX)
                client.connect(str(server.path))
                waiting.append(client)
            time.sleep(0.3)
            ticks = cpu_ticks(server.engine())
            time.sleep(1)
            assert cpu_ticks(server.engine()) - ticks < 50, "spinning"
        finally:
            for client in waiting:
                client.close()
        probe.wait_for(server.answers, 10, "the daemon to accept again")
