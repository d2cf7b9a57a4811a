"""LadderDenseNet-121 on 8-bit images: `forward` to both logits, or `segment` to labels and scores at the images' size.

Engines: eager (PyTorch's default layout), channels_last (eager in the layout that suits CPUs), onnxruntime.
"""
import logging
import os
import tempfile
import warnings

import torch

from hybrid_score import check as check_scores
from hybrid_score import hybrid_score
from ladder_densenet import LadderDenseNet
from worker import read_safetensors, read_task, serve


def check_logits(result):
    return [tensor.double().pow(2).mean().sqrt().item() for tensor in result]


def onnx_session(model, x, threads):
    """An ONNX Runtime session of the model for inputs of x's shape, by way of a temporary file."""
    import onnxruntime
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, which is not needed
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = os.path.join(folder, "model.onnx")
        torch.onnx.export(model, (x,), path, input_names=["image"], dynamo=True, verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return f"ONNX Runtime {onnxruntime.__version__}", lambda x: map(
        torch.from_numpy, session.run(None, {"image": x.numpy()}))


def main():
    task = read_task()
    parameters, engine = task["parameters"], task["engine"]
    images = read_safetensors(task["inputs"])["images"]
    model = LadderDenseNet(parameters["classes"]).load_checkpoint(read_safetensors(task["weights"])).eval()
    layout = torch.channels_last if engine == "channels_last" else torch.contiguous_format
    dtype = torch.bfloat16 if task["precision"] == "bf16" else torch.float32
    model = model.to(dtype=dtype, memory_format=layout)

    def prepare():
        return (images.permute(0, 3, 1, 2).float() / 255).to(dtype).contiguous(memory_format=layout)

    with torch.inference_mode():
        who, forward = f"PyTorch {torch.__version__} {engine}", model
        if engine == "onnxruntime":
            with torch.no_grad(), torch.inference_mode(False):
                who, forward = onnx_session(model, prepare(), task["threads"])

        def run():
            logits, ood_logits = forward(prepare())
            logits, ood_logits = logits.float(), ood_logits.float()
            if "scores" not in parameters:
                return logits, ood_logits
            return hybrid_score(logits, ood_logits, images.shape[1:3], parameters["scores"])

        serve(who, run, check_scores if "scores" in parameters else check_logits)


if __name__ == "__main__":
    main()
