/** `norm.1`, `relu.1`, `conv.1` and their like with 2, inside a layer of a dense block. */
const OLD_PLACE = /(\.denselayer\d+\.(?:norm|relu|conv))\.([12]\.)/

/** What a classifier has after its backbone: ResNet's `fc`, the others' `classifier`, DenseNet's last norm. */
const CLASSIFIER_HEAD = /^(?:fc|classifier|features\.norm5)\./

/**
 * The present name of a tensor of torchvision's DenseNet files. They were written when a module's name could hold a dot:
 * `features.denseblock1.denselayer1.norm.1.weight` → `features.denseblock1.denselayer1.norm1.weight`; any other name is
 * returned as it is.
 */
export function renameOldDenseNet(name: string): string {
  return name.replace(OLD_PLACE, '$1$2')
}

/**
 * Does this tensor of one of torchvision's classifier files belong to the classifier's head, which a backbone does not
 * have? `name` as in the file, without a prefix. Not for whole segmentation models: their heads may have such names.
 */
export function isClassifierHead(name: string): boolean {
  return CLASSIFIER_HEAD.test(name)
}
