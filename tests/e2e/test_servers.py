# SPDX-License-Identifier: Apache-2.0
"""Real programs, recorded while they run: how many samples, of whom, and that pprof reads the file."""
import contextlib
import time

import pytest

import probe


@contextlib.contextmanager
def sqlite(_tmp):
    with probe.program("/usr/bin/sqlite3", ":memory:", probe.SQL.format(n=10 ** 9)) as popen:
        time.sleep(0.1)
        yield popen


@contextlib.contextmanager
def python(_tmp):
    with probe.python_loop() as popen:
        time.sleep(0.3)
        yield popen


PROGRAMS = {"redis-server": probe.redis, "python3": python, "sqlite3": sqlite, "nginx": probe.nginx}


@pytest.mark.parametrize("hz,seconds", [(99, 2.5), (999, 1.5)])
@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name, hz, seconds, tmp_path):
    out = tmp_path / "out.pb.gz"

    def attempt():
        steal = probe.Steal()
        with probe.Recording("-p", server.pid, "-g", "-F", hz, "-o", out, "--force", f"{seconds * 1000:.0f}ms") as recording:
            pids = [server.pid, *probe.descendants(server.pid)]
            before, began = probe.cpu_ns(pids), time.monotonic()
            time.sleep(seconds)
            used, took = probe.cpu_ns(pids) - before, time.monotonic() - began
            result = recording.end()
        assert result.code == 0, result
        return result, used / 1e9 / took, steal.seconds(), pids

    with PROGRAMS[name](tmp_path) as server:
        result, cpus, stolen, pids = probe.quiet_machine(attempt)
    profile = probe.Profile(out)
    duration = profile.duration_ns / 1e9
    assert seconds * 0.98 <= duration <= seconds + 0.5
    assert profile.period == round(1e9 / hz)
    probe.assert_counts(profile.total(), hz, cpus * duration, stolen)
    profile.info.assert_reconciled()
    assert profile.total("cpu") == pytest.approx(profile.total() * 1e9 / hz, rel=0.001)
    assert {s.labels["pid"] for s in profile.samples} <= set(pids)
    if name == "nginx":
        workers = set(pids) - {server.pid}
        assert len(workers) == 2
        assert {s.labels["pid"] for s in profile.samples} & workers == workers
    rows = probe.pprof_top(out)
    assert rows and sum(row[1] for row in rows) == pytest.approx(profile.total("cpu") / 1e6, rel=0.02)
    assert name in result.err
