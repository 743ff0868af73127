# SPDX-License-Identifier: Apache-2.0
"""`probe top`: one table, and the live view in a real terminal."""
import json
import re

import pytest
from daemon import Daemon
from terminal import Terminal

import probe

TOP = f"{probe.BUILD}/probe top"


@pytest.fixture(scope="module")
def busy():
    with probe.target("shares", 120) as popen:
        yield popen.pid


def test_once(busy):
    out = probe.probe_ok("top", "-p", busy, "--once", "-d", "1s").out
    assert out.startswith(f"shares ({busy})  1.0s at 99 Hz") and re.search(r"\bshare_half +shares$", out, re.M)
    data = json.loads(probe.probe_ok("top", "-p", busy, "--once", "--json", "-d", "1s", "-F", 999).out)
    assert data["profile"]["pid"] == busy and data["rows"][0]["function"] == "share_half"
    assert data["sample"]["type"] == "cpu" and data["sample"]["total"] > 0
    threads = json.loads(probe.probe_ok("top", "-p", busy, "--once", "--json", "--threads", "-d", "500ms").out)
    assert [t["tid"] for t in threads["rows"]] == [busy]


def test_refusals(busy):
    gone = probe.probe("top", "-p", 4194304 - 7, "--once")
    assert gone.code == 3 and "no process" in gone.err
    piped = probe.probe("top", "-p", busy)
    assert piped.code == 2 and "terminal" in piped.err and "--once" in piped.hint
    assert probe.probe("top", busy).hint == f"a process is -p {busy}"
    assert probe.probe("top", "--once").code == 2


def test_keys(busy, tmp_path):
    with Terminal(tmp_path, f"{TOP} -p {busy} -d 500ms") as terminal:
        screen = terminal.wait("share_half", "SELF%", "functions by self")
        assert screen.splitlines()[0].startswith("shares") and screen.splitlines()[-1].startswith("q quit")
        terminal.keys("s")
        terminal.wait("functions by cum")
        terminal.keys("t")
        terminal.wait("threads by cum", "TID", str(busy))
        terminal.keys("t", "/", *"half", "x", "BSpace")
        terminal.wait("functions by cum", "filter: half_")
        terminal.keys("Enter")
        terminal.wait("only /half/", without=["share_30"])
        terminal.keys("/", "C-u", "Enter", "p")
        # A turn of few samples stands still, perhaps, in which the largest of them is not.
        terminal.wait("[paused]", "share_")
        terminal.keys("h")
        terminal.wait("this help")
        terminal.keys("Up", "h", "p")
        terminal.wait("share_half", without=["[paused]"])
        terminal.keys("c")
        terminal.wait("offcpu_events ")
        terminal.keys("q")
        screen = terminal.wait("status 0")
        assert "share_half" not in screen  # what was there before is back


def test_narrow_without_colour_and_utf8(busy, tmp_path):
    with Terminal(tmp_path, f"{TOP} -p {busy} -d 500ms", 44, 12, NO_COLOR="1", LC_ALL="C") as terminal:
        terminal.wait("SELF%", "share_h")  # names are cut
        coloured = terminal.text("-e")
        assert "\033" not in coloured and coloured.isascii()
        terminal.resize(30, 8)
        probe.wait_for(lambda: terminal.text().splitlines()[7:8] == ["q quit  h help  s sort  t thre"], 20,
                       "the smaller screen")
        assert max(map(len, terminal.text().splitlines())) <= 30
        terminal.keys("C-c")
        terminal.wait("status 0")


def test_by_a_daemon_until_the_target_ends(tmp_path):
    with Daemon(tmp_path) as server, probe.target("shares", 120) as popen:
        with Terminal(tmp_path, f"{TOP} -p {popen.pid} -d 300ms", PROBE_SOCKET=str(server.path)) as terminal:
            terminal.wait("share_half")
            popen.terminate()
            popen.wait()
            # The last turn may have caught nothing but its end, in the kernel.
            terminal.wait("[ended: q quits]", f"shares ({popen.pid})", "CUM%")
            terminal.keys("q")
            terminal.wait("status 0")
        probe.wait_for(lambda: json.loads(probe.probe_ok("status", "--json", env=server.environment()).out)
                       ["sessions"] == [], 10, "the recordings to end")
