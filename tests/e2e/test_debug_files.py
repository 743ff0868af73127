# SPDX-License-Identifier: Apache-2.0
"""Separate debug files by .gnu_debuglink, and what dwz moved out of them."""
import json
import re
import shutil
import subprocess

import pytest

import probe


def tool(*args):
    subprocess.run([str(a) for a in args], check=True, capture_output=True)


def split(tmp_path, *, build_id=True):
    """A stripped program that names its debug file, and that file."""
    program, debug = tmp_path / "program", tmp_path / "program.debug"
    shutil.copy(probe.TARGETS / "mangled", program)
    if not build_id:
        tool("objcopy", "--remove-section=.note.gnu.build-id", program)
    tool("objcopy", "--only-keep-debug", program, debug)
    tool("strip", program)
    tool("objcopy", f"--add-gnu-debuglink={debug}", program)
    return program, debug


def record(tmp_path, program):
    _, profile = probe.record(tmp_path / "out.pb.gz", "-F", 499, "--", program, 0.5)
    return profile


def check_named(profile):
    assert profile.share("shop::cart<long>::add") > 0.9
    frame = next(f for s in profile.samples for f in s.frames if f.function.startswith("shop::cart"))
    assert frame.file.endswith("tests/targets/mangled.cc") and frame.line > 10


def test_no_names(tmp_path):
    """A stripped program has the starts of its functions from its FDEs: what is said is not that they have names."""
    program, debug = split(tmp_path)
    away = debug.rename(tmp_path / "away.debug")
    result, profile = probe.record(tmp_path / "out.pb.gz", "-F", 499, "--mode", "cpu", "--", program, 0.5)
    starts = profile.total(where=lambda s: any(re.fullmatch(r"program\+0x[0-9a-f]+", f.function) for f in s.frames))
    assert starts > 0.9 * profile.total()
    named, rest = map(float, re.search(r", ([\d.]+)% named, ([\d.]+)% by address only, ", result.err).groups())
    own = lambda s: next((f for f in s.frames if not f.module.startswith("[kernel")), s.frames[0]).function
    lacking = profile.total(where=lambda s: re.fullmatch(r"(.*\+)?0x[0-9a-f]+", own(s)))
    assert abs(rest - 100 * lacking / profile.total()) < 0.11 and abs(named + rest - 100) < 0.11
    assert re.search("^program: -> for names: ", result.err, re.M)
    said = json.loads(probe.probe_ok("report", "--json", tmp_path / "out.pb.gz").out)["profile"]
    assert abs(said["named_percent"] - named) < 0.06 and abs(said["by_address_percent"] - rest) < 0.06
    assert f"\nnamed {named}%, by address only {rest}%: " in probe.probe_ok("report", tmp_path / "out.pb.gz").out
    probe.probe_ok("symbolize", tmp_path / "out.pb.gz", "--debug-file", away)
    assert "by address only" not in probe.probe_ok("report", tmp_path / "out.pb.gz").out


@pytest.mark.parametrize("build_id", [True, False])
@pytest.mark.parametrize("below", ["", ".debug"])
def test_link(tmp_path, build_id, below):
    program, debug = split(tmp_path, build_id=build_id)
    if below:
        (tmp_path / below).mkdir()
        debug.rename(tmp_path / below / debug.name)
    check_named(record(tmp_path, program))


def test_link_to_another_file(tmp_path):
    """Without a build ID the CRC decides."""
    program, debug = split(tmp_path, build_id=False)
    with debug.open("ab") as file:
        file.write(b"more")
    profile = record(tmp_path, program)
    assert not any(name.startswith("shop::") for name in profile.names())


def test_dwz(tmp_path):
    """Two programs whose debug files share a third one, as Debian packages have them."""
    program, debug = split(tmp_path)
    other = tmp_path / "other.debug"
    tool("objcopy", "--only-keep-debug", probe.TARGETS / "whole", other)
    shared = tmp_path / "shared.debug"
    tool("dwz", "-m", shared, "-M", "/usr/lib/debug/.dwz/probe-test/shared.debug", debug, other)
    tool("objcopy", "--remove-section=.gnu_debuglink", program)
    tool("objcopy", f"--add-gnu-debuglink={debug}", program)
    # In a /usr/lib/debug of its own.
    script = ('mount -t tmpfs none /usr/lib/debug && mkdir -p /usr/lib/debug/.dwz/probe-test && '
              'cp "$1" /usr/lib/debug/.dwz/probe-test && shift && exec "$@"')
    out = tmp_path / "out.pb.gz"
    result = probe.run("/usr/bin/unshare", *probe.own_mounts(), "/bin/sh", "-ec", script, "sh", shared,
                       probe.BUILD / "probe", "record", "-o", out, "-F", 499, "--", program, 0.5)
    assert result.code == 0, result
    check_named(probe.Profile(out))
