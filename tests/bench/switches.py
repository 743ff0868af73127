# SPDX-License-Identifier: Apache-2.0
"""What recording costs a program that switches a lot: throughput with and without, by turns, beside what
others have for the same question."""
import contextlib
import math
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/e2e"))
import probe  # noqa: E402
import servers  # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "1.5"))
BPFTRACE = """
tracepoint:sched:sched_switch {
  if (args->prev_pid == 0) { } else { @start[args->prev_pid] = nsecs; @stack[args->prev_pid] = ustack; @of[args->prev_pid] = pid }
  $t = args->next_pid;
  if (@of[$t] == PID && @start[$t]) { @us[@stack[$t]] = sum(nsecs - @start[$t]); }
  delete(@start[$t]); delete(@stack[$t]); delete(@of[$t]);
}"""


def probe_record(mode, out):
    return lambda pid: [probe.BUILD / "probe", "record", "--mode", mode, "-p", pid, "-o", out, "--force"]


def recorders(out):
    """name: (the command for a PID, the program it needs)."""
    return {
        "probe cpu": (probe_record("cpu", out), None),
        "probe wall": (probe_record("wall", out), None),
        "perf sched_switch": (lambda pid: ["/usr/bin/perf", "record", "-q", "-e", "sched:sched_switch", "-g", "-p", pid, "-o", out],
                              "/usr/bin/perf"),
        "bpftrace": (lambda pid: ["/usr/bin/bpftrace", "-e", BPFTRACE.replace("PID", str(pid))], "/usr/bin/bpftrace"),
        "offcputime": (lambda pid: ["/usr/sbin/offcputime", "-p", pid, "60"], "/usr/sbin/offcputime"),
    }


@contextlib.contextmanager
def tracefs():
    """What the others need to find the tracepoint."""
    where = Path("/sys/kernel/tracing")
    mounted = not any(where.iterdir()) and probe.run("/bin/mount", "-t", "tracefs", "none", where).code == 0
    try:
        yield
    finally:
        if mounted:
            probe.run("/bin/umount", where)


def works(command):
    """Whether a recorder runs on this machine."""
    with probe.program("/bin/sleep", 20) as popen:
        try:
            with recording(command, popen.pid):
                return True
        except AssertionError as why:
            print(f"  {str(why)[:150]}")
            return False


