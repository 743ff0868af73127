# SPDX-License-Identifier: Apache-2.0
"""kill -9 of each of the processes at random moments of a recording: nothing stays behind, clients get a
reason and the right exit status, and where the daemon lives it serves the next one. MOMENTS=200 (`make
kills`) tries as many moments each; make check tries a few."""
import contextlib
import os
import random
import signal
import time

import pytest
from daemon import Daemon

import probe

MOMENTS = int(os.environ.get("MOMENTS", "5"))


def kill(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def at_a_random_moment(server, target, tmp_path, victim):
    """A recording during which victim() is killed. (exit status, stderr, whether there is a
    file), and the BPF objects there were."""
    out = tmp_path / "x.pb.gz"
    out.unlink(missing_ok=True)
    client = server.recording("-p", target.pid, "-F", "999", "-o", out, "400ms")
    time.sleep(random.uniform(0, 0.6))
    held = probe.bpf_objects()
    pid = victim(client)
    if pid:
        kill(pid)
    err = client.communicate(timeout=30)[1].decode()
    return (client.returncode, err, out.exists()), held


def assert_reason(code, err, there):
    """Either it was done before, or one line and perhaps a hint say what was lost."""
    if code == 0:
        assert there
        return
    assert code in (1, 5), (code, err)
    said = [line for line in err.splitlines() if line.startswith("probe: ")]
    assert len(said) == 1 and not there, (code, err, there)


@pytest.mark.parametrize("which", ["engine", "broker"])
def test_engine_or_broker(tmp_path, which):
    with probe.target("shares", 3600) as target:
        for _ in range(MOMENTS):
            with Daemon(tmp_path) as server:
                victim = server.engine() if which == "engine" else server.pid
                end, held = at_a_random_moment(server, target, tmp_path, lambda _: victim)
                assert_reason(*end)
                # What was killed takes the rest along.
                probe.wait_for(lambda: not probe.our_processes(), 1.5, "all processes to be gone")
                probe.wait_for(lambda: not probe.still_there(held), 1.5, "BPF objects to be gone")
                server.popen.wait(5)
            assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")], "a file is left"


@pytest.mark.parametrize("which", ["worker", "client"])
def test_worker_or_client(tmp_path, which):
    with probe.target("shares", 3600) as target, Daemon(tmp_path) as server:
        server.record("-p", target.pid, "-o", tmp_path / "warm.pb.gz", "300ms")
        before = probe.bpf_objects()

        def victim(client):
            return client.pid if which == "client" else next(iter(server.workers()), 0)

        for _ in range(MOMENTS):
            (code, err, there), _ = at_a_random_moment(server, target, tmp_path, victim)
            if which == "client":
                assert code in (0, -signal.SIGKILL), (code, err)
            else:
                # A worker's death costs names, never the recording.
                assert code == 0 and there, (code, err)
            probe.wait_for(lambda: probe.bpf_objects() <= before, 2, "the recording to be gone")
            assert server.answers()
            left = [p for p in tmp_path.iterdir() if ".pb.gz" in p.name and p.name not in
                    ("x.pb.gz", "warm.pb.gz")]
            for path in left:
                # A killed client cannot remove its temporary file; it is named as one.
                assert which == "client" and path.name.startswith("."), path
                path.unlink()
        result = server.record("-p", target.pid, "-o", tmp_path / "y.pb.gz", "300ms")
        assert result.code == 0, result
