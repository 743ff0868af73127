#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What recording costs, beside `perf record`, in parts:

cost      a fixed CPU job alone and recorded, interleaved; CPU time, memory and time to a text
slowdown  the same job at more rates, beside `perf record -g` and `--call-graph dwarf`; bytes written
whole     what a recording takes from its start to its end from a job on the same CPU, beside the same (whole.py)
depth     ns of BPF a sample, by the depth of the stack, with warm tables
tables    time and bytes of the unwind rows of large files
attach    seconds until a process of so many threads is recorded (ceiling 2)
names     ms from the end of a recording to the text of its report, beside perf's and addr2line (names.py)
report    a report of large profiles, beside `go tool pprof -top` (views.py)
page      the flame graph's page of large profiles in a browser (views.py)
differences  what diff says of recordings: of an unchanged program, and of a planted slowdown (differences.py);
          takes minutes, and is run when asked for alone
host      the daemon at rest, a recording of everything, and of a build (host.py)

A run of the job is the same work again and again (BENCH_SECONDS of it when nothing records), timed by itself. In
each round every way to record gets one run, in an order that changes; the ratio of a round is its time
over that round's time alone. Printed: the median of the ratios with its 95 % interval (bootstrap), CPU
seconds of all processes of the profiler while it records (of one CPU) and in all (with start, names and
writing), the most memory they had at once, the kernel memory of the BPF maps, and the time from the end of the job to a report as text.

Environment: BENCH (all the parts: cost,slowdown,…), BENCH_SECONDS (2.0) a run, BENCH_ROUNDS (9)."""
import contextlib
import json
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
import differences  # noqa: E402
import names  # noqa: E402
import probe  # noqa: E402
import views  # noqa: E402
import whole as whole_recording  # noqa: E402
from host import host, statistics_on  # noqa: E402
from switches import switches  # noqa: E402

SECONDS = float(os.environ.get("BENCH_SECONDS", "2.0"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "9"))
PARTS = os.environ.get("BENCH", "cost,slowdown,whole,depth,tables,attach,names,report,page,switches,host").split(",")
JOB = probe.TARGETS / "job"
PERF = "/usr/bin/perf"
BPFTOOL = "/usr/sbin/bpftool"


class Watch(threading.Thread):
    """Samples /proc for a profiler's processes: CPU time and the memory they had at once."""

    def __init__(self, root_pid):
        super().__init__(daemon=True)
        self.root_pid = root_pid
        self.cpu, self.peak_kb, self.ended = {}, 0, threading.Event()

    def look(self):
        total = 0
        for pid in [self.root_pid, *probe.descendants(self.root_pid)]:
            with contextlib.suppress(OSError, IndexError, ValueError):
                self.cpu[pid] = max(self.cpu.get(pid, 0), probe.cpu_ns(pid))
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
        self.peak_kb = max(self.peak_kb, total)

    def run(self):
        while not self.ended.wait(0.1):
            self.look()

    def cpu_seconds(self):
        return sum(self.cpu.values()) / 1e9


def maps_bytes(root_pid):
    """Kernel memory of the BPF maps that the profiler's processes hold."""
    maps = {}
    for pid in probe.descendants(root_pid):
        with contextlib.suppress(OSError):
            for path in Path(f"/proc/{pid}/fdinfo").iterdir():
                with contextlib.suppress(OSError):
                    info = dict(re.findall(r"^(map_id|memlock):\s*(\d+)$", path.read_text(), re.M))
                    if "map_id" in info:
                        maps[info["map_id"]] = int(info.get("memlock", 0))
    return sum(maps.values())


def job_seconds(text):
    return float(text.split()[-1])


