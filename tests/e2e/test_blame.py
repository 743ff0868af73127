# SPDX-License-Identifier: Apache-2.0
"""Waits of real programs: how many of their stacks reach their root, and that those functions are blamed for
the blocked time which are known to wait there."""
import collections
import contextlib
import fnmatch
import itertools
import os
from pathlib import Path

import offcpu
import pytest
import servers

import probe

# As in test_whole.py: `make check-whole` takes its time.
SECONDS = os.environ.get("WHOLE_SECONDS", "2")
WAITS = int(os.environ.get("WHOLE_WALKS", "0"))

# Threads that want the interpreter's lock all the time, and one that waits for their end.
PYTHON = """
import threading
def work():
    while True:
        sum(i * i for i in range(2000))
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@contextlib.contextmanager
def python(_tmp):
    with probe.program("/usr/bin/python3", "-c", PYTHON) as popen:
        yield popen


def postgres(tmp):
    return servers.postgres(tmp, ("-c", "16", "-b", "tpcb-like", "-b", "simple-update"), fsync="on")


# How many threads of each kind there are, and what they are known to wait in, leaf first: one of these rows is
# in the stack in this order. Of libc and python there are debug files; the others tell no more than their public
# functions' names, and so it is said by those. A process is known by its title, a thread that is not its first
# one by its name.
POSTGRES_BACKEND = [
    ("WaitEventSetWait", "WaitLatch", "ProcSleep", "LockAcquireExtended"),  # of rows
    ("PGSemaphoreLock", "LWLockAcquire"),
    ("PGSemaphoreLock", "LWLockWaitForVar"),
    ("pg_usleep", "perform_spin_delay"),  # of a lock whose holder has lost its CPU
    ("PGSemaphoreLock", "LWLockAcquireOrWait", "XLogFlush"),  # somebody else flushes
    ("fdatasync", "XLogFlush"),
    ("WaitEventSetWait", "secure_read", "PostgresMain"),  # the next query
]
EXPECTED = {
    "redis": {
        "*redis-server *": (1, [("epoll_wait", "aeMain", "main")]),
        "bio_*": (3, [("pthread_cond_wait", "bioProcessBackgroundJobs")]),
        "jemalloc_bg_thd": (1, [("pthread_cond_timedwait", "start_thread"),
                                ("pthread_cond_wait", "start_thread")]),  # with nothing left to give back
    },
    "nginx": {
        "nginx: master *": (1, [("sigsuspend", "ngx_master_process_cycle", "main")]),
        "nginx: worker *": (2, [("epoll_wait", "ngx_process_events_and_timers", "main"),
                                ("write", "ngx_http_free_request", "main")]),  # to the log
    },
    "python3": {
        "*python3 -c *": (1, [("PyThread_acquire_lock_timed", "lock_PyThread_acquire_lock", "Py_BytesMain")]),
        "python3": (4, [("pthread_cond_timedwait", "take_gil", "_PyEval_EvalFrameDefault"),
                        ("pthread_cond_wait", "drop_gil", "_PyEval_EvalFrameDefault")]),  # until another has it
    },
    "postgres": {
        "*postgresql/*/postgres *": (1, [("select", "PostmasterMain")]),
        "postgres: checkpointer *": (1, [("CheckpointerMain",)]),
        "postgres: background writer *": (1, [("WaitLatch", "BackgroundWriterMain")]),
        "postgres: walwriter *": (1, [("WaitLatch", "WalWriterMain"), ("fdatasync", "WalWriterMain")]),
        "postgres: autovacuum launcher *": (1, [("WaitLatch", "StartAutoVacLauncher")]),
        "postgres: logical replication launcher *": (1, [("WaitLatch", "ApplyLauncherMain")]),
        "postgres: postgres postgres *": (16, POSTGRES_BACKEND),
    },
}
PROGRAMS = {"redis": probe.redis, "nginx": probe.nginx, "python3": python, "postgres": postgres}
LEAST = 0.95  # of each kind's blocked time
LOST = ("overdue", "nested", "ring_full", "stack_not_received")  # waits of which there is no stack


def title(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip() + " "


def thread_kinds(pid, kinds):
    """Which of the kinds each thread of the process and of its descendants is: {tid: kind}."""
    found = {}
    for process in (pid, *probe.descendants(pid)):
        with contextlib.suppress(OSError):  # it has ended
            for task in Path(f"/proc/{process}/task").iterdir():
                name = title(process) if int(task.name) == process else (task / "comm").read_text().strip()
                found[int(task.name)] = next((kind for kind in kinds if fnmatch.fnmatch(name, kind)), name)
    return found


def all_there(pid, kinds):
    """The same once there are as many of each as there will be."""
    def look():
        found = thread_kinds(pid, kinds)
        number = collections.Counter(found.values())
        return found if all(number[kind] >= least for kind, (least, _) in kinds.items()) else None
    return probe.wait_for(look, 20, "all threads")


def holds(sample, row):
    """The row's functions are in the stack, in this order. (A compiler may put .isra.0 or so behind a name.)"""
    names = (frame.function.split(".")[0] for frame in sample.frames)
    return all(function in names for function in row)


