# SPDX-License-Identifier: Apache-2.0
"""Many recordings one after the other leave the machine as it was."""
import concurrent.futures
import time

import probe


def test_60_cycles(tmp_path):
    """Nothing that any of these recordings had is left: processes, BPF programs, maps, links. (200 and
    more by one daemon: test_soak.py.)"""
    with probe.target("shares", 600) as popen:
        def cycle(i):
            return probe.probe("record", "-p", popen.pid, "-F", 999, "-o", tmp_path / f"{i}.pb.gz", "30ms")

        held = set()
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            results = [pool.submit(cycle, i) for i in range(60)]
            while not all(r.done() for r in results):
                held |= probe.bpf_objects()
                time.sleep(0.05)
        codes = [r.result().code for r in results]
        # 6: in 30 ms of a busy machine the target may not have run at all.
        assert set(codes) <= {0, 6} and codes.count(0) > 50
        assert len({kind for kind, _ in held}) == 3
        probe.wait_for(lambda: not probe.still_there(held), 5, "all BPF objects to be gone")
        assert not probe.our_processes()
