"""A headless Chromium, told what to do over two pipes: the DevTools protocol without a network."""

import base64
import json
import os
import select
import subprocess
import tempfile
import time


class Browser:
    """A browser with one page. Use it as a context."""

    def __init__(self, program, timeout=60):
        self.timeout = timeout
        self.calls = 0
        self.pending = b""
        self.events = []
        self.profile = tempfile.TemporaryDirectory(prefix="preview-browser-", ignore_cleanup_errors=True)
        there, self.write_end = os.pipe()
        self.read_end, back = os.pipe()

        def pipes():
            # The browser reads from 3 and writes to 4.
            os.dup2(there, 30)
            os.dup2(back, 40)
            os.dup2(30, 3)
            os.dup2(40, 4)

        self.process = subprocess.Popen(
            [
                str(program), "--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run",
                "--no-default-browser-check", "--disable-extensions", "--disable-background-networking",
                "--hide-scrollbars", f"--user-data-dir={self.profile.name}",
                # Root, as in a container, has no sandbox; and /dev/shm may be small there.
                *(["--no-sandbox", "--disable-dev-shm-usage"] if os.geteuid() == 0 else []),
            ],
            preexec_fn=pipes, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        os.close(there)
        os.close(back)
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.write_end)
        os.close(self.read_end)
        self.profile.cleanup()

    def call(self, method, **params):
        """Calls a method and gives its result; events that come meanwhile are kept."""
        self.calls += 1
        message = {"id": self.calls, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.write_end, data):]
        end = time.monotonic() + self.timeout
        while True:
            answer = self.receive(end)
            if answer.get("id") == self.calls:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def receive(self, end):
        while b"\0" not in self.pending:
            ready, _, _ = select.select([self.read_end], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise TimeoutError("the browser does not answer")
            part = os.read(self.read_end, 1 << 20)
            if not part:
                raise RuntimeError("the browser has ended")
            self.pending += part
        message, self.pending = self.pending.split(b"\0", 1)
        return json.loads(message)

    def size(self, width, height, dark=False, mobile=False):
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, path):
        """Opens a page of this project; gives the milliseconds from its start until it was ready."""
        self.events = []
        self.call("Page.navigate", url=path.resolve().as_uri())
        end = time.monotonic() + self.timeout
        while time.monotonic() < end:
            ready = self.evaluate("document.documentElement?.dataset.ready ?? document.documentElement?.dataset.failed ?? null")
            if ready is not None:
                return ready
            time.sleep(0.02)
        raise TimeoutError(f"{path.name} was not ready in time")

    def evaluate(self, expression):
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def click(self, x, y):
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = "none" if kind == "mouseMoved" else "left"
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=1)

    def wheel(self, x, y, delta):
        self.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=delta)

    def picture(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def complaints(self):
        """Errors that the page has had, and addresses that it has asked for beyond its own."""
        self.evaluate("1")
        said = []
        for event in self.events:
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                said.append(str(params["exceptionDetails"].get("text")))
            elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
                said.append(params["entry"]["text"])
            elif method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("file:", "blob:", "data:")):
                said.append(f"asked for {params['request']['url']}")
        return said
