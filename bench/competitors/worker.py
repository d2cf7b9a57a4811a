"""What the competitors with tensors share: inputs from a file, and the task."""
import json
import struct
import sys

import numpy as np
import torch

from process import serve  # noqa: F401, for those that import it from here

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
