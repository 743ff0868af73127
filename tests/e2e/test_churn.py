# SPDX-License-Identifier: Apache-2.0
"""Threads that come and go: those that have ended are summed by process and name, and nothing of them is lost."""
import probe

THREADS = 8000
ONCPU, RUNNABLE, BLOCKED, WALL, STOLEN, MANY = 6, 7, 8, 9, 10, 11


def test_threads_that_have_ended_are_summed(tmp_path):
    result, profile = probe.record(tmp_path / "a.pb.gz", "--mode", "wall", "--",
                                   probe.TARGETS / "churn", THREADS)
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
