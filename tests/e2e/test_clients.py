# SPDX-License-Identifier: Apache-2.0
"""What a client that is somebody's, not root's, can do to the daemon and to others who use it."""
import contextlib
import os
import select
import signal
import struct
import time
from pathlib import Path

import daemon
import pytest
import users
from daemon import Daemon

import probe


@pytest.fixture
def server(tmp_path):
    tmp_path.chmod(0o755)
    with Daemon(tmp_path) as running:
        yield running
        assert running.popen.poll() is None, "the daemon has ended"
        assert running.answers()


@pytest.fixture
def diary(tmp_path):
    """A daemon, and what it has written when it ends."""
    tmp_path.chmod(0o755)
    with Daemon(tmp_path) as running:
        yield running


def connect(server, uid=users.ME):
    return daemon.Client(server.path, connected=users.connection(server.path, uid))


HIDDEN = """import ctypes, time
open("/proc/self/comm", "w").write("a\\nb")
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
time.sleep(60)"""


def test_words_of_a_client_make_no_lines_of_the_diary(diary):
    with users.target(users.ME, "/usr/bin/python3", "-c", HIDDEN) as popen, connect(diary) as client:
        comm = Path(f"/proc/{popen.pid}/comm")
        probe.wait_for(lambda: comm.read_text() == "a\nb\n" and not users.kernel_allows(users.ME, popen.pid), 20, "its name")
        client.send(daemon.field(daemon.RECORD, daemon.field(3, b"a\nb")))
        assert daemon.fields(client.receive()[daemon.FAILED])[1] == 4
    code, err = diary.stop()
    assert code == 0 and err.count("\n") == 1 and r'every process named "a\x0ab" is' in err, err


def test_lists_while_others_come_and_go(server):
    """One a tick for each user; and ticks are the clock's, not of who connects and leaves."""
    clients = {client.socket: client for client in [connect(server) for _ in range(6)]}
    began, lists = time.monotonic(), 0
    for client in clients.values():
        client.send(daemon.field(daemon.LIST, b""))
    while time.monotonic() < began + 1.5:
        with contextlib.suppress(BlockingIOError):  # as many wait as can
            server.client(hello=False).close()
        for ready in select.select(clients, [], [], 0.003)[0]:
            if daemon.fields(clients[ready].receive()[daemon.LIST]).get(2):
                lists += 1
                clients[ready].send(daemon.field(daemon.LIST, b""))
    assert 1 <= lists <= (time.monotonic() - began) / 0.1 + 1
    for client in clients.values():
        client.close()


def reads(pid):
    return int(dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())["syscr"])


def test_who_waits_for_a_process_and_chatters(server):
    """All processes are looked at when it is time to, not when a client says something."""
    with connect(server) as client:
        client.send(daemon.field(daemon.RECORD, daemon.field(3, b"nobody's name") + daemon.field(4, 60 * 10**9)))
        engine, began = server.engine(), time.monotonic()
        probe.wait_for(lambda: server.client().status()[12] == 1, 20, "the recording to be asked for")
        processes, before = len(list(Path("/proc").glob("[0-9]*"))), reads(engine)
        began = time.monotonic()
        for _ in range(300):
            client.socket.sendall(struct.pack("<I", 0))
            time.sleep(0.002)
        looks = (reads(engine) - before) / processes / 4  # of each process two files at most, to their ends
        assert looks < 3 + (time.monotonic() - began) / 0.09, looks


FLOOD = struct.pack("<I", 6000) + b"\xf8\x01\x00" * 2000  # fields that nobody knows


def flood(sockets, seconds):
    """As much as they take, by a process of its own."""
    child = os.fork()
    if child:
        return child
    left, end = {s: b"" for s in sockets}, time.monotonic() + seconds
    for s in sockets:
        s.setblocking(False)
    while left and time.monotonic() < end:
        for s in select.select([], left, [], 0.1)[1]:
            try:
                left[s] = left[s] or FLOOD
                left[s] = left[s][s.send(left[s]):]
            except BlockingIOError:
                pass
            except OSError:
                del left[s]
    os._exit(0)


def test_messages_that_take_long_to_unpack(server):
    """Everybody else has a turn after each: 40 clients who send nothing else keep nobody waiting for long."""
    clients = [connect(server) for _ in range(40)]
    child = flood([client.socket for client in clients], 3)
    try:
        times = []
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            began = time.monotonic()
            with server.client() as client:
                client.status()
            times.append(time.monotonic() - began)
        assert len(times) > 3 and max(times) < 1, times
    finally:
        for client in clients:
            client.close()


@pytest.mark.parametrize("bytes_", [struct.pack("<I", (64 << 10) + 1), struct.pack("<I", 60000) + b"\xf8\x01\x00" * 20000],
                         ids=["too long", "too many pieces"])
def test_what_is_too_much_is_said(server, bytes_):
    with connect(server) as client:
        client.socket.sendall(bytes_)
        assert daemon.fields(client.receive()[daemon.FAILED])[2] == b"that is no message of the protocol, or too long a one"
        assert client.closed(10)


def test_recordings_that_are_over_keep_few_places(server):
    """Of the 64 places for recordings one user gets 16 for those that are not named yet, or not read."""
    with users.target(users.ME, probe.TARGETS / "shares", 60) as mine, \
            users.target(users.OTHER, "/bin/sleep", 60) as others, contextlib.ExitStack() as stack:
        def record(pid, uid):
            client = stack.enter_context(connect(server, uid))
            client.record(pid, hz=50, fields=[(13, 150 * 10**6), (15, 2)])
            return client.receive()

        with connect(server) as first:
            first.record(mine.pid, hz=50, fields=[(13, 150 * 10**6)])
            assert first.closed(20)
        for worker in server.workers():
            os.kill(worker, signal.SIGSTOP)
        for _ in range(16):
            assert daemon.STARTED in record(mine.pid, users.ME)
        refused = probe.wait_for(lambda: record(mine.pid, users.ME).get(daemon.FAILED), 5, "a refusal")
        assert b"recordings already that have ended" in daemon.fields(refused)[2], refused
        assert daemon.STARTED in record(others.pid, users.OTHER)
        for worker in server.workers():
            os.kill(worker, signal.SIGCONT)


def test_one_process_named_a_thousand_times(server):
    with users.target(users.ME, "/bin/sleep", 60) as mine, connect(server) as client:
        client.record(mine.pid, hz=10, fields=[(1, mine.pid)] * 1000)
        started = daemon.fields(client.receive()[daemon.STARTED])
        assert (started[3], started[4]) == (1, 1)
