# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium, driven by its own protocol over a pipe: pages as people see them."""
import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

import probe

TIMEOUT = 40


class Browser:
    """Chromium without a network. open() gives a Page."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="browser")
        ours, theirs = os.pipe(), os.pipe()
        # Chromium reads from 3 and writes to 4: numbers that the pipes themselves may have got.
        read, write = (fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in (ours[0], theirs[1]))

        def place():
            os.dup2(read, 3)
            os.dup2(write, 4)

        self.popen = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
             "--remote-debugging-pipe", f"--user-data-dir={self.directory}/profile", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=place,
            pass_fds=(3, 4), env=probe.environment(HOME=self.directory), start_new_session=True)
        for fd in (ours[0], theirs[1], read, write):
            os.close(fd)
        self.input, self.output = ours[1], theirs[0]
        self.buffer, self.number, self.events = b"", 0, []

    def receive(self, end):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.output], [], [], max(end - time.monotonic(), 0))
            assert ready, "the browser does not answer"
            data = os.read(self.output, 1 << 20)
            assert data, "the browser has ended"
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **params):
        """A command's result; what happens meanwhile is kept in `events`."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.input, data):]
        end = time.monotonic() + TIMEOUT
        while True:
            answer = self.receive(end)
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def open(self, url, width=1280, height=800, dark=False):
        return Page(self, url, width, height, dark)

    def close(self):
        with contextlib.suppress(AssertionError, OSError):
            self.call("Browser.close")
        try:
            self.popen.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.popen.pid, 9)
            self.popen.wait()
        os.close(self.input)
        os.close(self.output)
        shutil.rmtree(self.directory, ignore_errors=True)


class Page:
    """A page in its own tab, loaded."""

    def __init__(self, browser, url, width, height, dark):
        self.browser = browser
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.size(width, height)
        if dark:
            self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        self.navigate(url)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=False)

    def navigate(self, url):
        self.url = str(url)
        self.call("Page.navigate", url=self.url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank' && !document.querySelector('[aria-busy]')")

    def evaluate(self, expression):
        """The value of JavaScript, which may be a promise."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, (expression, answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait(self, expression, seconds=TIMEOUT):
        return probe.wait_for(lambda: self.evaluate(expression), seconds, expression)

    def text(self, selector):
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")

    def key(self, key, text=None):
        params = {"key": key, "code": key}
        if text or len(key) == 1:
            params["text"] = text or key
        self.call("Input.dispatchKeyEvent", type="keyDown", **params)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)

    def type(self, text):
        for letter in text:
            self.key(letter)

    def move(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, x, y):
        self.move(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, selector):
        """Clicks the middle of an element."""
        box = self.evaluate(f"(e => {{ e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect(); "
                            f"return [b.x + b.width / 2, b.y + b.height / 2]; }})"
                            f"(document.querySelector({json.dumps(selector)}))")
        self.click(*box)

    def choose(self, selector, value):
        self.evaluate(f"(e => {{ e.value = {json.dumps(value)}; e.dispatchEvent(new Event('change')); }})"
                      f"(document.querySelector({json.dumps(selector)}))")

    def screenshot(self, path, whole=False):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as out:
            out.write(base64.b64decode(data))

    def events(self, *methods):
        return [e for e in self.browser.events if e.get("sessionId") == self.session and e["method"] in methods]

    def assert_quiet(self):
        """Nothing on the console, and no request but for the page itself."""
        self.evaluate("1")
        noise = self.events("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        assert not noise, noise
        requests = {e["params"]["request"]["url"] for e in self.events("Network.requestWillBeSent")}
        other = {url for url in requests if url.split("#")[0] != self.url.split("#")[0] and not url.startswith("data:")}
        assert not other, other

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
