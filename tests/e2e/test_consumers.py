# SPDX-License-Identifier: Apache-2.0
"""The files we write, as others read them."""
import json
import re
import subprocess

import pytest

import probe
from probe import ROOT


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two recordings of the same program."""
    tmp = tmp_path_factory.mktemp("pair")
    with probe.redis(tmp) as server:
        for name in ("before", "after"):
            probe.probe_ok("record", "-p", server.pid, "-F", 999, "-o", tmp / f"{name}.pb.gz", "700ms")
    return tmp / "before.pb.gz", tmp / "after.pb.gz"


@pytest.mark.parametrize("view", ["-top", "-traces", "-raw", "-tags", "-peek=.", "-dot"])
def test_pprof_views(pair, view):
    assert len(probe.pprof(view, pair[0]).splitlines()) > 3


def test_pprof_disasm(tmp_path):
    """-disasm and -list find the code in the file at rest: addresses are the ELF file's own."""
    _, profile = probe.record(tmp_path / "p.pb.gz", "-F", 999, "--", probe.TARGETS / "shares", 0.6)
    text = probe.pprof("-disasm=share_half", tmp_path / "p.pb.gz")
    assert "ROUTINE" in text and re.search(r"\s[0-9a-f]+: [A-Z]{3}", text) and "share_half" in text
    assert "share_half" in probe.pprof("-list=share_half", tmp_path / "p.pb.gz")
    mapping = profile.mappings[min(profile.mappings)]
    assert profile.strings[mapping[5]].endswith("/shares")


def test_pprof_diff_and_proto(pair, tmp_path):
    probe.pprof("-top", f"-diff_base={pair[0]}", pair[1])
    probe.pprof("-proto", f"-output={tmp_path}/again.pb.gz", pair[0])
    again, first = probe.Profile(tmp_path / "again.pb.gz"), probe.Profile(pair[0])
    assert again.total() == first.total() and again.types == first.types
    probe.pprof("-proto", f"-output={tmp_path}/merged.pb.gz", *pair)
    assert probe.Profile(tmp_path / "merged.pb.gz").total() == first.total() + probe.Profile(pair[1]).total()


def test_columns(pair):
    profile = probe.Profile(pair[0])
    assert list(zip(profile.types, profile.units)) == [
        ("samples", "count"), ("cpu", "nanoseconds"), ("offcpu_events", "count"),
        ("blocked", "nanoseconds"), ("runnable", "nanoseconds"), ("wall", "nanoseconds")]
    assert profile.default_type == "cpu"
    assert len(profile.comments) <= 6
    assert profile.strings[0] == ""


def protoc(schema, message, data):
    done = subprocess.run(["protoc", f"--proto_path={ROOT}/common", f"--decode=probe.{message}", schema], input=data,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    assert not re.search(r"^\s*\d+[:{ ]", text, re.M), "a field that the schema does not know"
    return text


def test_protoc(pair):
    """By the schemas in common/, with nothing in it that they do not know."""
    profile = probe.Profile(pair[0])
    assert protoc("profile.proto", "Profile", profile.raw).count("\nsample {") == len(profile.samples)
    info = protoc("info.proto", "Info", b"".join(v for n, v in probe.fields(profile.raw) if n == 1000))
    assert info.startswith("version: 1") and "resources {" in info


def test_folded(pair):
    """Every line parses, and they sum to the samples."""
    lines = probe.probe_ok("export", pair[0], "-f", "folded", "-o", "-").out.splitlines()
    total = 0
    for line in lines:
        match = re.fullmatch(r"([^;]+(?:;[^;]+)*) (\d+)", line)
        assert match, line
        total += int(match[2])
    assert total == probe.Profile(pair[0]).total()
    assert all(line.startswith("redis-server") for line in lines)


def test_export_pprof_is_the_same(pair, tmp_path):
    probe.probe_ok("export", pair[0], "-f", "pprof", "-o", tmp_path / "same.pb.gz")
    same, first = probe.Profile(tmp_path / "same.pb.gz"), probe.Profile(pair[0])
    for kind in first.types:
        assert same.total(kind) == first.total(kind)
    assert sorted(map(str, same.samples)) == sorted(map(str, first.samples))
    assert vars(same.info) == vars(first.info)


def test_export_json_and_text(pair):
    data = json.loads(probe.probe_ok("export", pair[0], "-f", "json", "-o", "-").out)
    assert data
    assert "redis-server" in probe.probe_ok("export", pair[0], "-f", "text", "-o", "-").out


def test_report_agrees_with_pprof(pair):
    """The same functions with the same time, most expensive first."""
    ours = probe.probe_ok("report", pair[0]).out
    theirs = probe.pprof_top(pair[0])
    top = [row[0] for row in sorted(theirs, key=lambda row: -row[1])[:3]]
    for name in top:
        assert name in ours, name


def test_report_json(pair):
    data = json.loads(probe.probe_ok("report", "--json", pair[0]).out)
    assert data


def test_reads_stdin(pair):
    with pair[0].open("rb") as stdin:
        piped = probe.probe_ok("report", "-", stdin=stdin).out
    assert "redis-server" in piped
