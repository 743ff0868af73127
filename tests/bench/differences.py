# SPDX-License-Identifier: Apache-2.0
"""What `probe diff` says of recordings: of targets/slower as it is, and where one of its functions, of a fifth of the
work, takes a fifth more. DIFF_RUNS a side (5) by turns, of DIFF_SECONDS (30) of CPU time at 99 Hz each: minutes. In
DIFF_DIR, where it is given, the recordings are kept, and those that are there are not made again; DIFF_MOST of them
are made at once, without a verdict as long as some are missing."""
import itertools
import json
import os
import resource
import subprocess
import tempfile
from pathlib import Path

import probe

RUNS, SECONDS = int(os.environ.get("DIFF_RUNS", "5")), float(os.environ.get("DIFF_SECONDS", "30"))
MOST = int(os.environ.get("DIFF_MOST", "1000"))
SLOWER, PERCENT = probe.TARGETS / "slower", 20
# What a pair of runs, and one of two runs a side, may call changed that is not.
FALSE_MOST = 0.1


def rounds(seconds):
    """Of the program as it is, that take so long on a CPU."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run([SLOWER, "1000"], check=True)
    return int(1000 * seconds / (resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before))


def record(tmp):
    """False: some are still missing."""
    work = tmp / "rounds"
    if not work.exists():
        work.write_text(str(rounds(SECONDS)))
    missing = [(i, side) for i in range(RUNS) for side in "ab" if not (tmp / f"{side}{i}.pb.gz").exists()]
    for i, side in missing[:MOST]:
        probe.probe_ok("record", "-F", 99, "-o", tmp / f"{side}{i}.pb.gz", "--", SLOWER, work.read_text(),
                       PERCENT if side == "b" else 0, timeout=20 * SECONDS + 60)
    return len(missing) <= MOST


def surely(tmp, before, after, by):
    """Functions that a comparison calls changed: name → change in percent."""
    done = probe.probe("diff", *before, "--", *after, "--by", by, "--json", cwd=tmp)
    assert done.code == 0, done
    read = json.loads(done.out)
    return {f["function"]: f["change_percent"] for f in read["functions"] if f["sure"] != "no"}, read


def unchanged(side):
    """Comparisons of runs of the same: each with each, and two with two others."""
    yield from (([a], [b]) for a, b in itertools.combinations(side, 2))
    for four in itertools.combinations(side, 4):
        yield from ((four[:1] + four[i:i + 1], [x for x in four[1:] if x != four[i]]) for i in (1, 2, 3))


def differences():
    exceeded = False
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        tmp = Path(os.environ.get("DIFF_DIR", name))
        if not record(tmp):
            print("differences: recordings are missing")
            return False
        sides = [[f"{side}{i}.pb.gz" for i in range(RUNS)] for side in "ab"]
        for by in ("run", "share", "time"):
            found, read = surely(tmp, *sides, by)
            missed = [read[side]["cpu_missed_percent"] for side in ("before", "after")]
            wrong = [dict(surely(tmp, *pair, by)[0]) for side in sides for pair in unchanged(side)]
            false = sum(bool(w) for w in wrong)
            print(f"by {by}: planted {PERCENT} %: {', '.join(f'{f} {x:+.1f} %' for f, x in found.items()) or 'NOT FOUND'}; "
                  f"unchanged: {false} of {len(wrong)} comparisons call a function changed; "
                  f"without a CPU {missed[0]:.0f} % before, {missed[1]:.0f} % after", flush=True)
            # On a contended machine what there is in a second is not the program's doing: diff finds less, and says so.
            exceeded |= false > FALSE_MOST * len(wrong) or (by != "time" and found.get("slower", 0) < PERCENT / 2)
    print("differences:", "TOO MUCH" if exceeded else "as they are")
    return exceeded
