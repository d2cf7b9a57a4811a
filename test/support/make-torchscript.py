"""Writes TorchScript modules into the folder that is its argument, and prints PyTorch's own logits for one image.

With a second argument, a checkpoint: loads its tensors into the module they came from, and prints the logits then.
"""
import json, os, struct, sys
from typing import Dict, List, Tuple
import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEIGHT, WIDTH = 72, 104
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])

class Net(nn.Module):
    def __init__(self, inplace: bool = False):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(8, 12, 3, 2, 1), nn.BatchNorm2d(12))
        self.relu = nn.ReLU(inplace)
        self.drop = nn.Dropout2d(0.1)
        self.classifier = nn.Conv2d(12, 4, 1)
    def features(self, x: Tensor) -> Tensor:
        return self.drop(self.relu(self.body(self.stem(x))))
    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))

class Dictionary(Net):
    def forward(self, x: Tensor) -> Dict[str, Tensor]:
        f = self.features(x)
        return {'aux': f, 'logits': self.classifier(f)}

class Pair(Net):
    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        f = self.features(x)
        return f, self.classifier(f)

class Items(Net):
    def forward(self, x: Tensor) -> List[Tensor]:
        f = self.features(x)
        return [f, self.classifier(f)]

class Mean(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x)).mean()

class Strict(Net):
    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[2] % 32 == 0 and x.shape[3] % 32 == 0, 'sides must be multiples of 32'
        return self.classifier(self.features(x))

class Full(Net):
    def forward(self, x: Tensor) -> Tensor:
        y = self.classifier(self.features(x))
        return F.interpolate(y, size=[x.shape[2], x.shape[3]], mode='bilinear', align_corners=False)

class Fixed(Net):
    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.classifier(self.features(x)), size=(64, 96), mode='bilinear', align_corners=False)

class Branch(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        if x.shape[2] > 1:
            x = self.body(x)
        else:
            x = torch.cat([x, x[:, :4]], 1)
        return self.classifier(self.relu(x))

class Detached(Net):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.classifier(self.features(x))

class Writer(Net):
    def forward(self, x: Tensor) -> Tensor:
        torch.save(x, 'written')
        return self.classifier(self.features(x))

def build(kind, *arguments):
    """With running statistics that are not those of a new norm."""
    torch.manual_seed(0)
    model = kind(*arguments)
    for _ in range(10):
        Net.forward(model, torch.randn(2, 3, 32, 32))
    return model.eval()

def picture():
    return ((torch.arange(HEIGHT * WIDTH * 3) * 7919) % 251).to(torch.uint8).reshape(1, HEIGHT, WIDTH, 3)

def prepared(mean, std, bgr=False):
    x = picture().permute(0, 3, 1, 2).float() / 255
    x = (x - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
    return x.flip(1) if bgr else x

def listed(logits):
    return {'shape': list(logits.shape), 'data': logits.flatten().tolist()}

def make():
    results = {}
    def keep(name, module, logits):
        torch.jit.save(module, name + '.pt')
        if logits is not None:
            results[name] = listed(logits)
    x = prepared(*IMAGENET)
    with torch.no_grad():
        expected = build(Net)(x)
        for name, kind in dict(plain=Net, dictionary=Dictionary, pair=Pair, items=Items).items():
            keep(name, torch.jit.script(build(kind)), expected)
        example = torch.zeros(1, 3, 64, 96)
        keep('traced', torch.jit.trace(build(Net), example), expected)
        keep('traced-pair', torch.jit.trace(build(Pair), example), expected)
        keep('full', torch.jit.script(build(Full)), build(Full)(x))
        keep('strict', torch.jit.script(build(Strict)), expected)
        keep('inplace', torch.jit.script(build(Net, True)), expected)
        half = build(Net).half()
        keep('half', torch.jit.script(half), build(Net).half().float()(x))
        keep('values', torch.jit.script(build(Net)), build(Net)(picture().permute(0, 3, 1, 2).float()))
        keep('bgr', torch.jit.script(build(Net)), build(Net)(prepared(*IMAGENET, bgr=True)))
        resized = F.interpolate(x, size=(64, 96), mode='bilinear', align_corners=False)
        keep('fixed', torch.jit.trace(build(Fixed), example), build(Fixed)(resized))
        broken = build(Net)
        broken.classifier.weight.data[0, 0] = float('nan')
        others = dict(mean=build(Mean), branch=build(Branch), detached=build(Detached), writer=build(Writer), broken=broken)
        for name, model in others.items():
            keep(name, torch.jit.script(model), None)
        keep('frozen', torch.jit.freeze(torch.jit.script(build(Net))), None)
    print(json.dumps(results))

def load(path):
    with open(path, 'rb') as stream:
        header = json.loads(stream.read(struct.unpack('<Q', stream.read(8))[0]))
        start = stream.tell()
        state = {}
        for name, entry in header.items():
            if name == '__metadata__' or name == 'torchscript.archive' or name.startswith('logits_ood.'):
                continue
            first, last = entry['data_offsets']
            stream.seek(start + first)
            dtype = {'F32': torch.float32, 'I64': torch.int64}[entry['dtype']]
            state[name] = torch.frombuffer(bytearray(stream.read(last - first)), dtype=dtype).reshape(entry['shape'])
    model = build(Net)
    model.load_state_dict(state, strict=True)
    with torch.no_grad():
        print(json.dumps(listed(model(prepared(*IMAGENET)))))

os.chdir(sys.argv[1])
make() if len(sys.argv) == 2 else load(sys.argv[2])
