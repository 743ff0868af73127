# SPDX-License-Identifier: Apache-2.0
"""A process that runs code of files made to break, hang or bloat the symbolizer (tests/hostile), under
names of threads, paths and symbols that would act on a terminal: each file costs at most its own names,
and nothing comes out raw."""
import json
import os
import re

import pytest

import probe

# What must not reach a terminal, a line reader or a page: C0 but line breaks and tabs, DEL, C1, marks of
# direction, line separators; what is not UTF-8 is a surrogate here.
ACTS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
EVIL = b"e\x1b[31m;\nd\xff\xc2\x9b\xe2\x80\xae"
NAMELESS = {"sparse-symbols", "many-symbols", "mangled", "all-bytes"}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """One recording of all: (path, profile, names of the files, what was said meanwhile)."""
    tmp = tmp_path_factory.mktemp("hostile")
    place = os.fsencode(tmp) + b"/" + EVIL
    os.mkdir(place)
    assert probe.run(probe.ROOT / "build/hostile", "write", os.fsdecode(place)).code == 0
    names = sorted(os.listdir(place))
    os.rename(place + b"/all-bytes", place + b"/" + EVIL)
    files = [place + b"/" + (EVIL if name == b"all-bytes" else name) for name in names]
    # The arguments are bytes: target() would have them as text.
    with probe.target("mapper", 60, *[os.fsdecode(f) for f in files]) as popen:
        tasks = f"/proc/{popen.pid}/task"
        probe.wait_for(lambda: len(os.listdir(tasks)) > len(files), 10, "the threads")
        for task in os.listdir(tasks):  # each spins: they leave the symbolizer its share (but see below)
            os.setpriority(os.PRIO_PROCESS, int(task), 19)
        with probe.Recording("-p", popen.pid, "-F", 999, "-o", tmp / "p.pb.gz", "2s") as recording:
            said = [probe.probe(*args).out + probe.probe(*args).err for args in
                    (("status",), ("list",), ("doctor", "-p", popen.pid))]
            result = recording.end(timeout=60)
    assert result.code == 0, result
    return tmp / "p.pb.gz", probe.Profile(tmp / "p.pb.gz"), [os.fsdecode(n) for n in names], \
        [result.err, result.out, *said]


def test_each_costs_only_its_own(recorded):
    _, profile, names, _ = recorded
    assert profile.self("mapper_main") > 0
    found = {}
    for frame in (f for s in profile.samples for f in s.frames):
        found.setdefault(frame.module.rsplit("/", 1)[-1], set()).add(frame.function)
    # There are many threads: on a busy machine not each of them gets to run.
    sampled = (set(names) - NAMELESS) & set(found)
    assert len(sampled) > len(names) / 2, found
    for name in sampled:
        assert "survivor" in found[name], (name, found[name])
    profile.info.assert_reconciled()


def one_cpu():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def test_many_threads_starve_no_names(tmp_path):
    """Where all processes of a machine share its CPUs alike (no autogroup), the symbolizer gets a 16th of one. (Of the
    other CPUs they leave all to other tests.)"""
    probe.run(probe.ROOT / "build/hostile", "write", tmp_path)
    slow = tmp_path / "ranges-times-functions"
    with probe.target("mapper", 90, slow, *[tmp_path / "claims"] * 14, preexec_fn=one_cpu) as popen:
        probe.wait_for(lambda: len(os.listdir(f"/proc/{popen.pid}/task")) == 16, 10, "the threads")
        probe.probe_ok("record", "-p", popen.pid, "-F", 999, "-o", tmp_path / "p.pb.gz", "2s", preexec_fn=one_cpu)
    profile = probe.Profile(tmp_path / "p.pb.gz")
    of_slow = {f.function for s in profile.samples for f in s.frames if f.module == str(slow)}
    assert of_slow == {"survivor"}


def views(path):
    for args in ((), ("--tree",), ("--callers", "mapper_main"), ("--callees", "main"), ("--lines",), ("--modules",),
                 ("--processes",), ("--threads",), ("--sort", "cum"), ("--json",), ("--tree", "--json"),
                 ("--threads", "--json")):
        yield "report", path, *args
    for form in ("folded", "speedscope", "html", "json", "text", "perf-script"):
        yield "export", path, "-f", form, "-o", "-"
    yield "flamegraph", path, "-o", "-"
    yield "diff", path, path
    yield "diff", path, path, "--json"
    yield "diff", path, path, "--html", "-"


def test_nothing_comes_out_raw(recorded):
    path, profile, _, said = recorded
    texts = {"said": "".join(said)}
    for args in views(path):
        done = probe.probe(*args)
        if done.code == 2 and "--html" in args:
            continue  # not made yet
        assert done.code == 0, (args, done)
        texts[" ".join(str(a) for a in args)] = done.out + done.err
    svg = path.parent / "p.svg"
    probe.probe_ok("flamegraph", path, "-o", svg)
    texts["svg"] = svg.read_bytes().decode("utf-8", "surrogateescape")
    texts["pprof"] = "".join(profile.strings) + probe.pprof("-top", path) + probe.pprof("-traces", path)
    for args, text in texts.items():
        found = ACTS.search(text)
        assert not found, (args, text[max(0, found.start() - 60):found.end() + 60])
    for args in (a for a in texts if "html" in a or "flamegraph" in a):
        assert "31m" in texts[args] and not re.search(r"</script>[^<\s]", texts[args]), args
    for line in texts[f"export {path} -f folded -o -"].splitlines():
        assert re.fullmatch(r"[^;]+(;[^;]+)* \d+", line), line
    json.loads(texts[f"report {path} --json"])
