# SPDX-License-Identifier: Apache-2.0
"""Threads that come and go: those that have ended are summed by process and name, and nothing of them is lost."""
import os
import subprocess

import probe

THREADS = int(os.environ.get("CHURN_THREADS", "8000"))
SLEEPERS = 10000
ONCPU, RUNNABLE, BLOCKED, WALL, STOLEN, MANY = 6, 7, 8, 9, 10, 11


def test_threads_that_have_ended_are_summed(tmp_path):
    result, profile = probe.record(tmp_path / "a.pb.gz", "--mode", "wall", "--",
                                   probe.TARGETS / "churn", THREADS, timeout=300)
    used = int(result.out)
    threads = profile.info.thread
    assert sum(t.get(MANY, 1) for t in threads) == THREADS + 1
    assert any(t.get(MANY, 1) > 500 for t in threads), "none were summed"
    total = {field: sum(t.get(field, 0) for t in threads) for field in (ONCPU, RUNNABLE, BLOCKED, WALL, STOLEN)}
    assert total[WALL] == total[ONCPU] + total[STOLEN] + total[RUNNABLE] + total[BLOCKED]
    # The process's own clock leaves out what each thread has had after it was dead.
    assert total[ONCPU] >= 0.99 * used
    off = profile.total("blocked") + profile.total("runnable")
    assert 0.8 < off / (total[RUNNABLE] + total[BLOCKED]) < 1.25
    # Of those that are summed there is no tid, and rows are few.
    assert any(not s.labels.get("thread_id") for s in profile.samples)
    assert len(profile.samples) < 4 * THREADS


def test_of_ten_thousand_threads_none_is_missing(tmp_path):
    with subprocess.Popen([probe.TARGETS / "sleepers", str(SLEEPERS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sleepers:
        assert sleepers.stdout.readline() == b"ready\n"
        _, profile = probe.record(tmp_path / "p.pb.gz", "-p", sleepers.pid, "1s")
        sleepers.communicate()
    threads = profile.info.thread
    assert sum(t.get(MANY, 1) for t in threads) == SLEEPERS
    # Each has all of the second, and slept it.
    assert all(t.get(WALL, 0) >= 1e9 * t.get(MANY, 1) for t in threads)
    wall = sum(t.get(WALL, 0) for t in threads)
    assert sum(t.get(BLOCKED, 0) for t in threads) > 0.99 * wall
    assert profile.total("blocked") > 0.99 * wall
