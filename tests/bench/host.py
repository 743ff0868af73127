# SPDX-License-Identifier: Apache-2.0
"""What the profiler costs a host: the daemon at rest, a recording of everything at a low rate with the host idle and
busy, and of a build, which is a storm of execs. What is there once and what each CPU adds are told apart."""
import contextlib
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/e2e"))
import probe  # noqa: E402
from daemon import Daemon  # noqa: E402
from switches import interval  # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("HOST_SECONDS", "10"))
# A build is half a second: the machine is as fast beside it as under it, which it is not for long.
FILES = int(os.environ.get("HOST_FILES", "40"))
BUILDS = 12 * ROUNDS
HZ = 19
BPF_STATS = Path("/proc/sys/kernel/bpf_stats_enabled")
BPFTOOL = "/usr/sbin/bpftool"
PERF = "/usr/bin/perf"
# What a daemon keeps for the next recording it lets go after this time.
REST_SECONDS = 65


def exceeds(what, value, unit, ceiling):
    verdict = "within the ceiling" if value <= ceiling else "TOO MUCH"
    print(f"  {what}: {value:.3g} {unit}, ceiling {ceiling:.3g} {unit}: {verdict}")
    return value > ceiling


def cpus():
    return os.sysconf("SC_NPROCESSORS_ONLN")


def cpu_ns(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            total += probe.cpu_ns(pid)
    return total


def pss_bytes(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1]) << 10
    return total


