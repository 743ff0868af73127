# SPDX-License-Identifier: Apache-2.0
"""Whole stacks, without frame pointers: of real programs, how many reach their root; of a program whose
stacks are known, that each one is right frame by frame."""
import collections
import contextlib
import itertools
import os
import re
import shutil
import time

import pytest
from daemon import Daemon

import probe
import servers

# Enough for a look at each; `make check-whole` takes its time, at both frequencies, until it has that many.
SECONDS = os.environ.get("WHOLE_SECONDS", "2.5")
HZ = 999
WALKS = int(os.environ.get("WHOLE_WALKS", "0"))


def ends(profile):
    return profile.info.walk_ends


def whole_share(profile):
    counts = ends(profile)
    return counts.get("root", 0) / max(sum(counts.values()), 1)


# Real programs.

@contextlib.contextmanager
def redis(tmp):
    with probe.redis(tmp) as popen:
        yield popen


@contextlib.contextmanager
def sqlite(_tmp):
    with probe.program("/usr/bin/sqlite3", ":memory:", probe.SQL.format(n=10 ** 9)) as popen:
        yield popen


@contextlib.contextmanager
def python(_tmp):
    code = "import json\nwhile 1: json.loads(json.dumps({'a': [str(i) for i in range(500)]}))"
    with probe.program("/usr/bin/python3", "-c", code) as popen:
        yield popen


@contextlib.contextmanager
def xz(tmp):
    data = tmp / "data"
    data.write_bytes(os.urandom(1 << 20) * 100)
    with probe.program("/usr/bin/xz", "-9", "-k", "-c", data) as popen:
        yield popen


CC1 = "/usr/lib/gcc/x86_64-linux-gnu/12/cc1"


@contextlib.contextmanager
def cc1(tmp):
    source = tmp / "big.c"
    body = "\n".join(f"int f{i}(int *a, int n) {{ int s = 0; for (int k = 0; k < n; k++) "
                     f"s += a[k] * {i} + (s ^ k) % {i + 3}; return s; }}" for i in range(6000))
    source.write_text(body)
    with probe.program(CC1, "-quiet", "-O2", source, "-o", "/dev/null") as popen:
        yield popen


NODE = """
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) }
for (;;) { fib(20); JSON.stringify(Array.from({length: 500}, (_, i) => i)); [3, 1, 2].sort((a, b) => a - b) }
"""


@contextlib.contextmanager
def node(_tmp):
    with probe.program("/usr/bin/node", "-e", NODE) as popen:
        time.sleep(0.7)  # code is still being made
        yield popen


GO = """
package main
import ("encoding/json"; "sort"; "time")
func work(n int) int {
	if n == 0 { a := []int{5, 2, 8, 1}; sort.Ints(a); b, _ := json.Marshal(a); return len(b) }
	return work(n-1) + 1
}
func main() {
	for i := 0; i < 3; i++ { go func() { for { work(20) } }() }
	for { work(10); time.Now() }
}
"""


@contextlib.contextmanager
def go(tmp, *flags):
    (tmp / "main.go").write_text(GO)
    built = probe.run("/usr/bin/go", "build", *flags, "-o", tmp / "gone", tmp / "main.go", timeout=120,
                      env=probe.environment(HOME=str(tmp), GOCACHE=str(tmp / "cache"), GO111MODULE="off"))
    assert built.code == 0, built
    with probe.program(tmp / "gone") as popen:
        yield popen


def go_stripped(tmp):
    return go(tmp, "-ldflags=-s -w")


