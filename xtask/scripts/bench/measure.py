"""Runs a command and tells what it took, with all processes that it started and waited for.

    python measure.py <pid of the service> <result.json> <output> <command> …

Processor time and the largest resident set are the kernel's numbers (wait4); the set is that of the largest
process, not of all together. The command's standard output goes to a file, its last messages into the result.
"""

import json
import os
import subprocess
import sys
import time


def processor_seconds(pid):
    """Of a process that is still running, with all its threads."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            # The name, in parentheses, may hold spaces.
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    service, result, output, *command = sys.argv[1:]
    messages = result + ".log"
    with open(output, "wb") as out, open(messages, "wb") as err:
        before = processor_seconds(service)
        began = time.perf_counter()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        served = processor_seconds(service) - before
    with open(messages, errors="replace") as err:
        last = err.read()[-2000:]
    unit = 1 if sys.platform == "darwin" else 1024
    with open(result, "w") as file:
        json.dump(
            {
                "wall": wall,
                "cpu": usage.ru_utime + usage.ru_stime,
                "peak": usage.ru_maxrss * unit / 1e6,
                "service": served,
                "code": os.waitstatus_to_exitcode(status),
                "messages": last,
            },
            file,
        )


if __name__ == "__main__":
    main()
