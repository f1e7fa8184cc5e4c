"""Waiting for a condition, with a deadline and never by a bare sleep."""
import os
import time

# How much slower than a release build the programs under test are.
SLOWNESS = float(os.environ.get("LAB_SLOWNESS", "1"))


def patience(seconds):
    """A deadline's length for this build."""
    return seconds * SLOWNESS


def wait_until(condition, what, seconds=10):
    """Polls `condition` until it is true and returns its value; fails after `seconds`."""
    deadline = time.monotonic() + patience(seconds)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience(seconds):g} s in vain: {what}")
        time.sleep(0.01)
