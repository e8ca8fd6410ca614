"""Programs that serve on the loopback interface for as long as a block of code runs."""

import contextlib
import ctypes
import json
import signal
import subprocess
import sys


def end_with_parent():
    """On Linux, the kernel ends the program when this one dies, however that happens."""
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def running(command, **options):
    """Starts a program and gives its first line of JSON; ends it when the block ends."""
    with process(command, **options) as (_, about):
        yield about


@contextlib.contextmanager
def process(command, **options):
    """Starts a program and gives it, to be spoken to, with its first line of JSON; ends it when the block ends."""
    started = subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_parent,
        **options,
    )
    try:
        line = started.stdout.readline()
        while line and not line.startswith("{"):
            line = started.stdout.readline()
        if not line:
            raise RuntimeError(f"{command[0]} ended before it listened ({started.wait()})")
        yield started, json.loads(line)
    finally:
        started.stdin.close()
        started.terminate()
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        started.stdout.close()
