# SPDX-License-Identifier: Apache-2.0
"""A terminal for programs that need one: tmux, with a server of its own a test."""
import subprocess

import probe


class Terminal:
    """Runs `command` (shell text) in a terminal of this size; the screen says "status N" when it ends."""

    def __init__(self, directory, command, width=80, height=24, **environment):
        self.socket = str(directory / "tmux.sock")
        # A terminal's own environment: no size in it, and what the test asks for.
        env = probe.environment(TERM="xterm", SHELL="/bin/sh", **environment)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "-s", "t",
                  f"trap : INT; {command}; echo status $?; exec sleep 1000", env=env)

    def tmux(self, *args, env=None):
        done = subprocess.run(["tmux", "-S", self.socket, *args], capture_output=True, timeout=20, check=False,
                              env=env or probe.environment(), stdin=subprocess.DEVNULL)
        assert done.returncode == 0, (args, done.stderr)
        return done.stdout.decode()

    def text(self, *options):
        """What stands on the screen."""
        return self.tmux("capture-pane", "-p", *options, "-t", "t")

    def longest(self):
        """Columns of the longest line that was printed: the screen itself would have broken it."""
        return max(len(line.rstrip()) for line in self.text("-J").splitlines())

    def wait(self, *words, seconds=20):
        """The screen once all these words are on it."""
        try:
            return probe.wait_for(lambda: (text := self.text()) and all(w in text for w in words) and text, seconds,
                                  f"{words} on the screen")
        except AssertionError as error:
            raise AssertionError(f"{error}, where stands:\n{self.text()}") from None

    def keys(self, *keys):
        self.tmux("send-keys", "-t", "t", *keys)

    def resize(self, width, height):
        self.tmux("resize-window", "-t", "t", "-x", str(width), "-y", str(height))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, check=False)