PROGRAMS = {
    "redis": (redis, "/usr/bin/redis-server", 0.999),
    "nginx": (probe.nginx, "/usr/sbin/nginx", 0.999),
    "python3": (python, "/usr/bin/python3", 0.999),
    "sqlite3": (sqlite, "/usr/bin/sqlite3", 0.999),
    "xz": (xz, "/usr/bin/xz", 0.999),
    "cc1": (cc1, CC1, 0.999),
    "postgres": (servers.postgres, f"{servers.POSTGRES}/postgres", 0.999),
    "node": (node, "/usr/bin/node", 0.99),
    "go": (go, "/usr/bin/go", 0.999),
    "go, stripped": (go_stripped, "/usr/bin/go", 0.999),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_is_whole(name, tmp_path):
    start, needs, least = PROGRAMS[name]
    if not shutil.which(needs):
        pytest.skip(f"{needs} is not installed")
    pooled = collections.Counter()
    for turn in itertools.count():
        tmp = tmp_path / str(turn)
        tmp.mkdir()
        hz = 99 if WALKS and not turn else 999
        with start(tmp) as popen:
            time.sleep(0.3)
            _, profile = probe.record(tmp / "out.pb.gz", "-p", popen.pid, "-F", hz, "-d", SECONDS,
                                      timeout=float(SECONDS) + 60)
        assert profile.total() > 80 * float(SECONDS) * hz / 999
        pooled.update(ends(profile))
        print(f"{name}: {profile.total()} samples at {hz} Hz, walks ended by {ends(profile)}")
        walks = sum(pooled.values())
        if walks >= WALKS:
            break
    failed = 1 - pooled["root"] / walks
    print(f"{name}: {walks} walks, {failed:.4%} not whole: {dict(pooled)}")
    assert failed <= 1 - least + 2 / walks, pooled


# Known stacks.

# Root first, from the case's first function on, as a regular expression over names with ";" between
# them; what must be there, and the whole of what may be.
LEAF = "whole_leaf_caller;whole_leaf"
LEAF_PART = "whole_leaf_caller(;whole_leaf)?"
LIBC = r"[^;]*"  # one function of libc, of which there may be no name
CASES = {
    "recursion": (f"main(;whole_recursion){{1001}};{LEAF}",
                  f"main((;whole_recursion)+|(;whole_recursion){{1001}};{LEAF_PART})?"),
    "leaf": (f"main;{LEAF}", f"main(;{LEAF_PART})?"),
    "tail": ("main;whole_tail_caller;whole_tail_callee",
             "main(;whole_tail_caller(;whole_tail(_callee)?)?)?"),
    "alloca": (f"main;whole_alloca;{LEAF}", f"main(;whole_alloca(;{LIBC}|;{LEAF_PART})?)?"),
    "aligned": (f"main;whole_aligned;{LEAF}", f"main(;whole_aligned(;{LIBC}|;{LEAF_PART})?)?"),
    "plt": (f"main;whole_plt(;{LIBC})+;whole_compare;whole_leaf",
            f"main(;whole_plt((;{LIBC})+(;whole_compare(;whole_leaf)?)?)?)?"),
    "vdso": (f"main;whole_vdso(;{LIBC})+", f"main(;whole_vdso(;{LIBC}){{0,3}})?"),
    "signal": (f"main;whole_signal(;{LIBC})+;whole_handler(;{LIBC})+;whole_handler;{LEAF}",
               f"main(;whole_signal((;{LIBC})*(;whole_handler(;{LEAF_PART}|(;{LIBC})*"
               f"(;whole_handler(;{LEAF_PART})?)?)?)?)?)?"),
    # on a busy machine an alarm finds the handler of the last one
    "interrupted": (f"main;whole_interrupted;whole_leaf(;{LIBC};whole_handler;{LEAF})+",
                    # ... and the trampoline of a handler that has returned is the leaf until rt_sigreturn is done
                    f"main(;whole_interrupted(;whole_leaf)?)?(;{LIBC};whole_handler(;{LEAF_PART})?)*(;{LIBC})?"),
    "jit": (f"main;whole_jit;\\[jit\\];{LEAF}", f"main(;whole_jit(;\\[jit\\](;{LEAF_PART})?)?)?"),
    "threads": (f"whole_thread(;whole_recursion){{11}};{LEAF}",
                f"whole_thread((;whole_recursion)*|(;whole_recursion){{11}};{LEAF_PART})"),
    "forks": (f"main;whole_forks(;whole_recursion){{11}};{LEAF}",
              f"main(;whole_forks((;whole_recursion)*|(;whole_recursion){{11}};{LEAF_PART}|(;{LIBC})+))?"),
    "vforks": (f"main;whole_vfork(;whole_recursion){{6}};{LEAF}",
               f"main(;whole_vfork((;whole_recursion)*|(;whole_recursion){{6}};{LEAF_PART}|(;{LIBC})*))?"),
}
CASES["altstack"] = CASES["signal"]
VARIANTS = [("whole", case) for case in CASES]
VARIANTS += [("whole-static", case) for case in ("recursion", "plt", "altstack", "threads")]
VARIANTS += [("whole-static-pie", "plt"), ("whole-no-pie", "altstack"), ("whole-fp", "leaf")]

# Between two runs of the case, or before and after it.
OTHER = re.compile(r"main(;whole_over(;.*)?)|(.*;)?whole_over(;.*)?|whole_threads(;.*)?|main;whole_threads(;.*)?")


def user_names(sample):
    names = [f.function or "?" for f in sample.frames if not f.module.startswith("[kernel")]
    return list(reversed(names))


@pytest.mark.parametrize("program,case", VARIANTS)
def test_stack_is_right(program, case, tmp_path):
    must, may = (re.compile(f"(?:{r})") for r in CASES[case])
    with probe.target(program, case, 20) as popen:
        time.sleep(0.1)
        _, profile = probe.record(tmp_path / "out.pb.gz", "-p", popen.pid, "-F", HZ,
                                  *(["2s"] if "fork" in case else ["-U", "600ms"]))
    right, wrong = 0, {}
    for sample in profile.samples:
        names = user_names(sample)
        first = next((i for i, name in enumerate(names) if name in ("main", "whole_thread")), None)
        stack = ";".join(names[first:] if first is not None else names)
        count = sample.values["samples"]
        if must.fullmatch(stack):
            right += count
        elif names and not may.fullmatch(stack) and not OTHER.fullmatch(stack):
            wrong[stack] = wrong.get(stack, 0) + count
    total = profile.total()
    assert total > 100
    # While the page of the stack is being put in the place of the one it was copied from after a fork, nobody
    # can read it: such a sample shows where the kernel is.
    copied = profile.total(where=lambda s: any(f.function == "do_wp_page" for f in s.frames) and len(user_names(s)) == 1)
    assert sum(wrong.values()) <= 0.002 * total + 1 + copied, (ends(profile), total, right, sorted(wrong.items(), key=lambda i: -i[1])[:5])
    assert right > 0.03 * total, (total, right)
    assert whole_share(profile) >= 0.998 - (1 + copied) / total, ends(profile)


@pytest.mark.parametrize("program", ("whole-musl", "whole-musl-static"))
def test_signals_of_musl(program, tmp_path):
    """No CFI tells where its handlers return to; below main, in the library, there is none either."""
    with probe.target(program, "interrupted", 20) as popen:
        time.sleep(0.1)
        _, profile = probe.record(tmp_path / "out.pb.gz", "-p", popen.pid, "-F", HZ, "-U", "600ms")
    handled, wrong = 0, {}
    for sample in profile.samples:
        stack, count = ";".join(user_names(sample)), sample.values["samples"]
        if "whole_handler" in stack:
            handled += count
            if not re.search(f"(^|;)main;whole_interrupted;whole_leaf(;__restore_rt;whole_handler(;{LEAF_PART})?)+$", stack):
                wrong[stack] = wrong.get(stack, 0) + count
    assert handled > 0.03 * profile.total() > 3, (handled, profile.total())
    assert sum(wrong.values()) <= 0.05 * handled + 1, (handled, wrong)  # in the library there is no CFI


def test_deeper_stacks_keep_their_leaves(tmp_path):
    with probe.target("whole", "deeper", 20) as popen:
        time.sleep(0.1)
        _, profile = probe.record(tmp_path / "out.pb.gz", "-p", popen.pid, "-U", "-F", HZ, "600ms")
    cut = [s for s in profile.samples if user_names(s)[:1] == ["[truncated]"]]
    assert sum(s.values["samples"] for s in cut) > 0.2 * profile.total()
    for sample in cut:
        names = user_names(sample)
        assert len(names) == 1025
        assert set(names[1:]) <= {"whole_recursion", "whole_leaf_caller", "whole_leaf"}


# What is mapped while it is recorded.

def test_processes_that_come_and_go(tmp_path):
    """A new image, its libraries and their tables every tenth of a second."""
    loop = "for i in $(seq 12); do gzip -9 </usr/bin/redis-server >/dev/null; done"
    _, profile = probe.record(tmp_path / "out.pb.gz", "-F", HZ, "--", "/bin/sh", "-c", loop)
    assert profile.total() > 500
    assert whole_share(profile) > 0.99 - 2 / profile.total(), ends(profile)


CHURN = ("for i in $(seq {n}); do gzip -9 </usr/bin/redis-server >/dev/null; {targets}/forker 0.15 4 >/dev/null; "
         "{targets}/plugin 0.2; done")


def test_exec_fork_and_dlopen_lose_nothing(tmp_path):
    """firings = whole + each counted loss; whole are those walked at once and those walked from a copy. Cold:
    the first recording of a daemon; warm: the second. `make check-whole` has them long."""
    loop = CHURN.format(n=16 if WALKS else 3, targets=probe.TARGETS)
    with Daemon(tmp_path) as server:
        for turn, most in (("cold", 0.01), ("warm", 0.001)):
            out = tmp_path / f"{turn}.pb.gz"
            done = server.record("-F", HZ, "-o", out, "--", "/bin/sh", "-c", loop)
            assert done.code == 0, done
            profile = probe.Profile(out)
            profile.info.assert_reconciled()
            total = profile.total()
            counts = ends(profile)
            lost = sum(counts.values()) - counts.get("root", 0) + sum(profile.info.lost.values())
            print(f"{turn}: {total} samples, {lost} lost or not whole: {counts} {profile.info.lost}")
            assert total > (5000 if WALKS else 800)
            assert lost <= most * total + 2, (turn, counts, profile.info.lost)


def test_children_wait_with_whole_stacks(tmp_path):
    """The first wait of a child is for a CPU, and comes before its mappings are known. What counts as whole
    has its root, in user code that is known."""
    _, profile = probe.record(tmp_path / "out.pb.gz", "--mode", "off", "--", probe.TARGETS / "forker", 0.5, 4)
    stacks = [s for s in profile.samples if user_names(s)]
    assert stacks
    counts = profile.info.wait_walk_ends
    rootless = [s for s in stacks if user_names(s)[0] != "_start"]
    assert len(rootless) <= sum(counts.values()) - counts["root"], (counts, [(s.labels, user_names(s)) for s in rootless])


def test_a_library_loaded_again_and_again(tmp_path):
    with probe.target("plugin", 20) as popen:
        _, profile = probe.record(tmp_path / "out.pb.gz", "-p", popen.pid, "-U", "-F", HZ, "1500ms")
    assert profile.self("plugged_work") > 0.5 * profile.total()
    assert whole_share(profile) > 0.98, ends(profile)


def test_the_first_samples_of_a_command(tmp_path):
    """Cold: nothing of it was mapped before. What is not whole is of its first moments, so it runs for
    long enough not to be made of them alone."""
    _, profile = probe.record(tmp_path / "out.pb.gz", "-U", "-F", HZ, "--", "/usr/bin/python3", "-S", "-c",
                              "import json\nfor i in range(16000): json.dumps(list(range(300)))")
    assert whole_share(profile) > 0.9, ends(profile)
