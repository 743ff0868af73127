# SPDX-License-Identifier: Apache-2.0
"""Others' programs on our files: pprof's web page, npm's pprof-format, speedscope in a browser, what reads the text
of perf script. What they say is compared with what we say."""
import base64
import json
import os
import re
import subprocess
import urllib.request

import pytest
from browser import Browser

import probe

# One function inlined into another, and one that is not.
SOURCE = """#include <stdlib.h>
#include <time.h>
static volatile unsigned long sink;
static inline __attribute__((always_inline)) void burn_inlined(unsigned long n)
{
    for (unsigned long i = 0; i < n; i++) sink += i;
}
__attribute__((noinline)) void burn_outer(unsigned long n) { burn_inlined(n); }
int main(int argc, char **argv)
{
    clock_t end = clock() + (clock_t)(atof(argv[1]) * CLOCKS_PER_SEC);
    while (clock() < end) burn_outer(10000);
}
"""
PPROF_FORMAT, SPEEDSCOPE = (probe.NPM / line for line in ("pprof-format-2.3.2", "speedscope-1.25.0"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    tmp = tmp_path_factory.mktemp("readers")
    (tmp / "inlines.c").write_text(SOURCE)
    subprocess.run(["gcc", "-O2", "-g", "-o", "inlines", "inlines.c"], cwd=tmp, check=True)
    probe.probe_ok("record", "-F", 999, "-o", tmp / "p.pb.gz", "--", tmp / "inlines", 0.6)
    return tmp


def rows_of(recorded):
    return {row["function"]: row for row in json.loads(probe.probe_ok("report", "--json", recorded / "p.pb.gz").out)["rows"]}


def test_pprof_knows_inlined_frames(recorded):
    assert re.search(r"burn_outer \(inline\)\n.*\| +burn_inlined", probe.pprof("-peek=burn_inlined", recorded / "p.pb.gz"))
    assert re.search(r"burn_outer\(unsigned long n\) \{ burn_inlined", probe.pprof("-list=burn_outer", recorded / "p.pb.gz"))


def test_pprof_page(recorded):
    port = probe.free_port()
    with probe.program("/usr/bin/go", "tool", "pprof", f"-http=127.0.0.1:{port}", "-no_browser", recorded / "p.pb.gz",
                       ready=lambda: probe.answers(port), env=probe.environment(HOME=str(recorded)), start_new_session=True) as popen:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ui/top", timeout=20) as answer:
                assert "burn_inlined" in answer.read().decode()
        finally:
            os.killpg(popen.pid, 15)


def test_perf_script(recorded):
    """Folded as stackcollapse-perf.pl does it, it is what we fold."""
    stacks, names, comm = {}, None, ""
    for line in probe.probe_ok("export", recorded / "p.pb.gz", "-f", "perf-script", "-o", "-").out.splitlines() + [""]:
        event = re.match(r"(\S.+?)\s+(\d+)/*(\d+)*\s+", line)
        frame = re.match(r"\s*(\w+)\s*(.+) \((.*)\)", line)
        if not line and names is not None:
            key = ";".join([comm, *reversed(names)])
            stacks[key], names = stacks.get(key, 0) + 1, None
        elif event and not line.startswith("\t"):
            comm, names = event[1], []
        elif frame:
            names.append(re.sub(r"\+0x[\da-f]+$", "", frame[2]))
    folded = {}
    for line in probe.probe_ok("export", recorded / "p.pb.gz", "-f", "folded", "-o", "-").out.splitlines():
        stack, count = line.rsplit(" ", 1)
        folded[stack] = int(count)
    assert stacks == folded and any(";burn_outer;burn_inlined" in stack for stack in stacks)


if PPROF_FORMAT.exists():
    DECODE = """
    const { Profile } = require(process.argv[1]), zlib = require("zlib"), fs = require("fs");
    const p = Profile.decode(zlib.gunzipSync(fs.readFileSync(process.argv[2]))), text = i => p.stringTable.strings[Number(i)];
    const name = new Map(p.function.map(f => [Number(f.id), text(f.name)]));
    const lines = new Map(p.location.map(l => [Number(l.id), l.line.map(x => name.get(Number(x.functionId)))]));
    console.log(JSON.stringify({
        types: p.sampleType.map(t => text(t.type)),
        samples: p.sample.map(s => [s.locationId.map(l => lines.get(Number(l))), s.value.map(Number)]),
    }));
    """

    def test_pprof_format(recorded):
        done = probe.run("/usr/bin/node", "-e", DECODE, PPROF_FORMAT / "dist/commonjs/index.js", recorded / "p.pb.gz")
        assert done.code == 0, done.err
        data, ours = json.loads(done.out), probe.Profile(recorded / "p.pb.gz")
        assert data["types"] == list(ours.types)
        assert sum(values[0] for _, values in data["samples"]) == ours.total()
        assert sum(values[1] for _, values in data["samples"]) == ours.total("cpu")
        assert any(["burn_inlined", "burn_outer"] in stack for stack, _ in data["samples"])


if SPEEDSCOPE.exists():
    @pytest.fixture(scope="module")
    def browser():
        running = Browser()
        yield running
        running.close()

    def percent(shown):
        """Also `<0.01` and `>99`."""
        return 99.5 if shown == ">99" else float(shown.lstrip("<"))

    def test_speedscope(recorded, browser):
        """Its table ("sandwich") has our functions, with our percentages."""
        text = probe.probe_ok("export", recorded / "p.pb.gz", "-f", "speedscope", "-o", "-").out
        encoded = base64.b64encode(text.encode()).decode()
        # As its own command hands over a file.
        (recorded / "load.js").write_text(f'speedscope.loadFileFromBase64("p.json", "{encoded}")')
        page = browser.open(f"file://{SPEEDSCOPE}/dist/release/index.html#localProfilePath={recorded}/load.js", 1280, 4000)  # rows out of sight are not made
        page.wait("document.body.innerText.includes('Sandwich') && document.body.innerText.includes('inlines')")
        page.key("3")
        page.wait("['burn_inlined', 'burn_outer'].every(x => document.body.innerText.split(/\\s*\\n\\s*/).includes(x))")
        shown = re.findall(r"\(([<>]?[\d.]+)%\)[^()]*\(([<>]?[\d.]+)%\)\s*(\S+)", page.evaluate("document.body.innerText") + "\n")
        ours, seen = rows_of(recorded), {name: (percent(total), percent(own)) for total, own, name in shown}
        for name in ("burn_inlined", "burn_outer"):
            # Two digits are shown.
            assert abs(seen[name][0] - ours[name]["cum_percent"]) <= 0.51, (name, seen[name], ours[name])
        assert abs(seen["burn_inlined"][1] - ours["burn_inlined"]["self_percent"]) <= 0.51
        page.close()
