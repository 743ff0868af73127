# SPDX-License-Identifier: Apache-2.0
"""probe symbolize: a profile of a stripped program gets its names and lines later, from a debug file."""
import contextlib
import functools
import http.server
import os
import re
import shutil
import subprocess
import threading

import pytest

import probe

NOBODY = 65534


def build_id(path):
    return re.search(r"Build ID: ([0-9a-f]+)", probe.run("/usr/bin/readelf", "-n", path).out)[1]


@pytest.fixture(scope="module")
def stripped(tmp_path_factory):
    """(a profile of a stripped program, its debug file, the program's build ID)"""
    tmp = tmp_path_factory.mktemp("symbolize")
    program, debug, path = tmp / "stripped", tmp / "stripped.debug", tmp / "p.pb.gz"
    shutil.copy(probe.TARGETS / "shares", program)
    assert probe.run("/usr/bin/objcopy", "--only-keep-debug", program, debug).code == 0
    assert probe.run("/usr/bin/strip", "--strip-all", program).code == 0
    _, profile = probe.record(path, "-F", 999, "--", program, 0.6)
    assert "share_half" not in profile.names() and any(n.startswith("stripped+0x") for n in profile.names())
    return path, debug, build_id(program)


@pytest.fixture
def profile(stripped, tmp_path):
    """A copy of the profile to change."""
    return shutil.copy(stripped[0], tmp_path / "copy.pb.gz")


def check(before, after):
    """All that was there, under names and with lines now."""
    before, after = probe.Profile(before), probe.Profile(after)
    assert after.total() == before.total() and after.total("cpu") == before.total("cpu")
    assert len(after.samples) == len(before.samples) and after.info.samples == before.info.samples
    assert after.share("share_half") == pytest.approx(0.5, abs=0.1)
    assert not any(n.startswith("stripped+0x") for n in after.names())
    half = {(os.path.basename(f.file), f.line > 0) for s in after.samples for f in s.frames if f.function == "share_half"}
    assert half == {("shares.c", True)}


def symbolize(*args, **options):
    return probe.probe("symbolize", *args, **options)


def test_debug_file(stripped, profile):
    """In place of the profile; the program itself need not be there any more."""
    result = symbolize(profile, "--debug-file", stripped[1])
    assert result.code == 0 and "stripped" in result.err and "Wrote" in result.err, result
    check(stripped[0], profile)
    assert "share_half" in probe.pprof("-top", profile)


def test_debug_directory_and_output(stripped, profile, tmp_path):
    place = tmp_path / "debug/.build-id" / stripped[2][:2]
    place.mkdir(parents=True)
    shutil.copy(stripped[1], place / f"{stripped[2][2:]}.debug")
    out = tmp_path / "out.pb.gz"
    assert symbolize(profile, "--debug-dir", tmp_path / "debug", "-o", out).code == 0
    check(profile, out)
    refused = symbolize(profile, "--debug-dir", tmp_path / "debug", "-o", out)
    assert refused.code == 1 and str(out) in refused.err, refused
    piped = symbolize(profile, "--debug-dir", tmp_path / "debug", "-o", "-", text=False)
    assert piped.code == 0 and piped.out[:2] == b"\x1f\x8b"


def test_any_user_may(stripped, tmp_path):
    """The reader of files is a process of its own, in its sandbox, whoever asks."""
    path, debug, _ = stripped
    place = tmp_path / "of-nobody"
    place.mkdir()
    for file in (path, debug, probe.BUILD / "probe", probe.BUILD / "probe-symbolizer"):
        shutil.copy(file, place)
    for name in (place, *place.iterdir()):
        os.chown(name, NOBODY, NOBODY)
    for parent in [place, *place.parents]:
        if parent.stat().st_uid == 0 and not parent.stat().st_mode & 1:
            parent.chmod(parent.stat().st_mode | 0o11)

    def user():
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    result = probe.run(place / "probe", "symbolize", place / path.name, "--debug-file", place / debug.name,
                       preexec_fn=user)
    assert result.code == 0, result
    check(path, place / path.name)


def test_what_does_not_fit(stripped, profile, tmp_path):
    """Of another program, none at all, no file: one line, and the profile stays."""
    before = profile.read_bytes()
    for args, words in ((("--debug-file", probe.TARGETS / "threads"), "no debug file"),
                        (("--debug-dir", "/no/such"), "no debug file"),
                        (("--debug-file", "/etc/passwd"), "not an ELF file"), (("--debug-file", "/dev/null"), "regular"),
                        (("--debug-file", tmp_path / "none"), "No such file")):
        result = symbolize(profile, *args)
        # libc6-dbg may be installed: then there is something for libc.
        assert result.code == (0 if "from /usr/lib/debug" in result.err else 1) and words in result.err, result
        assert "share_half" not in probe.Profile(profile).names()
        if result.code:
            assert profile.read_bytes() == before
        before = profile.read_bytes()
    assert symbolize("/no/such.pb.gz").code == 1
    assert symbolize().code == 2
    assert symbolize(profile, "--debuginfod").code == 2


def test_broken_debug_files(stripped, profile, tmp_path):
    """Cut and damaged ones cost names at most."""
    whole = stripped[1].read_bytes()
    broken = tmp_path / "broken.debug"
    for i, data in enumerate([whole[:len(whole) // 2], whole[:4096], whole[:-64] + bytes(64),
                              whole[:1000] + b"\xff" * 2000 + whole[3000:]]):
        broken.write_bytes(data)
        out = tmp_path / f"{i}.pb.gz"
        result = symbolize(profile, "--debug-file", broken, "-o", out)
        assert result.code in (0, 1), result
        if result.code == 0:
            assert probe.Profile(out).total() == probe.Profile(profile).total()


@contextlib.contextmanager
def server(directory):
    """debuginfod's paths, on loopback. Yields its URL and the paths that were asked for."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=directory)) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}", asked
        finally:
            running.shutdown()
            thread.join()


def test_debuginfod(stripped, profile, tmp_path):
    """Only when it is wished for; what was fetched lies in the user's cache."""
    place = tmp_path / "served/buildid" / stripped[2]
    place.mkdir(parents=True)
    shutil.copy(stripped[1], place / "debuginfo")
    with server(tmp_path / "served") as (url, asked):
        env = probe.environment(DEBUGINFOD_URLS=url, DEBUGINFOD_CACHE_PATH=str(tmp_path / "cache"), HOME=str(tmp_path))
        symbolize(profile, "-o", tmp_path / "without.pb.gz", env=env)
        assert not asked
        result = symbolize(profile, "--debuginfod", env=env)
        assert result.code == 0, result
    assert f"/buildid/{stripped[2]}/debuginfo" in asked
    check(stripped[0], profile)
    assert subprocess.run(["/usr/bin/find", tmp_path / "cache", "-name", "debuginfo"], capture_output=True,
                          check=True).stdout
