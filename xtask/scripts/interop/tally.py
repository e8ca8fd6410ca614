"""Counts comparisons and keeps what was wrong."""

import json
import sys


class Tally:
    """The comparisons of one suite, under the name of who is compared."""

    def __init__(self):
        self.counts = {}
        self.wrong = []

    def equal(self, who, what, got, expected):
        """Compares two values; gives whether they are equal."""
        self.counts[who] = self.counts.get(who, 0) + 1
        if got != expected:
            self.complain(who, what, f"got {_short(got)}, expected {_short(expected)}")
            return False
        return True

    def holds(self, who, what, condition, detail=""):
        """Counts one comparison that was made elsewhere."""
        self.counts[who] = self.counts.get(who, 0) + 1
        if not condition:
            self.complain(who, what, detail)
        return bool(condition)

    def complain(self, who, what, detail):
        self.wrong.append(f"{who}: {what}: {detail}")
        print(f"  WRONG {who}: {what}: {detail}", file=sys.stderr, flush=True)

    def close(self, path):
        """Writes the counts for the caller, and ends the process: with an error if anything was wrong."""
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"comparisons": self.counts, "wrong": len(self.wrong)}, out)
        sys.exit(1 if self.wrong else 0)


def _short(value):
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}…"