def switches(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += sum(map(int, re.findall(r"ctxt_switches:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())))
    return total


def map_bytes():
    """(once, for each CPU) of the BPF maps that our processes hold."""
    ours = probe.bpf_objects()
    once = each = 0
    for found in json.loads(probe.run(BPFTOOL, "map", "show", "-j").out):
        if ("map", found["id"]) in ours:
            by_cpu = found["type"].startswith("percpu") or found["type"] == "user_ringbuf"
            once += 0 if by_cpu else found["bytes_memlock"]
            each += found["bytes_memlock"] / cpus() if by_cpu else 0
    return once, each


def program_ns():
    """(of the programs, runs) of all of ours, while statistics are on."""
    ours = probe.bpf_objects()
    listed = [p for p in json.loads(probe.run(BPFTOOL, "prog", "show", "-j").out) if ("prog", p["id"]) in ours]
    return {p["name"]: (p.get("run_time_ns", 0), p.get("run_cnt", 0)) for p in listed}


@contextlib.contextmanager
def statistics_on():
    before = BPF_STATS.read_text()
    BPF_STATS.write_text("1")
    try:
        yield
    finally:
        BPF_STATS.write_text(before)


def at_rest(server, what):
    """Over some seconds: CPU time and times it woke; memory of the processes and of the maps."""
    pids = [server.pid, *probe.descendants(server.pid)]
    before, woke = cpu_ns(pids), switches(pids)
    time.sleep(SECONDS)
    used, woke = cpu_ns(pids) - before, switches(pids) - woke
    once, each = map_bytes()
    print(f"{what}: {len(pids)} processes, woke {woke} times in {SECONDS:.0f} s; memory of theirs {pss_bytes(pids) / 1e6:.1f} MB, "
          f"of BPF maps {once / 1e6:.1f} MB and {each / 1e3:.0f} kB a CPU")
    exceeded = exceeds("CPU", 100 * used / SECONDS / 1e9, "%", 0.05)
    return exceeds("memory", (pss_bytes(pids) + once + each * cpus()) / 1e6, "MB", 20) or exceeded


def rest(directory):
    with Daemon(directory) as server:
        exceeded = at_rest(server, "daemon that has not recorded")
        server.record("-a", "-F", HZ, "-o", directory / "x.pb.gz", "--force", "2s")
        time.sleep(REST_SECONDS)
        return at_rest(server, f"daemon {REST_SECONDS} s after a recording") or exceeded


def whole(directory, mode, busy):
    """A recording of everything, begun before: cost a second of the processes and of the programs."""
    with contextlib.ExitStack() as stack:
        for _ in range(cpus() if busy else 0):
            stack.enter_context(probe.target("shares", 3600))
        before_steal = probe.Steal()
        recording = stack.enter_context(probe.Recording("-a", "-F", HZ, "--mode", mode, "-o", directory / "x.pb.gz", "--force"))
        time.sleep(6)  # tables, and what names need, which is read from the third second on, once
        pids = [recording.pid, *probe.descendants(recording.pid)]
        used, ran = cpu_ns(pids), program_ns()
        time.sleep(SECONDS)
        used, after = cpu_ns(pids) - used, program_ns()
        once, each = map_bytes()
        memory = pss_bytes(pids)
        recording.end(signal.SIGINT)
    ns = sum(after[name][0] - ran[name][0] for name in ran)
    by_cpu = 100 * ns / 1e9 / SECONDS / cpus()
    runs = ", ".join(f"{name} {(after[name][1] - ran[name][1]) / SECONDS:,.0f}/s {(after[name][0] - ran[name][0]) / (after[name][1] - ran[name][1]):.0f} ns"
                     for name in ran if after[name][1] > ran[name][1])
    print(f"everything at {HZ} Hz, mode {mode}, {'busy' if busy else 'as it is'} ({before_steal.share():.0%} stolen): processes "
          f"{100 * used / SECONDS / 1e9:.2f} %, programs {by_cpu:.2f} % a CPU ({runs}); memory of the processes {memory / 1e6:.1f} MB, "
          f"of BPF maps {once / 1e6:.1f} MB and {each / 1e3:.0f} kB a CPU")
    return exceeds("of one CPU, a CPU", 100 * (used / 1e9 / SECONDS) / cpus() + by_cpu, "%", 1.0 if busy else 0.3)


def project(directory):
    """Some small files of C."""
    names = [f"part{i}" for i in range(FILES)]
    for i, name in enumerate(names):
        (directory / f"{name}.c").write_text(
            f"#include <stdio.h>\n#include <string.h>\nint {name}(int n)\n{{\n\tchar text[64];\n\tsnprintf(text, sizeof(text), \"%d\", n + {i});\n"
            "\treturn (int)strlen(text);\n}\n")
    (directory / "Makefile").write_text(
        f"objects := {' '.join(name + '.o' for name in names)}\nall: $(objects)\n%.o: %.c\n\t@gcc -O1 -c -o $@ $<\n"
        "clean:\n\t@rm -f $(objects)\n")


def build(directory):
    """(seconds, CPU seconds of it)."""
    subprocess.run(["make", "-s", "-C", directory, "clean"], check=True)
    popen = subprocess.Popen(["make", "-s", "-j2", "-C", directory])
    began = time.monotonic()
    _, code, usage = os.wait4(popen.pid, 0)
    popen.returncode = code
    assert code == 0
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime


@contextlib.contextmanager
def recorded_by_perf(directory):
    popen = subprocess.Popen([PERF, "record", "-q", "-a", "-g", "-e", "cpu-clock", "-F", str(HZ), "-o", directory / "perf.data"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        probe.wait_for(lambda: (directory / "perf.data").exists(), 10, "perf to begin")
        time.sleep(0.3)
        yield [popen.pid]
        popen.send_signal(signal.SIGINT)
        popen.wait(30)
    finally:
        (directory / "perf.data").unlink(missing_ok=True)
        popen.kill()
        popen.wait()


@contextlib.contextmanager
def recorded(directory, server, mode):
    popen = server.recording("-a", "-F", HZ, "--mode", mode, "-o", directory / "x.pb.gz", "--force")
    try:
        assert b"Profiling" in popen.stderr.readline()
        yield [popen.pid, server.pid]
        popen.send_signal(signal.SIGINT)
        err = popen.communicate(timeout=30)[1]
        assert popen.returncode == 0, err
    finally:
        popen.kill()
        popen.communicate()


def build_under(directory, recording):
    """(seconds, CPU seconds of the build, of the profiler meanwhile)."""
    with recording as roots:
        pids = [pid for root in roots for pid in (root, *probe.descendants(root))]
        before = cpu_ns(pids)
        took, used = build(directory / "project")
        return took, used, (cpu_ns(pids) - before) / 1e9


def storm(directory):
    """make -j2 beside a build that nothing records, again and again, in an order that changes; time and CPU as ratios."""
    (directory / "project").mkdir()
    project(directory / "project")
    with Daemon(directory) as server:
        ways = {
            "alone": lambda: contextlib.nullcontext(()),
            "probe cpu": lambda: recorded(directory, server, "cpu"),
            "probe wall": lambda: recorded(directory, server, "wall"),
            f"perf -a -g, {HZ} Hz": lambda: recorded_by_perf(directory),
        }
        build(directory / "project")
        once = build_under(directory, recorded(directory, server, "wall"))[2]
        runs = {way: [] for way in ways}
        for _ in range(BUILDS):
            for way in random.sample(list(ways), len(ways)):
                runs[way].append(build_under(directory, ways[way]()))
    alone = runs.pop("alone")
    print(f"make -j2 of {FILES} files, {BUILDS} times each: {statistics.median(t for t, _, _ in alone):.2f} s alone, "
          f"{statistics.median(u for _, u, _ in alone):.2f} s of CPU; the first time under a recording takes the profiler {once * 1e3:.0f} ms of CPU")
    exceeded = False
    for way, those in runs.items():
        clock = [took / base for (took, _, _), (base, _, _) in zip(those, alone)]
        cpu = [used / base for (_, used, _), (_, base, _) in zip(those, alone)]
        ours = [own / base for (_, _, own), (_, base, _) in zip(those, alone)]
        low, high = interval(clock)
        print(f"  {way}: time {statistics.median(clock):.3f} ({low:.3f} - {high:.3f} with 95 %), CPU of the build "
              f"{statistics.median(cpu):.3f}, of the profiler {statistics.median(ours):.3f} of it")
        if way.startswith("probe"):
            exceeded |= exceeds("time ratio", statistics.median(clock), "", 1.02)
    return exceeded


def host():
    with tempfile.TemporaryDirectory(prefix="bench") as name, statistics_on():
        directory = Path(name)
        exceeded = [whole(directory, mode, busy) for busy in (False, True) for mode in ("cpu", "wall")]
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        exceeded += [storm(Path(name)), rest(Path(name))]
    return any(exceeded)
