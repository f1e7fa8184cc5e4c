"""Commands and waiting, each with an end."""

import subprocess
import time


def run(*command, check=True, seconds=60, **options):
    """Runs a command to its end; its CompletedProcess with the output as text."""
    command = [str(part) for part in command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n"
                             f"{done.stdout}{done.stderr}")
    return done


def wait_until(condition, what, seconds=30, every=0.2):
    """Polls until `condition()` is true, and returns that. An AssertionError in it means not yet."""
    deadline = time.monotonic() + seconds
    while True:
        last = ""
        try:
            result = condition()
            if result:
                return result
        except AssertionError as error:
            last = f": {error}"
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}{last}")
        time.sleep(every)
