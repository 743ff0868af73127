# SPDX-License-Identifier: Apache-2.0
"""Many recordings by one daemon: nothing grows. CYCLES=10000 is `make soak`; make check does fewer."""
import os

import daemon
from daemon import Daemon

import probe

CYCLES = int(os.environ.get("CYCLES", "300"))


def cycle(server, pid, number):
    """A recording of 20 ms, read to its end without a CLI, so that the daemon is what is tested. One in
    ten has kernel stacks, whose names take most of the time: addresses of it are ever new."""
    with server.client() as client:
        client.record(pid, hz=999, fields=[(13, 20_000_000), (11, number % 10 != 0)])
        while True:
            message = client.receive()
            if daemon.FINISHED in message:
                return
            assert daemon.FAILED not in message, message


def test_nothing_grows(tmp_path):
    with probe.target("shares", 36000) as target, Daemon(tmp_path) as server:
        pids = [server.pid, server.engine()]

        def state():
            return [daemon.fds(p) for p in pids], len(probe.bpf_objects()), len(server.workers())

        for i in range(50):
            cycle(server, target.pid, i)
        before, rss = state(), [daemon.rss_bytes(p) for p in pids]
        for i in range(CYCLES):
            cycle(server, target.pid, i)
        probe.wait_for(lambda: state() == before, 5, f"fds and BPF objects to be {before}")
        grown = sum(daemon.rss_bytes(p) - r for p, r in zip(pids, rss))
        # Less than 1 MB per 1,000 cycles, and 200 kB for what an allocator does in its first ones.
        assert grown < 200_000 + CYCLES * 1000, f"{grown} bytes in {CYCLES} cycles"
