# SPDX-License-Identifier: Apache-2.0
"""A daemon (`probed --socket`) for a test, and a client that speaks its protocol raw, so that it can also
misbehave. common/protocol.proto and common/wire.h are the source."""
import contextlib
import os
import resource
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

import probe

HELLO, RECORD, STARTED, PROGRESS, STOP, CHUNK, FINISHED, FAILED, STATUS, LIST = range(1, 11)


class Daemon:
    """probed on a socket of its own. With it: DAEMON.record(…) and DAEMON.client()."""

    def __init__(self, directory, nofile=None, config="", build=probe.BUILD, **environment):
        def limit():
            if nofile:
                resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))

        self.path = Path(directory) / "probe.sock"
        self.config = Path(directory) / "probed.conf"
        self.config.write_text(config)
        self.popen = subprocess.Popen([build / "probed", "--socket", self.path, "--config", self.config],
                                      env=probe.environment(**environment), stdin=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, preexec_fn=limit)
        self.pid = self.popen.pid
        probe.wait_for(self.answers, 20, "the daemon to answer")

    def answers(self):
        with contextlib.suppress(OSError, EOFError, KeyError), self.client() as client:
            return client.status() is not None
        return False

    def client(self, **options):
        return Client(self.path, **options)

    def environment(self):
        return probe.environment(PROBE_SOCKET=str(self.path))

    def record(self, *args, **options):
        return probe.probe("record", *args, env=self.environment(), **options)

    def recording(self, *args):
        """`probe record` in the background."""
        return subprocess.Popen([str(a) for a in (probe.BUILD / "probe", "record", *args)],
                                env=self.environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def engine(self):
        return next(p for p in probe.descendants(self.pid)
                    if os.path.basename(os.readlink(f"/proc/{p}/exe")) == "probed")

    def workers(self):
        found = []
        for pid in probe.descendants(self.pid):
            with contextlib.suppress(OSError):
                if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "probe-symbolizer":
                    found.append(pid)
        return found

    def stop(self):
        self.popen.send_signal(signal.SIGTERM)
        err = self.popen.communicate(timeout=20)[1].decode(errors="replace")
        return self.popen.returncode, err

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(10)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        self.popen.stderr.close()


def varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    """A protobuf field: bytes are length-delimited, numbers varints."""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(value)


def fields(data):
    """{number: last value} of a message; floats stay 8 bytes."""
    found, at = {}, 0

    def number():
        nonlocal at
        n = shift = 0
        while True:
            byte = data[at]
            at += 1
            n |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return n

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            found[tag >> 3] = number()
            continue
        size = 8 if tag & 7 == 1 else number()
        found[tag >> 3] = data[at:at + size]
        at += size
    return found


class Client:
    def __init__(self, path, hello=True, timeout=30, connected=None):
        self.socket = connected or socket.socket(socket.AF_UNIX)
        self.passes_fds = connected is None  # as root, of whom alone they are taken
        self.socket.settimeout(timeout)
        if not connected:
            self.socket.connect(str(path))
        self.buffer = b""
        if hello:
            self.send(field(HELLO, field(1, 1)))
            self.receive()[HELLO]

    def send(self, message):
        self.socket.sendall(struct.pack("<I", len(message)) + message)

    def read(self, n):
        while len(self.buffer) < n:
            got = self.socket.recv(1 << 16)
            if not got:
                raise EOFError
            self.buffer += got
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def receive(self):
        """The next message as {kind: bytes}."""
        return fields(self.read(struct.unpack("<I", self.read(4))[0]))

    def status(self):
        self.send(field(STATUS, b""))
        return fields(self.receive()[STATUS])

    def record(self, pid, hz=99, pidfd=None, **more):
        """Asks for a recording of pid, as root with its pidfd, or another."""
        record = field(1, pid) + varint(8 << 3 | 1) + struct.pack("<d", hz)
        record += b"".join(field(number, value) for number, value in more.get("fields", ()))
        message = field(RECORD, record)
        if not self.passes_fds:
            self.send(message)
            return
        fd = os.dup(pidfd) if pidfd else os.pidfd_open(pid)
        try:
            socket.send_fds(self.socket, [struct.pack("<I", len(message)) + message], [fd])
        finally:
            os.close(fd)

    def closed(self, seconds):
        """Whether the daemon hangs up within this time; what it says before is read over."""
        self.socket.settimeout(seconds)
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                if not self.socket.recv(1 << 16):
                    return True
        except TimeoutError:
            return False
        except OSError:
            return True
        return False

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def rss_bytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