@contextlib.contextmanager
def recording(command, pid):
    if not command:
        yield
        return
    recorder = subprocess.Popen([str(word) for word in command(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                env=probe.environment())
    try:
        if str(probe.BUILD) in str(recorder.args[0]):
            assert b"Profiling" in recorder.stderr.readline()
        else:
            time.sleep(1.5)
        assert recorder.poll() is None, recorder.stderr.read()
        yield
    finally:
        recorder.send_signal(signal.SIGINT)
        try:
            recorder.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            recorder.kill()
            recorder.communicate()


def account(pid):
    """(on-CPU ns, switches to them) of all threads that a process and its descendants have."""
    found = [(0, 0)]
    for process in (pid, *probe.descendants(pid)):
        with contextlib.suppress(OSError):  # it has ended
            for task in Path(f"/proc/{process}/task").iterdir():
                oncpu, _, switches = (task / "schedstat").read_text().split()
                found.append((int(oncpu), int(switches)))
    return tuple(sum(column) for column in zip(*found))


def waits(case, sides, recorded=None):
    """Of threads that wait again and again: (switches a second, the same, on-CPU ns a switch). `sides`: 2 where each
    wait is two switches, to the idle thread and back; 1 where the next thread is the target's, too. `recorded`: the
    process that is recorded, when it is not theirs."""
    def run(command):
        popen = subprocess.Popen([probe.TARGETS / "waits", str(SECONDS), case], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert popen.stdout.readline() == b"ready\n"
            with recording(command, recorded or popen.pid):
                before, began = account(popen.pid), time.monotonic()
                popen.stdin.write(b"\n")
                popen.stdin.flush()
                assert b"done\n" in iter(popen.stdout.readline, b"")
                took = time.monotonic() - began
                oncpu, switches = (b - a for a, b in zip(before, account(popen.pid)))
        finally:
            popen.communicate(b"")
        return sides * switches / took, sides * switches / took, oncpu / (sides * switches)
    return run


def redis(tmp):
    """Of the server: (requests a second, switches a second, on-CPU ns a request); 20 clients without pipelining."""
    def run(command):
        with probe.redis(tmp, load=False) as server, recording(command, server.pid):
            # It calls itself "redis-server 127.0.0.1:PORT".
            title = lambda: re.search(rb":(\d+)", Path(f"/proc/{server.pid}/cmdline").read_bytes())
            port = probe.wait_for(title, 5, "the server's title")[1].decode()
            before, began = account(server.pid), time.monotonic()
            requests = int(40000 * SECONDS)
            done = probe.run("/usr/bin/redis-benchmark", "-h", "127.0.0.1", "-p", port, "-t", "get", "-c", "20", "-n", requests,
                             "--csv")
            took = time.monotonic() - began
            oncpu, switches = (b - a for a, b in zip(before, account(server.pid)))
        return float(re.search(r'^"GET","([\d.]+)"', done.out, re.M)[1]), switches / took, oncpu / requests
    return run


def pgbench(server):
    """Of a server that is there, and its backends: (transactions a second, switches a second, on-CPU ns a transaction),
    16 clients that write."""
    port = Path(f"/proc/{server.pid}/cmdline").read_bytes().split(b"\0")[4].decode()
    seconds = max(3, round(2 * SECONDS))

    def run(command):
        with recording(command, server.pid), tempfile.TemporaryFile("w+") as out:
            load = subprocess.Popen([f"{servers.POSTGRES}/pgbench", "-n", "-c", "16", "-T", str(seconds), "-h", "127.0.0.1", "-p",
                                     port, "-U", "postgres", "postgres"], stdout=out, stderr=subprocess.STDOUT, cwd="/",
                                    user="postgres", group="postgres")
            time.sleep(0.5)
            before, began = account(server.pid), time.monotonic()
            time.sleep(seconds - 1)
            took = time.monotonic() - began
            oncpu, switches = (b - a for a, b in zip(before, account(server.pid)))
            assert load.wait(timeout=60) == 0
            out.seek(0)
            rate = float(re.search(r"^tps = ([\d.]+)", out.read(), re.M)[1])
        return rate, switches / took, oncpu / (rate * took)
    return run


def interval(ratios):
    """Where their median lies, with 95 %: an order statistic."""
    ratios, n = sorted(ratios), len(ratios)
    outside, low = 0, 0
    while outside + math.comb(n, low) <= 0.025 * 2 ** n:
        outside += math.comb(n, low)
        low += 1
    return ratios[max(low - 1, 0)], ratios[n - max(low, 1)]


def measure(name, run, ways, rounds=ROUNDS):
    """Rounds of all ways, the first of which records nothing: of each other the ratios, and ns a switch."""
    found = {way: [] for way in ways}
    for i in range(rounds):
        order = list(ways) if i % 2 else list(reversed(ways))
        for way in order:
            found[way].append(run(ways[way]))
    alone = [rate for rate, _, _ in found["alone"]]
    switches = [s for _, s, _ in found["alone"]]
    print(f"{name}: {statistics.median(alone):,.0f} a second alone ({min(alone):,.0f} - {max(alone):,.0f})"
          + (f", {statistics.median(switches):,.0f} switches a second" if switches[0] else ""))
    costs = {}
    for way in list(ways)[1:]:
        ratios = [rate / base for (rate, _, _), base in zip(found[way], alone)]
        text = f"  {way:18} ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} - {max(ratios):.3f})"
        if switches[0]:
            # By how much all of a second's switches were longer; and the same by what the kernel accounts to the
            # target, which other programs on a busy machine change less.
            longer = [(1 / ratio - 1) * 1e9 / s for ratio, s in zip(ratios, switches)]
            more = [used - base for (_, _, used), (_, _, base) in zip(found[way], found["alone"])]
            text += (f"  {statistics.median(longer):+8,.0f} ns a switch ({min(longer):+,.0f} - {max(longer):+,.0f})"
                     f"  on-CPU {statistics.median(more):+8,.0f} ns ({min(more):+,.0f} - {max(more):+,.0f})")
            costs[way] = ratios, statistics.median(longer)
        print(text)
    return costs


@contextlib.contextmanager
def awake(cpu):
    """This process and its children on one CPU, which never idles: how deep it sleeps, and how long it takes to wake,
    depends on whatever else happens there, and is no cost of a switch."""
    spinner = subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"],
                               preexec_fn=lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)))
    had = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(spinner.pid, {cpu})
        os.sched_setaffinity(0, {cpu})
        yield
    finally:
        os.sched_setaffinity(0, had)
        spinner.kill()
        spinner.wait()


