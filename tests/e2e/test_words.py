# SPDX-License-Identifier: Apache-2.0
"""What cannot be done is said in one line and, where something can be done about it, a second; the exit
status is that of the man page, and nothing is left behind."""
import os
import subprocess
from pathlib import Path

import pytest

import probe

WRONG_PIDS = {"0": 2, "-1": 2, "abc": 2, "99999999999": 2, "": 2, "4194304": 3}
WITH_PID = [("record", "-d", "1"), ("stacks",), ("top", "--once"), ("stat",), ("doctor",)]
WITH_FILE = [("report",), ("flamegraph",), ("export", "-f", "text"), ("symbolize",), ("diff", "whole"), ("merge",)]
WRONG_VALUES = [("-F", "0"), ("-F", "nan"), ("-F", "1e9"), ("-d", "-1"), ("-d", "1y"), ("--mode", "x"), ("--every", "0"),
                ("--cpu", "9999"), ("--label", "x"), ("--wait", "x"), ("--call-graph", "x"), ("-f", "x"), ("-e", "x"),
                ("-t", "abc"), ("-p",)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with what is no profile; "whole" is one, of five samples of one address."""
    place = tmp_path_factory.mktemp("words")
    (place / "directory").mkdir()
    (place / "empty").touch()
    (place / "text").write_text("hello\n")
    (place / "whole").write_bytes(bytes.fromhex("0a0408011002 12060a0101120105 220408011810 3200") +
                                  b"\x32\x07samples\x32\x05count")
    return place


def refused(place, code, *args):
    before = sorted(os.listdir(place))
    done = probe.probe(*args, cwd=place, timeout=20)
    lines = done.err.splitlines()
    hint = 2 if done.hint else 1
    assert done.code == code and done.out == "" and len(lines) == hint, (args, done)
    assert lines[0].startswith("probe: "), (args, done)
    assert sorted(os.listdir(place)) == before
    return done


@pytest.mark.parametrize("command", WITH_PID, ids=lambda command: command[0])
def test_wrong_pids(place, command):
    for pid, code in WRONG_PIDS.items():
        refused(place, code, *command, "-p", pid)
    ended = subprocess.Popen(["true"])
    ended.wait()
    refused(place, 3, *command, "-p", ended.pid)


@pytest.mark.parametrize("command", WITH_FILE, ids=lambda command: command[0])
def test_wrong_files(place, command):
    for name in ("missing", "directory", "empty", "text"):
        assert name in refused(place, 1, *command, name).err
    refused(place, 2, *command, "--no-such-option")


@pytest.mark.parametrize("command", ["report", "flamegraph"])
def test_nothing_in_it(place, command):
    (place / "nothing").write_bytes(bytes.fromhex("0a0408011802 3200") + b"\x32\x07samples\x32\x05count")
    assert refused(place, 6, command, "nothing").err == "probe: nothing: nothing was sampled\n"


def test_wrong_values(place):
    for value in WRONG_VALUES:
        refused(place, 2, "record", "-p", os.getpid(), *value)
    for output in ("directory", "missing/x"):
        assert output in refused(place, 1, "record", "-p", os.getpid(), "-d", "1", "-o", output).err
    refused(place, 2, "report", "whole", "--tree", "--threads")
    refused(place, 2, "report", "whole", "--callers", "f", "--callees", "f")
    assert "too long" in refused(place, 2, "--socket", "x" * 200, "status").err
    refused(place, 5, "--socket", "text", "status")


def test_outputs_that_fail(place):
    full = "No space left on device"
    assert full in refused(place, 1, "export", "whole", "-f", "text", "-o", "/dev/full").err
    assert Path("/dev/full").is_char_device()
    with open("/dev/full", "w") as stdout:
        done = subprocess.run([probe.BUILD / "probe", "export", "whole", "-f", "text"], cwd=place, stdout=stdout,
                              stderr=subprocess.PIPE, text=True, timeout=20)
    assert done.returncode == 1 and done.stderr == f"probe: cannot write to standard output: {full}\n"


def test_help_and_version(place):
    for wrong in (("help", "--nosuch"), ("help", "-x"), ("help", "nosuch"), ("help", "report", "x"), ("version", "x"),
                  ("version", "--nosuch"), ("--nosuch",)):
        refused(place, 2, *wrong)
    assert probe.probe_ok("help").out == probe.probe_ok("help", "-h").out == probe.probe_ok("--help").out
    assert probe.probe_ok("help", "report").out == probe.probe_ok("report", "--help").out
