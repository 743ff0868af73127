# SPDX-License-Identifier: Apache-2.0
"""What the programs say, word for word: the texts of the command line's design, in which numbers, names of
files and of functions stand for others."""
import os
import re

import users
from daemon import Daemon
from terminal import Terminal

import probe

RECORD = """\
Profiling nginx (4242), 3 processes, 8 threads: cpu at 99 Hz and off-cpu, for 30s. Ctrl-C stops early and keeps the data.
Wrote nginx-4242-20261122T074512Z.pb.gz  1,901 samples, 412 stacks (100.0% whole), 0 lost, 98.7% named, 61 kB
Next: probe report | probe flamegraph | go tool pprof -http=: nginx-4242-20261122T074512Z.pb.gz
"""
PROGRESS = "[#############.......] 19s/30s  1,204 samples  0 lost  cpu 64%"
REPORT = """\
nginx (4242)  30.0s at 99 Hz  1,901 samples  0 lost                    nginx-4242-20261122T074512Z.pb.gz
thread time 240.0s: on-cpu 19.2s, runnable 0.4s, blocked 220.4s (accounted 100.0%)
"""
TABLE = """\
   SELF   SELF%     CUM    CUM%  FUNCTION                      MODULE
  6.91s   36.0%   7.02s   36.6%  ngx_http_parse_header_line    nginx
  3.10s   16.1%   3.10s   16.1%  copy_user_generic             [kernel]
"""
NOBODY = "probe: no process with PID 99999\n"
DENIED = """\
probe: permission denied: uid 1000 may not profile PID 1 (owned by root)
  hint: ask to be added to group "probe", or use sudo; `probe doctor` says more
"""


def pattern(text):
    """Matches what differs from `text` in numbers and widths alone."""
    parts = []
    for part in re.findall(r"\d{8}T\d{6}Z|[\d,]*\d(?:\.\d+)?|\[#+\.+\]|[km]?B\b| +|\S", text):
        parts.append(r"\d{8}T\d{6}Z" if "T" in part and len(part) > 2
                     else r"\d+\." + r"\d" * len(part.split(".")[1]) if "." in part and part[0].isdigit()
                     else r"[\d,]*\d(?:\.\d)?" if part[0].isdigit()
                     else r"\[[#.]{20}\]" if part.startswith("[#")
                     else r"[kM]?B" if part.endswith("B")
                     else " +" if part.isspace() else re.escape(part))
    return "".join(parts)


def assert_words(expected, actual):
    """Line for line."""
    wanted, lines = expected.splitlines(), actual.splitlines()
    assert len(wanted) == len(lines), actual
    for want, line in zip(wanted, lines):
        assert re.fullmatch(pattern(want), line), f"{line}\nis not like\n{want}"


def test_record_and_report(tmp_path):
    """Of a server that works. The timer of the progress and what is on the screen after it are a terminal's."""
    with probe.nginx(tmp_path):
        command = f"cd {tmp_path}; {probe.BUILD}/probe record -p $(cat nginx.pid) -F 99 40s"
        with Terminal(tmp_path, command, 150) as terminal:
            # The first lines may come before the first sample: one that tells of a second and more.
            shown = re.compile(r"^(?=.*\] [1-9])" + pattern(PROGRESS) + "$", re.M)
            probe.wait_for(lambda: shown.search(terminal.text()), 20, "the progress")
            terminal.keys("C-c")
            screen = terminal.wait("status ")
    # A busy machine may have a note of its own.
    said = [line for line in screen.splitlines() if re.match("Profiling|Wrote|Next|status", line)]
    # libz is stripped: what is said of functions without names depends on how much gets compressed.
    assert_words(RECORD + "status 0", re.sub(r", [0-9.]+% by address only", "", "\n".join(said)))
    (written,) = tmp_path.glob("*.pb.gz")
    assert screen.count(written.name) == 2
    done = probe.probe_ok("report", cwd=tmp_path)
    assert done.err == f"probe: the newest profile here: {written.name}\n"
    head, table = re.split(r"(?m)^(?= *SELF )", done.out)
    # What a busy machine adds (stolen time, timers that came late) has lines and words of its own.
    assert_words(REPORT, "\n".join(re.sub(r" stolen \d+\.\ds,", "", line) for line in head.splitlines()[:2]))
    assert_words(TABLE.splitlines()[0], table.splitlines()[0])
    # Milliseconds, where it got less than a second.
    row = re.compile(r" *\d+\.\d\dm?s +\d+\.\d% +\d+\.\d\dm?s +\d+\.\d%  \S.*\S  +\S+")
    lines = [line for line in table.splitlines()[1:] if " more below " not in line]
    assert len(lines) > 3
    for line in TABLE.splitlines()[1:] + lines:
        assert row.fullmatch(line), line


def test_no_process(tmp_path):
    with probe.program("/bin/true") as gone:
        gone.wait()
    done = probe.probe("record", "-p", gone.pid, "5s", cwd=tmp_path)
    assert done.code == 3 and not done.out
    assert_words(NOBODY, done.err)
    assert str(gone.pid) in done.err


def test_no_permission(tmp_path):
    directory = tmp_path / "home"
    directory.mkdir()
    os.chown(directory, 1000, 1000)
    os.chmod(tmp_path, 0o755)
    commands = [("record", "-p", "1", "5s"), ("record", "-t", "1", "5s"), ("stacks", "-p", "1"), ("stacks", "-t", "1"),
                ("top", "--once", "-p", "1"), ("doctor", "-p", "1"), ("report", "-p", "1", "5s"),
                ("flamegraph", "-p", "1", "5s"), ("export", "-f", "text", "-p", "1", "5s")]
    with Daemon(tmp_path, config="[access]\ngroup = games\n") as daemon:
        for command in commands:
            done = users.run(1000, probe.BUILD / "probe", *command, socket_path=daemon.path, cwd=directory)
            assert done.code == 4 and not done.out, (command, done)
            assert done.err == DENIED.replace('"probe"', '"games"'), (command, done)
            assert not list(directory.iterdir()), command
