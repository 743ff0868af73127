# SPDX-License-Identifier: Apache-2.0
"""Servers of our own under load, beside those of probe.py."""
import contextlib
import os
import pwd
import time

import probe

POSTGRES = "/usr/lib/postgresql/15/bin"


@contextlib.contextmanager
def postgres(tmp, load=("-S", "-c", "4"), fsync="off"):
    """A server of our own, as the user that it wants, under pgbench (None: without)."""
    user = pwd.getpwnam("postgres")
    data, port = tmp / "pg", str(probe.free_port())
    data.mkdir()
    for path in (data, *tmp.parents):
        if str(path).startswith("/tmp/") and path != data:
            os.chmod(path, os.stat(path).st_mode | 0o011)
    os.chmod(tmp, os.stat(tmp).st_mode | 0o011)
    os.chown(data, user.pw_uid, user.pw_gid)

    def run(*args):
        done = probe.run("/usr/sbin/runuser", "-u", "postgres", "--", *args, timeout=120, cwd="/")
        assert done.code == 0, done

    def as_user(*args, **options):
        return probe.program(*args, user="postgres", group="postgres", cwd="/", **options)

    def ready():  # it listens some time before
        return probe.run(f"{POSTGRES}/pg_isready", "-q", "-h", "127.0.0.1", "-p", port).code == 0

    run(f"{POSTGRES}/initdb", "-D", data, "-A", "trust", "--no-sync")
    with as_user(f"{POSTGRES}/postgres", "-D", data, "-p", port, "-k", data, "-c", f"fsync={fsync}",
                 "-c", "listen_addresses=127.0.0.1", ready=ready) as server:
        run(f"{POSTGRES}/pgbench", "-i", "-q", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "postgres")
        if load is None:
            yield server
            return
        with as_user(f"{POSTGRES}/pgbench", *load, "-n", "-T", "3600", "-h", "127.0.0.1", "-p",
                     port, "-U", "postgres", "postgres"):
            time.sleep(0.5)
            yield server
