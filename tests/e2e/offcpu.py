# SPDX-License-Identifier: Apache-2.0
"""Recordings of time off the CPU: the target that knows how it waits, its threads' accounts as the kernel
keeps them, and what a profile says of each thread."""
import contextlib
import ctypes
import dataclasses
import os
import subprocess
import time
from pathlib import Path

import probe

FIELDS = {1: "pid", 2: "tid", 3: "name", 5: "samples", 6: "oncpu", 7: "runnable", 8: "blocked", 9: "wall", 10: "stolen"}
MS = 1_000_000


def account(pid):
    """By thread that sleeps: (on-CPU, runnable) ns, in its whole life. Waits until all of them do, which is
    when the account is complete."""
    def all_asleep():
        found = {}
        for task in Path(f"/proc/{pid}/task").iterdir():
            if (task / "stat").read_text().rsplit(")", 1)[1].split()[0] not in "SDT":
                return None
            found[int(task.name)] = tuple(int(x) for x in (task / "schedstat").read_text().split()[:2])
        return found
    return probe.wait_for(all_asleep, 10, "the threads to sleep")


def threads(profile):
    """What the profile tells of each thread's times: {(tid, name): {field: ns}}; ended ones are folded, tid 0."""
    found = {}
    for raw in profile.info.thread:
        one = {name: raw.get(number, 0) for number, name in FIELDS.items()}
        one["name"] = raw.get(3, b"").decode()
        found[one["tid"], one["name"]] = one
    return found


def of_thread(profile, tid):
    return next(t for (number, _), t in threads(profile).items() if number == tid)


def off_ns(profile, where=lambda s: True):
    """Of intervals off the CPU: blocked and runnable."""
    return profile.total("blocked", where) + profile.total("runnable", where)


def has(sample, function):
    return any(f.function == function for f in sample.frames)


def process_ns(pid):
    """On-CPU time of a process with all threads that it ever had, by its own clock."""
    return time.clock_gettime_ns((~pid << 3) | 2)


@dataclasses.dataclass
class Told:
    """A line of the target's."""
    name: str
    number: int
    numbers: list

    def waited(self, place=0):
        return self.numbers[place]


@dataclasses.dataclass
class Waits:
    """A recording of tests/targets/waits, around all that it does."""
    profile: probe.Profile
    told: list  # Told
    used: dict  # tid: (on-CPU, runnable) ns
    all_used: int  # on-CPU ns of the process, with the threads that ended
    pid: int
    steal: probe.Steal
    result: probe.Result

    def of(self, name):
        return [t for t in self.told if t.name == name]


