# SPDX-License-Identifier: Apache-2.0
"""`probe status` and `probe list` against a daemon, as text and for programs."""
import json
import os
import re

import pytest
from daemon import Daemon

import probe


@pytest.fixture
def server(tmp_path):
    with Daemon(tmp_path) as running:
        yield running


def ask(server, *args):
    return probe.probe_ok(*args, env=server.environment())


def with_samples(text):
    status = json.loads(text)
    return status if status["sessions"] and status["sessions"][0]["samples"] else None


def test_status(server, tmp_path):
    idle = json.loads(ask(server, "status", "--json").out)
    assert idle["sessions"] == [] and idle["recordings"] == 0
    with probe.target("shares", 30) as target:
        recording = server.recording("-p", target.pid, "-F", 199, "-o", tmp_path / "p.pb.gz", "30s")
        assert b"Profiling" in recording.stderr.readline()
        busy = probe.wait_for(lambda: with_samples(ask(server, "status", "--json").out), 10, "samples")
        text = ask(server, "status").out
        recording.send_signal(probe.SIGNALS["INT"])
        recording.communicate(timeout=20)
    assert recording.returncode == 0
    (session,) = busy["sessions"]
    assert (session["pid"], session["name"], session["frequency_hz"]) == (target.pid, "shares", 199)
    assert session["client_pid"] == recording.pid and session["duration_ns"] == 30_000_000_000
    assert busy["recordings"] == 1 and busy["own_rss_bytes"] > 0
    assert re.search(rf"{target.pid}\s+shares\s+199\s", text)


def test_list(server):
    processes = {p["pid"]: p for p in json.loads(ask(server, "list", "--json").out)["processes"]}
    own = processes[os.getpid()]
    assert own["uid"] == os.getuid() and own["parent"] == os.getppid()
    assert not any(p["kernel"] for p in processes.values())
    assert 2 in {p["pid"] for p in json.loads(ask(server, "list", "--kernel", "--json").out)["processes"]}
    assert re.search(rf"^\s*{os.getpid()}\s+{os.getppid()}\s", ask(server, "list").out, re.M)


def test_without_a_daemon(tmp_path):
    result = probe.probe("--socket", tmp_path / "none", "status")
    assert result.code == 5 and "no daemon" in result.err and result.hint
    assert str(os.getpid()) in probe.probe_ok("--socket", tmp_path / "none", "list").out
