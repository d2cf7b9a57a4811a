"""DenseFlow on given draws: `flow-log-prob` of 8-bit patches, or `flow-sample` of continuous values.

Engines: eager (PyTorch's default layout), channels_last (eager in the layout that suits CPUs). The structure is read
from the names of the checkpoint's tensors; the couplings are those without attention, the dequantisation is uniform.
"""
import math
import re

import torch
from torch.nn import functional as F

from worker import read_safetensors, read_task, serve

LOG_2_PI = math.log(2 * math.pi)


def per_patch(x):
    return x.double().flatten(1).sum(1)


def standard_normal(x):
    return per_patch(-0.5 * (x * x + LOG_2_PI))


class Flow:
    def __init__(self, state, layout):
        self.state = {name: tensor.contiguous(memory_format=layout) if tensor.dim() == 4 else tensor
                      for name, tensor in state.items() if tensor.dtype == torch.float32}
        self.layout = layout
        count = lambda pattern: 1 + max(int(found[1]) for found in map(re.compile(pattern).match, state) if found)
        self.blocks = (count(r"transforms\.(\d+)\.blocks\.") - 2) // 2
        self.prefix = [f"transforms.{2 * b + 3}." for b in range(self.blocks)]
        self.units = [count(re.escape(p) + r"blocks\.(\d+)\.") for p in self.prefix]
        self.layers = [count(re.escape(p) + r"blocks\.0\.transforms\.(\d+)\.") for p in self.prefix]

    def conv(self, x, name):
        weight = self.state[name + ".weight"]
        return F.conv2d(x, weight, self.state[name + ".bias"], padding=weight.shape[2] // 2)

    def net(self, x, prefix):
        hidden = self.conv(x, prefix + "transform.0")
        dense = prefix + "transform.1.dense."
        features, i = hidden, 0
        while f"{dense}{i}.nn.0.weight" in self.state:
            grown = F.relu(self.conv(F.relu(self.conv(features, f"{dense}{i}.nn.0")), f"{dense}{i}.nn.2"))
            features = torch.cat([features, grown], 1)
            i += 1
        value, gain, gate = self.conv(features, f"{dense}{i}.conv").chunk(3, 1)
        return self.conv(hidden + value + gain * torch.sigmoid(gate), prefix + "transform.2")

    def coupling_parameters(self, kept, prefix):
        out = self.net(kept, prefix + "coupling_net.0.dn.")
        return 2 * torch.tanh(out[:, 0::2] / 2), out[:, 1::2]

    def unit(self, x, prefix, layers):
        log_det = 0.0
        pixels = x.shape[2] * x.shape[3]
        for i in range(layers):
            name = f"{prefix}transforms.{i}.transforms."
            shift, log_scale = self.state[name + "0.shift"], self.state[name + "0.log_scale"]
            x = (x - shift) * torch.exp(-log_scale)
            weight = self.state[name + "1.weight"]
            x = F.conv2d(x, weight[:, :, None, None])
            log_det = log_det + pixels * (torch.linalg.slogdet(weight)[1].double() - log_scale.double().sum())
            kept, changed = x.tensor_split([(x.shape[1] + 1) // 2], 1)
            log_scale, shift = self.coupling_parameters(kept, name + "2.")
            log_det = log_det + per_patch(log_scale)
            x = torch.cat([shift + torch.exp(log_scale) * changed, kept], 1)  # switched
        return x, log_det

    def unit_inverse(self, x, prefix, layers):
        for i in reversed(range(layers)):
            name = f"{prefix}transforms.{i}.transforms."
            changed, kept = x.tensor_split([x.shape[1] // 2], 1)
            log_scale, shift = self.coupling_parameters(kept, name + "2.")
            x = torch.cat([kept, (changed - shift) * torch.exp(-log_scale)], 1)
            x = F.conv2d(x, torch.inverse(self.state[name + "1.weight"])[:, :, None, None])
            x = self.state[name + "0.shift"] + x * torch.exp(self.state[name + "0.log_scale"])
        return x

    def log_prob(self, images, draws):
        x = images.permute(0, 3, 1, 2).float().contiguous(memory_format=self.layout)
        draws = iter(draws)
        total = -math.log(256) * x[0].numel() * torch.ones(len(x), dtype=torch.float64)
        x = F.pixel_unshuffle((x + next(draws)) / 256 - 0.5, 2)
        for b, prefix in enumerate(self.prefix):
            if b > 0:
                x, leaving = F.pixel_unshuffle(x, 2).chunk(2, 1)
                total = total + standard_normal(leaving)
            seen = []
            for u in range(self.units[b]):
                before = x
                if u > 0:
                    noise = next(draws)
                    name = f"{prefix}noise_params.{u - 1}.transformation."
                    mean, raw = self.conv(F.relu(self.conv(torch.cat(seen, 1), name + "0")), name + "2").chunk(2, 1)
                    log_scale = 2 * torch.tanh(raw / 2)
                    total = total + per_patch(log_scale) - standard_normal(noise)
                    x = torch.cat([x, mean + torch.exp(log_scale) * noise], 1)
                seen.append(before)
                x, log_det = self.unit(x, f"{prefix}blocks.{u}.", self.layers[b])
                total = total + log_det
        loc, log_scale = self.state["base_dist.loc"], self.state["base_dist.log_scale"]
        z = (x - loc) * torch.exp(-log_scale)
        return total + standard_normal(z) - x.shape[2] * x.shape[3] * log_scale.double().sum()

    def sample(self, draws):
        draws = iter(draws)
        x = self.state["base_dist.loc"] + torch.exp(self.state["base_dist.log_scale"]) * next(draws)
        for b in reversed(range(self.blocks)):
            prefix = self.prefix[b]
            growth = 0
            if self.units[b] > 1:
                growth = self.state[f"{prefix}noise_params.0.transformation.2.bias"].numel() // 2
            for u in reversed(range(self.units[b])):
                x = self.unit_inverse(x, f"{prefix}blocks.{u}.", self.layers[b])
                if u > 0:
                    x = x[:, :x.shape[1] - growth]
            if b > 0:
                x = F.pixel_shuffle(torch.cat([x, next(draws)], 1), 2)
        return F.pixel_shuffle(x, 2) + 0.5


def main():
    task = read_task()
    layout = torch.channels_last if task["engine"] == "channels_last" else torch.contiguous_format
    inputs = read_safetensors(task["inputs"])
    flow = Flow(read_safetensors(task["weights"]), layout)
    draws = [inputs[name].contiguous(memory_format=layout) for name in sorted(inputs) if name.startswith("draw")]
    with torch.inference_mode():
        if task["name"] == "flow-log-prob":
            run, check = lambda: flow.log_prob(inputs["patches"], draws), lambda x: [x.mean().item()]
        else:
            run = lambda: flow.sample(draws)
            check = lambda x: [x.double().mean().item(), x.double().square().mean().item()]
        serve(f"PyTorch {torch.__version__} {task['engine']}", run, check)


if __name__ == "__main__":
    main()
