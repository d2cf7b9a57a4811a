"""What every competitor shares: inputs from a file, and answers of one JSON line each.

A worker prints {"who", "check"} when it is warm, then answers every line on standard input with {"ms", "rss"}. `check`
is a few numbers computed from the result, so that the comparison knows that all sides did the same work.
"""
import json
import struct
import sys
import time

import numpy as np
import torch

TYPES = {"F32": np.float32, "F16": np.float16, "U8": np.uint8, "I32": np.int32, "I64": np.int64}


def read_safetensors(path):
    data = open(path, "rb").read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        array = np.frombuffer(data[begin:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(array.copy())
    return tensors


def read_task():
    """The task of this process, from the command line: engine, parameters, threads, precision and files."""
    task = json.loads(sys.argv[1])
    torch.set_num_threads(task["threads"])
    return task


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


def serve(who, run, check):
    """`check(run())` is a list of numbers. Two calls warm up: the first compiles where something is compiled."""
    numbers = check(run())
    run()
    reset_peak_memory()
    print(json.dumps({"who": who, "check": numbers}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        milliseconds = (time.perf_counter() - start) * 1e3
        print(json.dumps({"ms": milliseconds, "rss": peak_memory()}), flush=True)
