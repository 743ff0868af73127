# SPDX-License-Identifier: Apache-2.0
"""The daemon with clients that mean well: several at once, status, stopping."""
import os
import signal
import socket
import stat
import time

import daemon
import pytest
from daemon import Daemon

import probe


@pytest.fixture
def server(tmp_path):
    with Daemon(tmp_path) as running:
        yield running


def test_socket_and_stop(tmp_path):
    with Daemon(tmp_path) as running:
        mode = os.stat(running.path).st_mode
        assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o666
        pids = [running.pid, running.engine()]
        code, err = running.stop()
        assert (code, err) == (0, "")
        assert not running.path.exists()
        probe.wait_for(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids), 5, "their end")


def test_two_daemons_on_one_socket(tmp_path):
    with Daemon(tmp_path) as running:
        second = probe.run(probe.BUILD / "probed", "--socket", running.path)
        assert second.code == 1
        assert str(running.path) in second.err and second.err.count("\n") <= 2
        assert running.answers()


def test_socket_of_a_dead_daemon_is_replaced(tmp_path):
    with Daemon(tmp_path) as running:
        running.popen.kill()
        running.popen.wait()
        assert running.path.exists()
        with Daemon(tmp_path) as next_one:
            assert next_one.answers()


def test_recordings_at_once(server, tmp_path):
    """Two of one PID and one of another: each has the samples it would have alone."""
    with probe.target("shares", 30) as one, probe.target("shares", 30) as other:
        wanted = [(one.pid, 99), (one.pid, 999), (other.pid, 499)]
        running = [server.recording("-p", pid, "-F", hz, "-o", tmp_path / f"{i}.pb.gz", "4s")
                   for i, (pid, hz) in enumerate(wanted)]
        for r in running:
            err = r.communicate(timeout=60)[1]
            assert r.returncode == 0, err
    totals = [probe.Profile(tmp_path / f"{i}.pb.gz").total() for i in range(3)]
    slow, fast = totals[0], totals[1] * 99 / 999
    assert abs(slow - fast) <= 4 * slow ** 0.5 + 0.03 * slow, totals
    assert totals[2] > 100
    for i in range(3):
        probe.Profile(tmp_path / f"{i}.pb.gz").info.assert_reconciled()


def test_status_counts(server, tmp_path):
    with probe.target("shares", 30) as target:
        with server.client() as client, server.client() as other:
            client.record(target.pid)
            assert daemon.STARTED in client.receive()
            status = other.status()
            assert status[4] == 2  # clients
            session = daemon.fields(status[3])
            assert session[2] == target.pid
            assert session[9] == os.getpid()
        probe.wait_for(lambda: 3 not in other_status(server), 5, "the recording to end with its client")


def other_status(server):
    with server.client() as client:
        return client.status()


def test_client_that_goes_away_frees_all(server, tmp_path):
    with probe.target("shares", 60) as target:
        def leave():
            running = server.recording("-p", target.pid, "-F", "999", "-o", tmp_path / "x.pb.gz")
            running.stderr.readline()
            time.sleep(0.1)
            running.kill()
            running.communicate()
            probe.wait_for(lambda: 3 not in other_status(server), 5, "the recording to end")

        leave()
        before, fds = probe.bpf_objects(), daemon.fds(server.engine())
        for _ in range(5):
            leave()
        probe.wait_for(lambda: probe.bpf_objects() <= before, 5, "BPF objects to go")
        probe.wait_for(lambda: daemon.fds(server.engine()) <= fds, 5, "fds to go")


def test_client_that_cannot_be_told_that_it_began(server):
    """A recording waits for the tables of its targets; the first message after that finds nobody to read it."""
    with probe.target("shares", 30) as target, server.client() as deaf:
        engine = server.engine()
        deaf.socket.shutdown(socket.SHUT_RD)
        deaf.record(target.pid)
        probe.wait_for(lambda: other_status(server)[4] == 1, 5, "the client to be let go")
        assert server.engine() == engine


def test_processes_are_forgotten(server, tmp_path):
    """Also those of which nobody said that they are recorded."""
    with probe.target("shares", 30):
        server.record("-a", "-F", "999", "-o", tmp_path / "x.pb.gz", "500ms")
    probe.wait_for(lambda: not other_status(server).get(11), 5, "no process to be followed")


def test_stop_while_recording(tmp_path):
    """Recordings end as if their time were over: what was sampled is kept."""
    with probe.target("shares", 60) as target, Daemon(tmp_path) as running:
        client = running.recording("-p", target.pid, "-F", "999", "-o", tmp_path / "x.pb.gz")
        client.stderr.readline()
        time.sleep(0.5)
        code, _ = running.stop()
        err = client.communicate(timeout=20)[1].decode()
        assert (code, client.returncode) == (0, 0), err
        assert probe.Profile(tmp_path / "x.pb.gz").total() > 20


def test_embedded_without_daemon_but_not_with_a_silent_one(tmp_path):
    """A socket that says no hello in 2 s is exit 5, never silently embedded."""
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as listening, probe.target("shares", 30) as target:
        listening.bind(str(path))
        listening.listen()
        result = probe.probe("record", "-p", target.pid, "-o", tmp_path / "x.pb.gz", "300ms",
                             env=probe.environment(PROBE_SOCKET=str(path)))
        assert result.code == 5, result


def test_other_protocol_is_refused(server):
    with server.client(hello=False) as client:
        client.send(daemon.field(daemon.HELLO, daemon.field(1, 77)))
        assert daemon.HELLO in client.receive()
        failed = daemon.fields(client.receive()[daemon.FAILED])
        assert failed[1] == 5
        assert client.closed(5)


def test_signals_stop_cleanly(tmp_path):
    for sig in (signal.SIGINT, signal.SIGTERM):
        with Daemon(tmp_path) as running:
            running.popen.send_signal(sig)
            assert running.popen.wait(10) == 0


def test_all_and_then_one(server, tmp_path):
    """What a recording of everything learnt of a process does not stand in the way of its own."""
    with probe.target("shares", 60) as target:
        server.record("-a", "-o", tmp_path / "all.pb.gz", "500ms")
        result = server.record("-p", target.pid, "-F", "999", "-o", tmp_path / "one.pb.gz", "500ms")
        assert result.code == 0, result
    ends = probe.Profile(tmp_path / "one.pb.gz").info.walk_ends
    # A busy machine may not have made a table in the time that a recording waits for it.
    assert ends["root"] > 0.95 * (sum(ends.values()) - ends.get("no_table", 0)), ends