def record(tmp, seconds, cases, *options, meanwhile=None):
    """Records `waits` from before its threads pass the gate until all of them sleep for good. Calls
    meanwhile(pid) while they work."""
    out = tmp / "waits.pb.gz"
    with probe.target("waits", seconds, *cases, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as popen:
        assert popen.stdout.readline() == b"ready\n"
        before, process_before, steal = account(popen.pid), process_ns(popen.pid), probe.Steal()
        with probe.Recording("-p", popen.pid, "-o", out, "--force", *options) as recording:
            popen.stdin.write(b"\n")
            popen.stdin.flush()
            if meanwhile:
                meanwhile(popen.pid)
            lines = list(iter(popen.stdout.readline, b"done\n"))
            assert b"" not in lines, lines
            account(popen.pid)
            result = recording.end(probe.signal.SIGINT)
        after, process_after = account(popen.pid), process_ns(popen.pid)
        pid = popen.pid
    assert result.code == 0, result
    told = []
    for line in lines:
        name, number, *numbers = line.decode().split()
        told.append(Told(name, int(number), [int(x) for x in numbers]))
    used = {tid: tuple(b - a for a, b in zip(before[tid], after[tid])) for tid in before}
    return Waits(probe.Profile(out), told, used, process_after - process_before, pid, steal, result)


def close(value, expected, what, rel=0.01, slack_ns=2 * MS):
    """The issue's tolerance: 1 % or 2 ms."""
    allowed = max(rel * expected, slack_ns)
    assert abs(value - expected) <= allowed, f"{what}: {value / MS:.3f} ms, expected {expected / MS:.3f} +- {allowed / MS:.3f} ms"


def assert_accounts(waits):
    """Each thread's on-CPU and runnable time are those that the kernel kept, and with what was stolen and
    blocked they are all of its time; which is the recording's, as each was there all along."""
    known = threads(waits.profile)
    for tid, (oncpu, runnable) in waits.used.items():
        thread = of_thread(waits.profile, tid)
        what = f"{thread['name']} ({tid}) {thread}"
        close(thread["oncpu"], oncpu, "on-CPU of " + what)
        close(thread["runnable"], runnable, "runnable of " + what)
        assert thread["wall"] == sum(thread[k] for k in ("oncpu", "stolen", "runnable", "blocked")), what
        close(thread["wall"], waits.profile.duration_ns, "wall of " + what)
    # A thread that ends still runs a little after the process's clock has taken what it used.
    used = sum(t["oncpu"] for t in known.values())
    ended = sum(tid not in waits.used for tid, _ in known)
    assert 0.99 * waits.all_used - 2 * MS <= used <= 1.01 * waits.all_used + 2 * MS + 0.2 * MS * ended, (used, waits.all_used, ended)
    # Stolen: the hypervisor's, by jiffies; and a little of interrupts.
    stolen = sum(t["stolen"] for t in known.values())
    assert stolen <= waits.steal.seconds() * 1e9 + 0.05 * used + 20 * MS, (stolen, used, waits.steal.seconds())


def accounted(profile, tid):
    """Share of a thread's time that is on the CPU by its exact account, or stolen, or in a row."""
    thread = of_thread(profile, tid)
    rows = off_ns(profile, lambda s: s.labels["thread_id"] == tid)
    return (thread["oncpu"] + thread["stolen"] + rows) / thread["wall"]


def assert_blamed(waits, told, *functions):
    """What the thread measured around its calls is what the rows with that function in their stacks say.
    The call's own time on the CPU is in the measure, not in the rows. With waits taken by chance, within
    4 sigma."""
    period = waits.profile.info.off_period_ns or 0
    for function, waited in zip(functions, told.numbers):
        off = off_ns(waits.profile, lambda s: s.labels["thread_id"] == told.number and has(s, function))
        oncpu = waits.used[told.number][0] + of_thread(waits.profile, told.number)["stolen"]
        slack = max(0.005 * waited, 2 * MS) + 4 * (waited * period) ** 0.5
        what = f"{function} of {told.name} ({told.number})"
        assert waited - oncpu - slack <= off <= waited + slack, (
            f"{what}: {off / MS:.2f} ms off the CPU; it measured {waited / MS:.2f} ms, of which up to "
            f"{oncpu / MS:.2f} ms on the CPU; +- {slack / MS:.2f}")


def states(profile, where=lambda s: True):
    """Off-CPU time by state."""
    sums = {}
    for sample in profile.samples:
        state = sample.labels.get("state")
        if state and where(sample):
            sums[state] = sums.get(state, 0) + sample.values["blocked"] + sample.values["runnable"]
    return sums


def disk_file(size=32 << 20):
    """A file on a disk (the build's: what is temporary may lie in memory)."""
    path = probe.ROOT / "build" / f"disk-{os.getpid()}"
    path.write_bytes(os.urandom(1 << 20) * (size >> 20))
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
    return path


def has_state(pid, state):
    """All threads of the process are in it, by the letter of proc(5)."""
    return all((task / "stat").read_text().rsplit(")", 1)[1].split()[0] == state
               for task in Path(f"/proc/{pid}/task").iterdir())


PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000


@contextlib.contextmanager
def traced(pid):
    """All threads of the process are held by a tracer: us."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    libc.ptrace.restype = ctypes.c_long

    def ask(request, tid):
        assert libc.ptrace(request, tid, None, None) == 0, os.strerror(ctypes.get_errno())

    held = [int(task) for task in os.listdir(f"/proc/{pid}/task")]
    for tid in held:
        ask(PTRACE_SEIZE, tid)
        ask(PTRACE_INTERRUPT, tid)
        os.waitpid(tid, WALL)
    assert has_state(pid, "t")
    yield
    for tid in held:
        ask(PTRACE_DETACH, tid)


class Quota:
    """A control group with a share of a CPU: 1 ms in each 20."""

    def __init__(self, path, quota):
        self.path = path
        path.mkdir()
        for name, value in quota.items():
            (path / name).write_text(value)

    def take(self, pid):
        (self.path / "cgroup.procs").write_text(str(pid))

    def throttled(self):
        """(how often, ns) so far."""
        stat = dict(line.split() for line in (self.path / "cpu.stat").read_text().splitlines())
        ns = int(stat["throttled_time"]) if "throttled_time" in stat else 1000 * int(stat["throttled_usec"])
        return int(stat["nr_throttled"]), ns


@contextlib.contextmanager
def quota():
    """None where this machine lets nobody make such a group."""
    root = Path("/sys/fs/cgroup")
    name = f"probe-e2e-{os.getpid()}"
    group = None
    for path, settings in ((root / "cpu" / name, {"cpu.cfs_period_us": "20000", "cpu.cfs_quota_us": "1000"}),
                           (root / name, {"cpu.max": "1000 20000"})):
        with contextlib.suppress(OSError):
            group = group or Quota(path, settings)
    try:
        yield group
    finally:
        for path in (root / "cpu" / name, root / name):
            with contextlib.suppress(FileNotFoundError):
                path.rmdir()
