# SPDX-License-Identifier: Apache-2.0
"""Profiles of other profilers: our numbers are pprof's, of every sample type. tests/fixtures/go/ are a Go program's
(its recipe is its source); what those do not have is made here."""
import json
import re
from collections import defaultdict

import pytest
from daemon import field, varint

import probe

GO = sorted((probe.ROOT / "tests/fixtures/go").glob("*.pb.gz"))
# What pprof prints plain numbers of: its -unit.
UNITS = {"nanoseconds": "ns", "microseconds": "us", "bytes": "B"}


def ints(*values):
    return b"".join(varint(value & (1 << 64) - 1) for value in values)


class Made:
    """Writes a profile.proto message."""

    def __init__(self):
        self.strings, self.out, self.functions, self.locations = [""], b"", {}, 0

    def text(self, text):
        if text not in self.strings:
            self.strings.append(text)
        return self.strings.index(text)

    def add(self, number, *parts):
        self.out += field(number, b"".join(field(n, v) for n, v in parts))

    def function(self, name):
        if name not in self.functions:
            number = self.functions[name] = len(self.functions) + 1
            self.add(5, (1, number), (2, self.text(name)), (3, self.text(name)), (4, self.text(f"{name[:5]}.c")))
        return self.functions[name]

    def location(self, mapping, *names):
        """Innermost first; without names: an address alone."""
        self.locations += 1
        lines = [(4, b"".join([field(1, self.function(name)), field(2, 10 + i)])) for i, name in enumerate(names)]
        self.add(4, (1, self.locations), (2, mapping), (3, 0x1000 * mapping + 16 * self.locations), *lines)
        return self.locations

    def sample(self, locations, values, *labels):
        """Leaf first; labels are (key, text) or (key, number, unit)."""
        told = [(3, field(1, self.text(label[0])) + (field(2, self.text(label[1])) if isinstance(label[1], str) else
                                                     field(3, label[1]) + field(4, self.text(label[2]))))
                for label in labels]
        self.add(2, (1, ints(*locations)), (2, ints(*values)), *told)

    def write(self, path, types, **numbers):
        for kind, unit in types:
            self.add(1, (1, self.text(kind)), (2, self.text(unit)))
        for name, number in (("drop_frames", 7), ("keep_frames", 8), ("default_sample_type", 14)):
            if name in numbers:
                self.out += field(number, self.text(numbers[name]))
        self.out += b"".join(field(6, text.encode()) for text in self.strings)
        path.write_bytes(self.out)


def allocator(path):
    """What a heap profiler of C++ writes: of the allocator itself there is nothing to see, but for what was asked for."""
    made = Made()
    for number, name in ((1, "/usr/bin/app"), (2, "/usr/lib/liballoc.so")):
        made.add(3, (1, number), (2, 0x1000 * number), (3, 0x1000 * number + 0x1000), (5, made.text(name)), (7, 1))
    main, work = made.location(1, "main"), made.location(1, "small(int)", "std::vector<(anonymous namespace)::T>::grow()", "work")
    twice, bare = made.location(1, "twice"), made.location(2)
    malloc, inner = made.location(2, "malloc"), made.location(2, "internal_fill")
    inlined, kept = made.location(2, "operator new(unsigned long)", "make"), made.location(2, "malloc_keep")
    made.sample([inner, malloc, work, main], [1, 1000, 7, 3], ("bytes", 1000, "bytes"))
    made.sample([inner, inlined, twice, twice, main], [2, 5000, 70, 0], ("bytes", 2500, "bytes"), ("thread", "a"))
    made.sample([malloc, kept, twice, main], [3, 12345678901, 700, 5], ("bytes", 4115226300, "bytes"))
    made.sample([malloc, malloc], [4, 64, 0, 1])  # nothing but what is unwanted stays
    made.sample([bare, main], [5, 320, 1, 1], ("request", 7, "requests"))
    made.sample([kept, bare], [6, 0, 0, 1])
    made.write(path, [("objects", "count"), ("space", "bytes"), ("spent", "microseconds"), ("tickets", "tickets")],
               drop_frames=r"malloc.*|operator new", keep_frames="malloc_k.*", default_sample_type="space")


@pytest.fixture(scope="module", params=[*GO, allocator], ids=lambda p: getattr(p, "__name__", getattr(p, "stem", "")))
def profile(request, tmp_path_factory):
    if not callable(request.param):
        return request.param
    path = tmp_path_factory.mktemp("made") / "made.pb"
    request.param(path)
    return path