class Way:
    """One way to run the job."""

    def __init__(self, name, hz=None, tool=None, graph=("-g",), to_text=True):
        self.name, self.hz, self.tool, self.graph, self.to_text = name, hz, tool, graph, to_text
        self.forget()
        self.maps = 0

    def forget(self):
        self.times, self.ratios, self.cpu, self.all_cpu, self.peak_kb, self.text, self.bytes = ([] for _ in range(7))

    def run(self, work, tmp):
        if not self.tool:
            self.times.append(job_seconds(subprocess.check_output([JOB, str(work)], text=True)))
            return
        # The job waits until the recording runs: attaching is not part of the measure.
        job = subprocess.Popen([JOB, str(work), "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        out = tmp / f"{self.tool}.out"
        if self.tool == "probe":
            command = [probe.BUILD / "probe", "record", "-p", str(job.pid), "-g", "-F", str(self.hz), "-o", out, "--force"]
        else:
            command = [PERF, "record", "-p", str(job.pid), *self.graph, "-F", str(self.hz), "-e", "cpu-clock", "-o", out]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        recorder = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=probe.environment())
        if self.tool == "probe":
            assert b"Profiling" in recorder.stderr.readline()
        else:
            time.sleep(0.8)
        if self.tool == "probe" and not self.maps:
            self.maps = maps_bytes(recorder.pid)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
        watch = Watch(recorder.pid)
        watch.look()
        at_start = watch.cpu_seconds()
        if self.to_text:  # looking costs CPU time, which a slowdown shows
            watch.start()
        job.stdin.close()
        self.times.append(job_seconds(job.stdout.read()))
        watch.look()
        self.cpu.append((watch.cpu_seconds() - at_start) / self.times[-1])
        job_usage = os.wait4(job.pid, 0)[2]
        job.returncode = 0
        recorder.communicate(timeout=60)
        if self.to_text:
            watch.ended.set()
            watch.join()
        # All processes of the profiler are children that ended: the kernel's own sum.
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
        used -= job_usage.ru_utime + job_usage.ru_stime
        self.all_cpu.append(max(used, watch.cpu_seconds()))
        self.peak_kb.append(watch.peak_kb)
        self.bytes.append(out.stat().st_size)
        if self.to_text:
            self.text.append(self.time_to_text(out))

    def time_to_text(self, out):
        began = time.monotonic()
        if self.tool == "probe":
            subprocess.run([probe.BUILD / "probe", "report", out], check=True, stdout=subprocess.DEVNULL, env=probe.environment())
        else:
            subprocess.run([PERF, "report", "--stdio", "-i", out], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, env=probe.environment())
        return time.monotonic() - began


def interval(values, times=4000):
    """Of the median: 95 %, by bootstrap."""
    generator = random.Random(1)
    medians = sorted(statistics.median(generator.choices(values, k=len(values))) for _ in range(times))
    return medians[int(times * 0.025)], medians[int(times * 0.975)]


def work_for(seconds):
    """Rounds of the job's work that take so long alone."""
    probe_work = 200
    took = min(job_seconds(subprocess.check_output([JOB, str(probe_work)], text=True)) for _ in range(3))
    return max(1, int(probe_work * seconds / took))


def run_interleaved(ways, rounds, work):
    """So many rounds of all ways, the first of which records nothing."""
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        for i in range(rounds):
            order = ways[i % len(ways):] + ways[:i % len(ways)]
            for way in order if i % 2 else reversed(order):
                way.run(work, Path(name))
            for way in ways[1:]:
                way.ratios.append(way.times[-1] / ways[0].times[-1])


def exceeds(what, value, unit, ceiling, aim):
    """Prints how a figure stands to its ceiling and its aim."""
    verdict = "within the aim" if value <= aim else "within the ceiling" if value <= ceiling else "TOO MUCH"
    print(f"{what}: {value:.4g} {unit}, ceiling {ceiling:.4g} {unit}, aim {aim:.4g} {unit}: {verdict}")
    return value > ceiling


def cost():
    ways = [Way("alone"), Way("probe 99 Hz", 99, "probe"), Way("probe 999 Hz", 999, "probe"), Way("perf -g 99 Hz", 99, "perf")]
    work = work_for(SECONDS)
    steal = probe.Steal()
    run_interleaved(ways, 1, work)  # to warm up
    for way in ways:
        way.forget()
    run_interleaved(ways, ROUNDS, work)
    print(f"{ROUNDS} rounds of a job of {statistics.median(ways[0].times):.2f} s; "
          f"{steal.share():.1%} of the machine's time was stolen")
    print(f"{'':14} {'ratio':>7} {'95 % interval':>16} {'CPU':>7} {'CPU in all':>10} {'peak PSS':>9} {'BPF maps':>9} {'to text':>8}")
    for way in ways[1:]:
        low, high = interval(way.ratios)
        maps = f"{way.maps / 1e6:.1f} MB" if way.maps else "-"
        print(f"{way.name:14} {statistics.median(way.ratios):7.4f} {low:7.4f} - {high:.4f} "
              f"{statistics.median(way.cpu):7.2%} {statistics.median(way.all_cpu):8.3f} s {max(way.peak_kb) / 1e3:6.1f} MB {maps:>9} {statistics.median(way.text):6.2f} s")
    ours = ways[1]
    exceeded = exceeds("CPU at 99 Hz", statistics.median(ours.cpu) * 100, "%", 2.0, 0.5)
    return exceeds("peak memory at 99 Hz", max(ours.peak_kb) / 1e3, "MB", 64, 40) or exceeded


def slowdown():
    ways = [Way("alone")]
    ways += [Way(f"{tool}{' -g' if tool == 'perf' else ''} {hz:,} Hz", hz, tool, to_text=False)
             for tool in ("probe", "perf") for hz in (99, 999, 4999)]
    ways += [Way(f"perf dwarf,{size} 99 Hz", 99, "perf", ("--call-graph", f"dwarf,{size}"), to_text=False)
             for size in (8192, 65528)]
    # What the interrupts alone cost: no sampler by timer is below it.
    ways.append(Way("perf 999 Hz, no stacks", 999, "perf", (), to_text=False))
    rounds = min(ROUNDS, 5)
    run_interleaved(ways, rounds, work_for(SECONDS))
    alone = ways[0].times
    noise = max(alone) / min(alone) - 1
    print(f"{rounds} rounds of a job of {statistics.median(alone):.2f} s, which alone differed by {noise:.1%}")
    print(f"{'':22} {'ratio':>7} {'lowest - highest':>17} {'bytes written':>14}")
    for way in ways[1:]:
        print(f"{way.name:22} {statistics.median(way.ratios):7.4f}  {min(way.ratios):.4f} - {max(way.ratios):.4f} {statistics.median(way.bytes):14,.0f}")
    by_name = {way.name: way for way in ways}
    ours, interrupts = (by_name[name].ratios for name in ("probe 999 Hz", "perf 999 Hz, no stacks"))
    print(f"probe 999 Hz beside interrupts alone: {statistics.median(ours) - statistics.median(interrupts):+.2%}")
    kilobytes = lambda name: statistics.median(by_name[name].bytes) / 1e3
    exceeded = False
    for size in (8192, 65528):
        name = f"perf dwarf,{size} 99 Hz"
        theirs = by_name[name].ratios
        more = statistics.median(ours) - statistics.median(theirs)
        # A busy machine's noise is larger than the difference may be: only ranges apart tell of one.
        verdict = ("below it" if max(ours) < min(theirs) else "TOO MUCH" if min(ours) > max(theirs) else "not told apart")
        print(f"slowdown of probe 999 Hz, ceiling that of {name}: {more:+.1%}: {verdict}")
        exceeded |= verdict == "TOO MUCH" and rounds > 1
        exceeded |= exceeds(f"bytes of probe 99 Hz beside {name}", kilobytes("probe 99 Hz"), "kB", kilobytes(name) / 50,
                            kilobytes(name) / 100)
    return exceeded


def whole():
    return whole_recording.whole(min(ROUNDS, 5))


def sampler_runs():
    """(ns, runs) of the sampling program of the recording that runs."""
    ours = probe.bpf_objects()
    listed = json.loads(probe.run(BPFTOOL, "prog", "show", "-j").out)
    found = [p for p in listed if p.get("name") == "sampler_tick" and ("prog", p["id"]) in ours]
    return sum(p.get("run_time_ns", 0) for p in found), sum(p.get("run_cnt", 0) for p in found)


def sample_cost(depth, out):
    """(frames, ns a sample, share of the runs that met the target). Alone on its CPU, it has nearly all
    the runs; what the others took counts as its own."""
    cpu = str(max(os.sched_getaffinity(0)))
    with probe.program("/usr/bin/taskset", "-c", cpu, probe.TARGETS / "deep", 60, depth - 6) as popen:
        time.sleep(0.2)
        with probe.Recording("-p", popen.pid, "--cpu", cpu, "-F", 4999, "-o", out, "--force", "-d", "2.2s") as recording:
            time.sleep(0.4)  # the tables are there
            ns, runs = sampler_runs()
            time.sleep(1.5)
            ns, runs = (after - before for before, after in zip((ns, runs), sampler_runs()))
            result = recording.end()
            assert result.code == 0 and runs > 0, result
    profile = probe.Profile(out)
    info = profile.info
    share = info.samples / (info.samples + info.firing.get("elsewhere", 0))
    frames = sum(len(s.frames) * s.values["samples"] for s in profile.samples) / max(profile.total(), 1)
    return frames, ns / (runs * share), share


def depth():
    rows, exceeded = [], False
    with tempfile.TemporaryDirectory(prefix="bench") as name, statistics_on():
        for frames in (6, 30, 128, 500, 1000):
            rows.append(sample_cost(frames, Path(name) / "out.pb.gz"))
    print("BPF time of a sample, tables warm")
    for frames, ns, share in rows:
        ceiling = 4 + 0.25 * frames
        exceeded |= exceeds(f"{frames:6.1f} frames ({share:.0%} of the runs)", ns / 1e3, "us", ceiling, ceiling / 2)
    slope, start = statistics.linear_regression([r[0] for r in rows], [r[1] / 1e3 for r in rows])
    print(f"fit: {start:.2f} us + {slope:.3f} us a frame; ceiling 4 us + 0.25 us a frame")
    return exceeded


def tables():
    paths = [Path("/usr/lib/x86_64-linux-gnu/libc.so.6"), *sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres")),
             Path("/usr/bin/node"), Path("/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1")]
    paths = [path for path in paths if path.exists()]
    print(f"{'unwind rows of':18} {'ms':>7} {'rows':>10} {'rules':>7} {'bytes':>11}")
    for line in subprocess.check_output([probe.BUILD / "bench/tables", *paths], text=True).splitlines():
        path, us, rows, rules, size = line.rsplit(None, 4)
        print(f"{Path(path).name:18} {int(us) / 1e3:7.1f} {int(rows):10,} {int(rules):7,} {int(size):11,}")
    return False


def attach_seconds(tool, pid, out):
    if tool == "probe":
        command, says = [probe.BUILD / "probe", "record", "-p", str(pid), "-o", out, "--force"], "Profiling"
    else:  # it runs the command once its events are there
        command, says = [PERF, "record", "-p", str(pid), "-g", "-F", "99", "-e", "cpu-clock", "-o", out, "--", "/bin/echo", "on"], "on"
    began = time.monotonic()
    recorder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=probe.environment())
    try:
        said = recorder.stdout.readline()
        seconds = time.monotonic() - began
        return seconds if says in said else None
    finally:
        recorder.send_signal(probe.signal.SIGINT)
        recorder.communicate(timeout=60)


