# SPDX-License-Identifier: Apache-2.0
"""How long looking at large profiles takes (made.py): `probe report` beside `go tool pprof -top`, and the flame
graph's page in Chromium from its opening until it is drawn."""
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
import made  # noqa: E402
import probe  # noqa: E402
from browser import Browser  # noqa: E402

ROUNDS = 5


def measure(*args):
    """(seconds, CPU seconds, most memory in MB) of a command, by a process of its own that waits for it."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        began = time.monotonic()
        with open(os.devnull, "w") as null:
            code = subprocess.run([str(a) for a in args], stdout=null, stderr=null, env=probe.environment(HOME="/tmp")).returncode
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        figures = (time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
        os.write(writer, " ".join(map(str, figures)).encode())
        os._exit(code)
    os.close(writer)
    text = os.read(reader, 1000).decode()
    os.close(reader)
    assert os.waitpid(child, 0)[1] == 0, args
    return tuple(map(float, text.split()))


def median_of(rounds, *args):
    return tuple(map(statistics.median, zip(*(measure(*args) for _ in range(rounds)))))


def says_too_much(what, value, unit, limit):
    verdict = "within" if value <= limit else "TOO MUCH: over"
    print(f"  {what}: {value:.3g} {unit}, {verdict} {limit:g} {unit}")
    return value > limit


def report():
    """Time and memory of a report, and that its total is right; beside pprof on the smaller one."""
    exceeded = False
    for rows, seconds_most, megabytes_most in ((200_000, 0.5, 150), (1_000_000, 2.0, 600)):
        with tempfile.TemporaryDirectory() as tmp:
            path = Path(tmp) / "made.pb.gz"
            total = made.write(path, rows)
            out = probe.probe_ok("report", "--min", 0, path).out
            share = sum(float(x.replace(",", "")) for x in re.findall(r"^ *([\d,.]+)s ", out, re.M)) * 1e9 / total
            assert abs(share - 1) < 0.001, f"the functions' self times sum to {share:.4f} of the total"
            seconds, cpu, megabytes = median_of(ROUNDS, probe.BUILD / "probe", "report", path)
            print(f"report of {rows:,} rows: {seconds:.2f} s ({cpu:.2f} s of CPU), {megabytes:.0f} MB")
            # It is one thread: on a machine with nothing else to do the two are the same.
            exceeded |= says_too_much("time", min(cpu, seconds), "s", seconds_most)
            exceeded |= says_too_much("memory", megabytes, "MB", megabytes_most)
            if rows == 200_000:
                theirs = measure("/usr/bin/go", "tool", "pprof", "-top", "-symbolize=none", path)
                print(f"  go tool pprof -top: {theirs[0]:.1f} s ({theirs[1]:.1f} s of CPU), {theirs[2]:.0f} MB")
    return exceeded


def page():
    """From opening the page until its graph has been painted, and until the rest is there."""
    exceeded = False
    browser = Browser()
    try:
        for nodes, most in ((100_000, 0.5), (1_000_000, 2.0)):
            with tempfile.TemporaryDirectory() as tmp:
                made.write(Path(tmp) / "made.pb.gz", nodes)
                probe.probe_ok("flamegraph", Path(tmp) / "made.pb.gz", "-o", Path(tmp) / "page.html")
                times, whole = [], []
                for _ in range(ROUNDS):
                    opened = browser.open(f"file://{tmp}/page.html")
                    for mark, seconds in (("seen", times), ("whole", whole)):
                        seconds.append(opened.evaluate(f"performance.getEntriesByName('{mark}')[0].startTime") / 1000)
                    began = time.monotonic()
                    opened.evaluate("zoomTo(view.tree.key.length >> 1)")
                    zoom = time.monotonic() - began
                    opened.assert_quiet()
                    opened.close()
                size = (Path(tmp) / "page.html").stat().st_size / 1e6
                print(f"page of {nodes:,} nodes: {size:.1f} MB, all of it after {statistics.median(whole):.2f} s, zoom {1000 * zoom:.0f} ms")
                exceeded |= says_too_much("first paint", statistics.median(times), "s", most)
    finally:
        browser.close()
    return exceeded