def ours(path, *options):
    """({function: self}, {function: cum} of those of one module, total). Addresses go by their module, as pprof's do."""
    told = json.loads(probe.probe_ok("report", "--json", *options, path).out)
    own, cum = defaultdict(int), defaultdict(list)
    value = lambda row, which: next(v for k, v in row.items() if k.startswith(which) and not k.endswith("percent"))
    for row in told["rows"]:
        name = re.sub(r"^\[(.*)\+0x[0-9a-f]+\]$", r"[\1]", row["function"])
        own[name] += value(row, "self")
        cum[name].append(value(row, "cum"))
    return own, {name: values[0] for name, values in cum.items() if len(values) == 1}, told["sample"]["total"]


def theirs(path, kind, unit):
    own, cum = {}, {}
    top = probe.pprof("-top", f"-sample_index={kind}", *([f"-unit={UNITS[unit]}"] if unit in UNITS else []), "-nodecount=0",
                      "-nodefraction=0", "-edgefraction=0", path)
    number = rf"(-?\d+)(?:{UNITS.get(unit, unit)})?"
    for line in top.splitlines():
        match = re.match(rf"\s*{number}\s+\S+%\s+\S+%\s+{number}\s+\S+%\s+(.*?)(?: \((?:partial-)?inline\))?$", line)
        if match:
            own[match[3]], cum[match[3]] = int(match[1]), int(match[2])
    return own, cum


def test_numbers(profile):
    read = probe.Profile(profile)
    for kind, unit in zip(read.types, read.units):
        own, cum, total = ours(profile, "--sample", kind)
        their_own, their_cum = theirs(profile, kind, unit)
        assert their_own
        # Rows of nothing at all: pprof does not print them.
        assert {name: n for name, n in own.items() if n or cum.get(name)} == {
            name: n for name, n in their_own.items() if n or their_cum[name]}, kind
        assert {name: n for name, n in cum.items() if n} == {name: n for name, n in their_cum.items() if n and name in cum}, kind
        assert total == read.total(kind)


def test_the_type_that_is_shown(profile):
    shown = re.search(r"^Type: (.*)$", probe.pprof("-top", profile), re.M)[1]
    assert json.loads(probe.probe_ok("report", "--json", profile).out)["sample"]["type"] == shown


def test_labels_survive(profile, tmp_path):
    """pprof finds the same tags, with their units, in what we write again."""
    probe.probe_ok("export", profile, "-f", "pprof", "-o", tmp_path / "again.pb.gz")
    for kind in probe.Profile(profile).types:
        tags = [probe.pprof("-tags", f"-sample_index={kind}", path) for path in (profile, tmp_path / "again.pb.gz")]
        assert tags[0] == tags[1]


def test_exports_add_up(profile):
    read = probe.Profile(profile)
    for kind in read.types:
        folded = probe.probe_ok("export", profile, "-f", "folded", "-o", "-", "--sample", kind).out
        scale = 1000 if read.units[read.types.index(kind)] == "nanoseconds" else 1
        total = sum(int(line.rsplit(" ", 1)[1]) for line in folded.splitlines())
        if kind == "cpu":  # as samples
            assert total == read.total("samples")
        else:
            assert abs(total * scale - read.total(kind)) <= scale * (len(folded.splitlines()) + 1)
        scope = json.loads(probe.probe_ok("export", profile, "-f", "speedscope", "-o", "-", "--sample", kind).out)
        assert sum(sum(one["weights"]) for one in scope["profiles"]) == read.total(kind)


def test_inlined_frames():
    """Of the Go program: what was inlined is there, beneath what it was inlined into."""
    folded = probe.probe_ok("export", probe.ROOT / "tests/fixtures/go/cpu.pb.gz", "-f", "folded", "-o", "-").out
    assert re.search(r";main\.numbers;main\.mixTwice;main\.mix[; ]", folded)


def test_unwanted_frames_that_cannot_be_read(tmp_path):
    made = Made()
    made.sample([made.location(0, "malloc"), made.location(0, "main")], [1])
    made.write(tmp_path / "p.pb", [("objects", "count")], drop_frames="malloc(")
    done = probe.probe_ok("report", "--json", tmp_path / "p.pb")
    assert "drop_frames" in done.err and {row["function"] for row in json.loads(done.out)["rows"]} == {"malloc", "main"}


def test_unwanted_frames_stay_in_what_is_written(tmp_path):
    """They are left out of views, not of a file that is made of others."""
    made = Made()
    made.sample([made.location(0, "inner"), made.location(0, "malloc"), made.location(0, "main")], [1])
    made.write(tmp_path / "p.pb", [("objects", "count")], drop_frames="malloc")
    shown = json.loads(probe.probe_ok("report", "--json", tmp_path / "p.pb").out)
    assert {row["function"] for row in shown["rows"]} == {"main"}
    probe.probe_ok("merge", tmp_path / "p.pb", tmp_path / "p.pb", "-o", tmp_path / "m.pb.gz")
    sample, = probe.Profile(tmp_path / "m.pb.gz").samples
    assert [f.function for f in sample.frames] == ["inner", "malloc", "main"]
