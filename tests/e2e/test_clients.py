# SPDX-License-Identifier: Apache-2.0
"""What a client that is somebody's, not root's, can do to the daemon and to others who use it."""
import contextlib
import select
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
