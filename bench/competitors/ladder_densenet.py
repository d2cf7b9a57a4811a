"""LadderDenseNet-121 with the open-set head in plain PyTorch; its state dict has the names of our checkpoints.

All convolutions but the first are pre-activated (BN, ReLU, conv). Against torchvision's DenseNet-121: max-pool 2×2
without padding, transitions end in a 3×3 average pool at stride 2 that leaves padding out, no norm after block 4.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

GROWTH = 32
BLOCKS = (6, 12, 24, 16)
GRIDS = (8, 4, 2, 1)


def resize(x, size):
    return F.interpolate(x, size, mode="bilinear", align_corners=False)


class NormReluConv(nn.Module):
    def __init__(self, channels, out, kernel=1, bias=False):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=bias)

    def forward(self, x):
        return self.conv(self.relu(self.norm(x)))


class DenseLayer(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 4 * GROWTH, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * GROWTH)
        self.conv2 = nn.Conv2d(4 * GROWTH, GROWTH, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv1(F.relu(self.norm1(x), inplace=True))
        return torch.cat([x, self.conv2(F.relu(self.norm2(y), inplace=True))], 1)


class Transition(NormReluConv):
    def forward(self, x):
        return F.avg_pool2d(super().forward(x), 3, 2, 1, count_include_pad=False)


class DenseNet(nn.Module):
    """Image to the outputs of the dense blocks: skips at strides 4, 8, 16, and the deepest map at stride 32."""

    def __init__(self):
        super().__init__()
        features = {"conv0": nn.Conv2d(3, 64, 7, 2, 3, bias=False), "norm0": nn.BatchNorm2d(64)}
        channels = 64
        self.out_channels = []
        for number, layers in enumerate(BLOCKS, 1):
            block = {f"denselayer{i + 1}": DenseLayer(channels + i * GROWTH) for i in range(layers)}
            features[f"denseblock{number}"] = nn.Sequential()
            for name, layer in block.items():
                features[f"denseblock{number}"].add_module(name, layer)
            channels += layers * GROWTH
            self.out_channels.append(channels)
            if number < len(BLOCKS):
                features[f"transition{number}"] = Transition(channels, channels // 2)
                channels //= 2
        self.features = nn.ModuleDict(features)

    def forward(self, image):
        f = self.features
        x = F.max_pool2d(F.relu(f["norm0"](f["conv0"](image)), inplace=True), 2)
        outputs = []
        for number in range(1, len(BLOCKS) + 1):
            x = f[f"denseblock{number}"](x)
            outputs.append(x)
            if number < len(BLOCKS):
                x = f[f"transition{number}"](x)
        return outputs


class SpatialPyramidPooling(nn.Module):
    def __init__(self, channels, out=512, level=128):
        super().__init__()
        self.spp_bn = NormReluConv(channels, out)
        for i in range(len(GRIDS)):
            self.add_module(f"spp{i}", NormReluConv(out, level))
        self.spp_fuse = NormReluConv(out + len(GRIDS) * level, out)

    def forward(self, x):
        x = self.spp_bn(x)
        height, width = x.shape[2:]
        levels = [x]
        for i, rows in enumerate(GRIDS):
            columns = max(1, round(width / height * rows))
            pooled = F.adaptive_avg_pool2d(x, (rows, columns))
            levels.append(resize(getattr(self, f"spp{i}")(pooled), (height, width)))
        return self.spp_fuse(torch.cat(levels, 1))


class Upsample(nn.Module):
    def __init__(self, channels, skip, out):
        super().__init__()
        self.bottleneck = NormReluConv(skip, channels)
        self.blend_conv = NormReluConv(channels, out, 3)
        self.logits_aux = NormReluConv(channels, 1, bias=True)  # in the state dict, without use

    def forward(self, x, skip):
        return self.blend_conv(resize(x, skip.shape[2:]) + self.bottleneck(skip))


class LadderDenseNet(nn.Module):
    """RGB N×3×H×W in [0, 1] to logits N×K×h×w and dataset logits N×2×h×w at stride 4."""

    def __init__(self, classes):
        super().__init__()
        self.backbone = DenseNet()
        *skips, deepest = self.backbone.out_channels
        self.spp = SpatialPyramidPooling(deepest)
        self.upsample = nn.ModuleList(
            Upsample(channels, skip, out) for channels, skip, out in zip((512, 256, 256), skips[::-1], (256, 256, 128)))
        self.logits = NormReluConv(128, classes, bias=True)
        self.logits_ood = NormReluConv(128, 2, bias=True)

    def forward(self, image):
        *skips, deepest = self.backbone(image)
        x = self.spp(deepest)
        for unit, skip in zip(self.upsample, skips[::-1]):
            x = unit(x, skip)
        return self.logits(x), self.logits_ood(x)

    def load_checkpoint(self, tensors):
        """Loads tensors by the names of a checkpoint, all of them."""
        renamed = {}
        for name, tensor in tensors.items():
            name = name.replace("spp.spp.spp.", "spp.").replace("upsample.upsample_layers.upsample_", "upsample.")
            renamed[name] = tensor.reshape(()) if name.endswith("num_batches_tracked") else tensor.float()
        self.load_state_dict(renamed)
        return self
