# SPDX-License-Identifier: Apache-2.0
"""`probe status` and `probe list` against a daemon, as text and for programs."""
import json
import os
import re
import shlex

import pytest
from daemon import Daemon

import probe


@pytest.fixture
def server(tmp_path):
    with Daemon(tmp_path) as running:
        yield running


def ask(server, *args):
    return probe.probe_ok(*args, env=server.environment())


def with_samples(text):
    status = json.loads(text)
    return status if status["sessions"] and status["sessions"][0]["samples"] else None


def test_status(server, tmp_path):
    idle = json.loads(ask(server, "status", "--json").out)
    assert idle["sessions"] == [] and idle["recordings"] == 0
    with probe.target("shares", 30) as target:
        recording = server.recording("-p", target.pid, "-F", 199, "-o", tmp_path / "p.pb.gz", "30s")
        assert b"Profiling" in recording.stderr.readline()
        busy = probe.wait_for(lambda: with_samples(ask(server, "status", "--json").out), 10, "samples")
        text = ask(server, "status").out
        recording.send_signal(probe.SIGNALS["INT"])
        recording.communicate(timeout=20)
    assert recording.returncode == 0
    (session,) = busy["sessions"]
    assert (session["pid"], session["name"], session["frequency_hz"]) == (target.pid, "shares", 199)
    assert session["client_pid"] == recording.pid and session["duration_ns"] == 30_000_000_000
    assert busy["recordings"] == 1 and busy["own_rss_bytes"] > 0
    assert re.search(rf"{target.pid}\s+shares\s+199\s", text)


def metrics(text):
    """{name: (type, {labels: value})} of Prometheus' text format, read strictly: every metric has HELP, TYPE and at
    least one sample, in this order and once, and nothing else is there."""
    found, name = {}, None
    for line in text.split("\n")[:-1]:
        if match := re.fullmatch(r"# HELP (probe_[a-z_]+) [^\n]+", line):
            assert match[1] not in found and (name is None or found[name][1])
            name = match[1]
            found[name] = [None, {}]
        elif match := re.fullmatch(r"# TYPE (probe_[a-z_]+) (counter|gauge)", line):
            assert match[1] == name and found[name][0] is None
            found[name][0] = match[2]
        else:
            match = re.fullmatch(r'(probe_[a-z_]+)(\{[a-z]+="(?:[^"\\\n]|\\["\\n])*"\})? ([0-9]+(?:\.[0-9]+)?)', line)
            assert match and match[1] == name and found[name][0] and match[2] not in found[name][1], line
            found[name][1][match[2]] = float(match[3])
    assert text.endswith("\n") and found[name][1]
    for name, (kind, _) in found.items():
        assert (kind == "counter") == name.endswith("_total"), name
    return found


def test_metrics(server, tmp_path):
    with probe.target("shares", 30) as target:
        server.record("-p", target.pid, "-F", "999", "-o", tmp_path / "p.pb.gz", "400ms")
        first = metrics(ask(server, "status", "--format", "prometheus").out)
        server.record("-p", target.pid, "-F", "999", "-o", tmp_path / "q.pb.gz", "400ms")
    second = metrics(ask(server, "status", "--format", "prometheus").out)
    recorded = [probe.Profile(tmp_path / f"{name}.pb.gz").total() for name in "pq"]
    assert first["probe_samples_total"][1][None] == recorded[0]
    assert second["probe_samples_total"][1][None] == sum(recorded)
    assert second["probe_recordings_total"][1][None] == 2 and second["probe_recordings"][1][None] == 0
    assert len(second["probe_lost_total"][1]) > 3
    for name, (kind, values) in first.items():
        for labels, value in values.items():
            assert kind == "gauge" or second[name][1][labels] >= value, name
    assert second["probe_cpu_seconds_total"][1][None] > first["probe_cpu_seconds_total"][1][None] > 0
    assert probe.probe("status", "--format", "xml", env=server.environment()).code == 2
    manual = (probe.ROOT / "packaging/man/probed.8.in").read_text()
    listed = re.findall(r"^\.It Li (probe_\w+) No (\w+), \w+$", manual, re.M)
    assert listed == [(name, kind) for name, (kind, _) in second.items()]


def test_file_of_metrics(server, tmp_path):
    """What probe-metrics.service runs, in a directory of somebody who would like another file to be written."""
    victim, directory, prefix = (tmp_path / name for name in ("victim", "collector", "prefix"))
    directory.mkdir()
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin/probe").symlink_to(probe.BUILD / "probe")
    victim.write_text("as it was\n")
    for planted in (".probe.new", "probe.prom"):
        (directory / planted).symlink_to(victim)
    unit = (probe.ROOT / "packaging/probe-metrics.service").read_text()
    command = shlex.split(re.search(r"^ExecStart=(.*)$", unit, re.M)[1].replace("@PREFIX@", str(prefix)))
    for _ in range(2):  # with the last one's file there, too
        result = probe.run(*command, cwd=directory, env=server.environment())
        assert result.code == 0, result
        assert metrics((directory / "probe.prom").read_text())["probe_build_info"]
        assert not (directory / "probe.prom").is_symlink() and victim.read_text() == "as it was\n"
        assert [path.name for path in directory.iterdir()] == ["probe.prom"]
    result = probe.run(*command, cwd=directory, env=probe.environment(PROBE_SOCKET=str(tmp_path / "none")))
    assert result.code != 0 and metrics((directory / "probe.prom").read_text()), "what there was stays"


def test_list(server):
    processes = {p["pid"]: p for p in json.loads(ask(server, "list", "--json").out)["processes"]}
    own = processes[os.getpid()]
    assert own["uid"] == os.getuid() and own["parent"] == os.getppid()
    assert not any(p["kernel"] for p in processes.values())
    assert 2 in {p["pid"] for p in json.loads(ask(server, "list", "--kernel", "--json").out)["processes"]}
    assert re.search(rf"^\s*{os.getpid()}\s+{os.getppid()}\s", ask(server, "list").out, re.M)


def test_without_a_daemon(tmp_path):
    result = probe.probe("--socket", tmp_path / "none", "status")
    assert result.code == 5 and "no daemon" in result.err and result.hint
    assert str(os.getpid()) in probe.probe_ok("--socket", tmp_path / "none", "list").out