def attach():
    exceeded = False
    print(f"seconds to attach (median of 3), ceiling 2: {'threads':>7} {'probe':>8} {'perf':>8}")
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        for threads in (1, 64, 500, 2000, 10000):
            sleepers = subprocess.Popen([probe.TARGETS / "sleepers", str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                assert sleepers.stdout.readline() == b"ready\n"
                found = {tool: [attach_seconds(tool, sleepers.pid, Path(name) / tool) for _ in range(3)] for tool in ("probe", "perf")}
            finally:
                sleepers.communicate()
            text = ["-" if None in seconds else f"{statistics.median(seconds):.3f}" for seconds in found.values()]
            verdict = None in found["probe"] or statistics.median(found["probe"]) > 2
            print(f"{'':43} {threads:7,} {text[0]:>8} {text[1]:>8}{'  TOO MUCH' if verdict else ''}")
            exceeded |= verdict
    return exceeded


def main():
    parts = {part.__name__: part for part in (cost, slowdown, whole, depth, tables, attach, names.names, views.report, views.page, differences.differences, switches, host)}
    unknown = set(PARTS) - set(parts)
    if unknown:
        sys.exit(f"BENCH: {', '.join(sorted(unknown))}: no such part; there are {', '.join(parts)}")
    exceeded = False
    for part in (part for name, part in parts.items() if name in PARTS):
        exceeded |= part()
        print(flush=True)
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
