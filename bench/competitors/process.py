"""What every competitor's process shares: its peak memory, and answers of one JSON line each.

A worker prints {"who", "check"} when it is warm, then answers every line on standard input with {"ms", "rss"}. `check`
is a few numbers computed from the result, so that the comparison knows that all sides did the same work.
"""
import json
import sys
import time


def reset_peak_memory():
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass  # the peak stays that of the whole process


def peak_memory():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024


def serve(who, run, check, warm=2):
    """`check(run())` is a list of numbers. Two calls warm up: the first compiles where something is compiled."""
    numbers = check(run())
    for _ in range(1, warm):
        run()
    reset_peak_memory()
    print(json.dumps({"who": who, "check": numbers}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        milliseconds = (time.perf_counter() - start) * 1e3
        print(json.dumps({"ms": milliseconds, "rss": peak_memory()}), flush=True)
