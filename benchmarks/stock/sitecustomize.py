"""Python reads this first in each process of a measured stock run, by PYTHONPATH: it notes the modules' fixed sleeps.

What a module of amazon.aws or community.aws sleeps on purpose goes to the file that BENCH_SLEEPS names. Nothing else changes.
"""

import os
import sys
import time

_FILE = os.environ.get("BENCH_SLEEPS")


def _sleep(seconds, _sleep=time.sleep):
    caller = sys._getframe(1).f_code.co_filename
    if "/plugins/modules/" in caller:
        with open(_FILE, "a", encoding="utf-8") as notes:
            notes.write(f"{seconds} {os.path.basename(caller)}\n")
    _sleep(seconds)


if _FILE:
    time.sleep = _sleep