def seldom(ways):
    """Below 10,000 switches a second nothing is to be seen; true: it is, or the interval is too wide to tell. And what
    it is where nothing else hides it."""
    rounds = max(3 * ROUNDS, 15)
    low, high = interval(measure("naps of 250 us", waits("rests", 2), ways, rounds)["probe wall"][0])
    bad = not low <= 1 <= high or high - low > 0.04
    print(f"  probe wall: ratio {low:.3f} - {high:.3f} with 95 %, which is to hold 1 within +-2 %: {'NO' if bad else 'yes'}")
    with awake(max(os.sched_getaffinity(0))):
        low, high = interval(measure("the same on a CPU that never idles", waits("rests", 2), ways, rounds)["probe wall"][0])
    print(f"  probe wall: ratio {low:.3f} - {high:.3f} with 95 %")
    return bad


def foreign(ways):
    """What a switch of others costs more while a process that sleeps is recorded; beside the least that any program
    there costs, for it does nothing, and others' that are met by every switch. By time only: ticks, which `probe wall`
    has too, are no cost of a switch."""
    with probe.program("/bin/sleep", 3600) as sleeper:
        costs = measure("pipe ping-pong of others", waits("pipe", 1, sleeper.pid), ways, max(3 * ROUNDS, 15))
    cost, least = costs["probe off"][1], costs["nothing"][1]
    verdict = "within the ceiling" if cost <= 60 else "TOO MUCH"
    print(f"  probe off: {cost:.0f} ns a switch of others, of which {least:.0f} are a program's that does nothing; ceiling 60: {verdict}")
    return cost > 60


def switches():
    exceeded = False
    with tempfile.TemporaryDirectory(prefix="bench") as name, tracefs():
        out = Path(name) / "out"
        ways = {"alone": None}
        for way, (command, needs) in recorders(out).items():
            if needs and not shutil.which(needs):
                print(f"{way}: {needs} is not installed")
            elif not works(command):
                print(f"{way}: does not run here")
            else:
                ways[way] = command
        print(f"{ROUNDS} rounds")
        for title, run in (("pipe ping-pong on one CPU", waits("pipe", 1)), ("futex ping-pong across two", waits("futex", 2))):
            cost = measure(title, run, ways)["probe wall"][1]
            verdict = "within the aim" if cost <= 150 else "within the ceiling" if cost <= 250 else "TOO MUCH"
            print(f"  probe wall: {cost:.0f} ns a switch, ceiling 250, aim 150: {verdict}")
            exceeded |= verdict == "TOO MUCH"
        exceeded |= seldom({way: ways[way] for way in ("alone", "probe wall")})
        everywhere = {way: ways[way] for way in ("alone", "bpftrace", "offcputime") if way in ways}
        bare = {"probe off": probe_record("off", out), "nothing": lambda pid: [probe.BUILD / "bench/bare"]}
        exceeded |= foreign({**everywhere, **bare})
        measure("redis, GET", redis(name), ways)
        with servers.postgres(Path(name), load=None) as server:
            measure("pgbench, 16 clients", pgbench(server), ways)
    return exceeded
