import { join } from 'node:path'
import { expect } from 'chai'
import type { Batch } from '../../lib/data/batch.ts'
import { IGNORE_LABEL, UNKNOWN_LABEL } from '../../lib/data/dataset.ts'
import { insideOf, Segmenter } from '../../lib/segmenter.ts'
import type { TorchScriptOptions } from '../../lib/torchscript.ts'
import type { TrainerOptions } from '../../lib/training/options.ts'
import { Trainer } from '../../lib/training/trainer.ts'
import { noiseImages, sameBits, TOY_CLASSES } from './toy-data.ts'

/*
 * What made the file, in PyTorch 2.13:
 *
 *   class Net(nn.Module):
 *     def __init__(self):
 *       super().__init__()
 *       self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
 *       self.body = nn.Sequential(nn.Conv2d(8, 12, 3, 2, 1), nn.BatchNorm2d(12), nn.ReLU(), nn.Dropout2d(0.1))
 *       self.classifier = nn.Conv2d(12, 3, 1)
 *     def forward(self, x: torch.Tensor) -> Dict[str, torch.Tensor]:
 *       features = self.body(self.stem(x))
 *       return {'out': self.classifier(features), 'features': features}
 *
 *   torch.manual_seed(0)
 *   model = Net()
 *   for _ in range(20): model(torch.randn(2, 3, 32, 32))
 *   torch.jit.script(model.eval()).save('scripted.pt')
 */
/** A module of TOY_CLASSES that gives a dict of `out` and `features`. */
export const file = join(import.meta.dirname, '../fixtures/torchscript/scripted.pt')
export const onFeatures: TorchScriptOptions = { classes: TOY_CLASSES, features: 'features' }
export const hybrid: TrainerOptions = { objective: 'hybrid', negatives: null, learningRate: 1e-2 }
export const images = noiseImages([2, 48, 80, 3])

/** Noise whose labels are bands of the classes, of pasted pixels and of ignored ones. */
export const batch: Batch = {
  images,
  labels: {
    data: Uint8Array.from({ length: 2 * 48 * 80 }, (_, i) => {
      const band = Math.floor((i % 80) / 16)
      return band === 3 ? UNKNOWN_LABEL : band === 4 ? IGNORE_LABEL : band
    }),
    shape: [2, 48, 80],
  },
  ids: ['a', 'b'],
}

/** Imports the module for as long as `action` takes. */
export async function use<T>(
  options: TorchScriptOptions,
  action: (model: Segmenter) => Promise<T>,
): Promise<T> {
  const model = await Segmenter.fromTorchScript(file, options)
  try {
    return await action(model)
  } finally {
    model.dispose()
  }
}

/** A few steps on `batch`. */
export async function train(model: Segmenter, options: TrainerOptions, steps = 3): Promise<void> {
  const trainer = new Trainer(model, options)
  for (let i = 0; i < steps; i++) await trainer.step(batch)
  trainer.dispose()
}

/** Names of the tensors in which two models differ. */
export async function differences(a: Segmenter, b: Segmenter): Promise<string[]> {
  const [left, right] = await Promise.all([a, b].map((model) => insideOf(model).model.tensors()))
  expect(Object.keys(left)).to.deep.equal(Object.keys(right))
  return Object.keys(left).filter((name) => !sameBits(left[name] as never, right[name] as never))
}
