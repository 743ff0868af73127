# SPDX-License-Identifier: Apache-2.0
"""The ceiling on what sampling costs (max_overhead): fewer samples, which stand for more, and said."""
import json
import subprocess
import time

from daemon import Daemon

import probe


def test_ceiling(tmp_path):
    """Deep stacks at a high frequency cost far more than 1 % of a CPU: ticks are thinned, all firings have their place,
    and the time that the samples stand for is the target's still."""
    with Daemon(tmp_path, config="[limits]\nmax_overhead = 1\n") as server, \
            probe.target("deep", 200, 60) as target:
        time.sleep(0.2)
        before, steal = probe.cpu_ns(target.pid), probe.Steal()
        command = ("-p", target.pid, "-F", "9999", "--mode", "cpu")
        recording = server.recording(*command, "-o", tmp_path / "x.pb.gz", "7s")
        time.sleep(5)
        later = server.record(*command, "-o", tmp_path / "later.pb.gz", "500ms")
        err = recording.communicate(timeout=30)[1]
        spent = (probe.cpu_ns(target.pid) - before) / 1e9
        assert (recording.returncode, later.code) == (0, 0), (err, later)
        stolen = steal.seconds()
    profile = probe.Profile(tmp_path / "x.pb.gz")
    info = profile.info
    info.assert_reconciled()
    assert info.firing["thinned"] > info.samples > 50, info.firing
    assert any("max_overhead: 1 %" in note for note in info.notes), info.notes
    cpu = profile.total("cpu") / 1e9
    assert cpu > profile.total() / 9999 * 1.5
    # The recording is a little shorter than what was measured around it.
    assert 0.6 * spent < cpu < 1.1 * (spent + stolen), (cpu, spent, stolen)
    # One that begins when others are thinned is so from its first sample on.
    profile = probe.Profile(tmp_path / "later.pb.gz")
    profile.info.assert_reconciled()
    assert profile.total("cpu") >= 2 * profile.total() * (1_000_000_000 // 9999) > 0


def test_no_ceiling_no_thinning(tmp_path):
    with Daemon(tmp_path) as server, probe.target("deep", 200, 60) as target:
        result = server.record("-p", target.pid, "-F", "4999", "-o", tmp_path / "x.pb.gz", "--mode", "cpu", "1s")
        assert result.code == 0, result
    profile = probe.Profile(tmp_path / "x.pb.gz")
    assert "thinned" not in profile.info.firing
    assert profile.total("cpu") == profile.total() * (1_000_000_000 // 4999)


def program_seconds(server):
    status = probe.probe_ok("status", "--json", env=server.environment())
    return json.loads(status.out)["program_seconds"]


def test_waits_count(tmp_path):
    """What walks of waits cost is part of what is measured, and by far the most of two threads that wake each other."""
    def record(server, mode):
        with subprocess.Popen([probe.TARGETS / "waits", "5", "pipe"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as popen:
            assert popen.stdout.readline() == b"ready\n"
            popen.stdin.write(b"\n")
            popen.stdin.flush()
            before = program_seconds(server)
            result = server.record("-p", popen.pid, "-F", 19, "-o", tmp_path / "x.pb.gz", "--force", "--mode", mode, "2s")
            popen.kill()
        assert result.code == 0, result
        info = probe.Profile(tmp_path / "x.pb.gz").info
        info.assert_reconciled()
        return program_seconds(server) - before, info

    with Daemon(tmp_path) as server:
        server.record("--mode", "cpu", "-F", 19, "-o", tmp_path / "x.pb.gz", "--", "/bin/true")  # loads the programs
        ticks, _ = record(server, "cpu")
        both, info = record(server, "wall")
    assert both > 2 * ticks, (both, ticks)
    assert not any("max_overhead" in note for note in info.notes), info.notes