class Blame:
    """Of the threads of one kind: their blocked time by row of functions, and what is outside of all."""

    def __init__(self):
        self.by_row, self.outside = collections.Counter(), collections.Counter()

    def add(self, sample, rows):
        blocked = sample.values["blocked"]
        row = next((row for row in rows if holds(sample, row)), None)
        if row:
            self.by_row[row] += blocked
        elif blocked:
            self.outside[" < ".join(f.function or "?" for f in sample.frames[:12])] += blocked

    def total(self):
        return sum(self.by_row.values()) + sum(self.outside.values())

    def show(self, kind):
        print(f"  {kind}: {self.total() / 1e9:.3f} s blocked")
        for row, blocked in self.by_row.most_common():
            print(f"    {blocked / self.total():8.4%} {' < '.join(row)}")
        for stack, blocked in self.outside.most_common(8):
            print(f"    {blocked / self.total():8.4%} OUTSIDE {stack}")


def assert_blocked(profile):
    """The rows of each thread add up to its blocked time by the kernel's account: within 1 %, and 4 sigma where
    some waits stand for others (and where those are few, three of them)."""
    rows, exact = collections.Counter(), {}
    for sample in profile.samples:
        rows[sample.labels["thread_id"]] += sample.values["blocked"]
    for (tid, _), thread in offcpu.threads(profile).items():
        if tid:
            exact[tid] = thread["blocked"]
    period = profile.info.off_period_ns or 0
    for tid, blocked in exact.items():
        slack = 0.01 * blocked + 5e6 + 4 * (blocked * period) ** 0.5 + 3 * period
        assert abs(rows[tid] - blocked) <= slack, (tid, rows[tid], blocked, slack)
    everything = sum(exact.values())
    slack = 0.01 * everything + 4 * (everything * period) ** 0.5
    assert abs(sum(rows.values()) - everything) <= slack, (rows, exact, period)
    print(f"{sum(rows.values()) / 1e9:.3f} s in rows, {everything / 1e9:.3f} s blocked by the threads' accounts "
          f"(+- {slack / 1e9:.3f})")


@pytest.mark.parametrize("name", PROGRAMS)
def test_waits_are_whole_and_blamed(name, tmp_path):
    kinds = EXPECTED[name]
    ends, lost, blames, one = collections.Counter(), collections.Counter(), collections.defaultdict(Blame), 0
    for turn in itertools.count():
        tmp = tmp_path / str(turn)
        tmp.mkdir()
        with PROGRAMS[name](tmp) as popen:
            known = all_there(popen.pid, kinds)
            _, profile = probe.record(tmp / "out.pb.gz", "-p", popen.pid, "--mode", "off", "-d", SECONDS,
                                      timeout=float(SECONDS) + 60)
        assert_blocked(profile)
        one = max(one, profile.info.off_period_ns or 0)
        for sample in profile.samples:
            kind = known.get(sample.labels["thread_id"], "born meanwhile")
            blames[kind].add(sample, kinds.get(kind, (0, []))[1])
        ends.update(profile.info.wait_ends)
        lost.update({reason: profile.info.wait[reason] for reason in LOST})
        if sum(ends.values()) >= WAITS:
            break
    walks = sum(ends.values())
    failed = walks - ends["root", ""] + sum(lost.values())
    print(f"{name}: {walks} waits pooled, {failed} without a whole stack ({failed / walks:.4%})")
    for (reason, module), count in ends.items():
        if reason != "root":
            print(f"  {count} {reason} in {module or '?'}")
    for kind, blame in blames.items():
        blame.show(kind)
    assert set(kinds) <= set(blames)
    for kind in kinds:
        blame = blames[kind]
        assert blame.total() > 0, kind
        # Two waits that stand for many more may be outside, however short they were.
        outside = sum(blame.outside.values())
        assert outside <= (1 - LEAST) * blame.total() + 2 * one, (kind, blame.outside.most_common(5))
    everything = sum(blame.total() for blame in blames.values())
    assert sum(sum(b.by_row.values()) for b in blames.values()) >= LEAST * everything
    assert failed <= 0.001 * walks + 2, (ends, lost)
