"""The peer of bench/train-step.ts: ladder-mobilenetv2 and its training step in plain PyTorch (eager, channels_last).

Reads lines "steps N" on standard input, runs N steps, answers one line of JSON: {"ms": [...], "rss": bytes}.
"""
import json
import resource
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class NormReluConv(nn.Module):
    def __init__(self, channels, out, kernel=1, bias=False):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, momentum=0.01)
        self.conv = nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=bias)

    def forward(self, x):
        return self.conv(F.relu(self.norm(x), inplace=True))


class InvertedResidual(nn.Module):
    def __init__(self, channels, out, expansion, stride):
        super().__init__()
        middle = channels * expansion
        self.stride = stride
        self.residual = stride == 1 and channels == out
        self.expand = nn.Conv2d(channels, middle, 1) if expansion > 1 else None
        self.depthwise = nn.Conv2d(middle, middle, 3, stride, 0 if stride == 2 else 1, groups=middle)
        self.project = nn.Conv2d(middle, out, 1)

    def forward(self, x):
        expanded = F.relu6(self.expand(x), inplace=True) if self.expand is not None else x
        # TensorFlow's SAME padding at stride 2
        y = F.pad(expanded, (0, 1, 0, 1)) if self.stride == 2 else expanded
        y = self.project(F.relu6(self.depthwise(y), inplace=True))
        return (x + y if self.residual else y), expanded


class LadderMobileNetV2(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 2)
        self.blocks = nn.ModuleList()
        self.skips = []
        channels, stride = 32, 2
        for expansion, out, repetitions, first in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                                                   (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
            for i in range(repetitions):
                s = first if i == 0 else 1
                if s == 2 and stride >= 4:
                    self.skips.append(len(self.blocks))
                self.blocks.append(InvertedResidual(channels, out, expansion, s))
                channels, stride = out, stride * s
        self.last = nn.Conv2d(320, 1280, 1)
        self.spp_bn = NormReluConv(1280, 128)
        self.levels = nn.ModuleList([NormReluConv(128, 32) for _ in range(4)])
        self.spp_fuse = NormReluConv(256, 128)
        self.bottlenecks = nn.ModuleList([NormReluConv(576, 128), NormReluConv(192, 128), NormReluConv(144, 64)])
        self.blends = nn.ModuleList([NormReluConv(128, 128, 3), NormReluConv(128, 64, 3), NormReluConv(64, 64, 3)])
        self.logits = NormReluConv(64, classes, bias=True)
        self.ood_logits = NormReluConv(64, 2, bias=True)

    def forward(self, x):
        x = F.relu6(self.stem(F.pad(x, (0, 1, 0, 1))), inplace=True)
        skips = []
        for i, block in enumerate(self.blocks):
            x, expanded = block(x)
            if i in self.skips:
                skips.append(expanded)
        x = self.spp_bn(F.relu6(self.last(x), inplace=True))
        size = x.shape[2:]
        pooled = [F.interpolate(level(F.adaptive_avg_pool2d(x, (g, max(1, round(size[1] / size[0] * g))))), size,
                                mode="bilinear") for level, g in zip(self.levels, (8, 4, 2, 1))]
        x = self.spp_fuse(torch.cat([x] + pooled, 1))
        for bottleneck, blend, skip in zip(self.bottlenecks, self.blends, skips[::-1]):
            x = blend(F.interpolate(x, skip.shape[2:], mode="bilinear") + bottleneck(skip))
        return self.logits(x), self.ood_logits(x)


def main():
    objective, precision, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = LadderMobileNetV2(10).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, eps=1e-7, fused=True)
    images = torch.randint(0, 256, (8, 256, 256, 3), dtype=torch.uint8)
    labels = torch.randint(0, 10, (8, 256, 256))
    if objective == "hybrid":
        labels[:, :64, :64] = 254

    def step():
        x = (images.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
        x = x.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            s, g = model(x)
        s = F.interpolate(s.float(), labels.shape[1:], mode="bilinear")
        negative = labels == 254
        if objective == "closed-set":
            loss = F.cross_entropy(s, labels, ignore_index=255)
        else:
            g = F.interpolate(g.float(), labels.shape[1:], mode="bilinear")
            loss = (F.cross_entropy(s, labels.masked_fill(negative, 255), ignore_index=255)
                    + 0.03 * torch.logsumexp(s, 1)[negative].mean() + 0.3 * F.cross_entropy(g, negative.long()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    for line in sys.stdin:
        times = []
        for _ in range(int(line.split()[1])):
            start = time.perf_counter()
            step()
            times.append((time.perf_counter() - start) * 1e3)
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"ms": times, "rss": rss, "torch": torch.__version__}), flush=True)


main()
