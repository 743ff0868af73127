# SPDX-License-Identifier: Apache-2.0
"""What holds for every end-to-end test: nothing is left behind."""
import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

import probe


def left_in(directory):
    return {p.name for p in Path(directory).iterdir() if p.name.startswith(("probe", ".probe"))}


@pytest.fixture(autouse=True)
def nothing_left(request):
    """After each test: no process of ours and no temporary file that was not there before. (A BPF object
    lives as long as a process holds it: those that are killed or many look at the objects, too.) What is
    going away is given two seconds."""
    if "keeps_running" in request.keywords:
        yield
        return
    temporary = tempfile.gettempdir()
    processes, files = set(probe.our_processes()), left_in(temporary)
    yield
    end = time.monotonic() + 2
    while True:
        left = {pid: name for pid, name in probe.our_processes().items() if pid not in processes}
        new = left_in(temporary) - files
        if not left and not new:
            return
        if time.monotonic() > end:
            break
        time.sleep(0.1)
    for pid in left:
        os.kill(pid, 9)
    pytest.fail(f"left behind: processes {left}, files {sorted(new)}")


def pytest_configure(config):
    config.addinivalue_line("markers", "keeps_running: this test's own fixtures outlive it")


def pytest_sessionstart(session):
    # What runs the tests may ignore signals (a shell in the background does): the programs must not.
    for sig in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(sig) == signal.SIG_IGN:
            signal.signal(sig, signal.default_int_handler if sig == signal.SIGINT else signal.SIG_DFL)
    for name in probe.PROGRAMS:
        if not (probe.BUILD / name).exists():
            pytest.exit(f"{probe.BUILD / name} is not built", returncode=2)
