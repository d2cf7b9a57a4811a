"""Component metrics of one frame as SegmentMeIfYouCan computes them: masks of the whole image for every component."""
import json
import sys

import numpy as np
from scipy import ndimage

from process import serve

THRESHOLDS = np.linspace(0.25, 0.75, 11)
EIGHT = np.ones((3, 3), int)


def siou(inside, own, other, own_sizes, other_sizes, meetings):
    """sIoU of the component with the mask `inside`; all but the mask comes from counts made once for the frame."""
    touching = np.unique(other[inside])
    touching = touching[touching > 0]
    common = np.count_nonzero(other[inside])
    union = other_sizes[touching].sum()
    elsewhere = meetings[touching].sum() - common
    return common / (np.count_nonzero(inside) + union - common - elsewhere)


def frame(scores, target, threshold, minimum_predicted, minimum_truth):
    target = target.copy()
    predicted, _ = ndimage.label((scores > threshold) & (target <= 1), EIGHT)
    truth, _ = ndimage.label(target == 1, EIGHT)
    numbers, sizes = np.unique(predicted, return_counts=True)
    for number in numbers[sizes < minimum_predicted]:
        predicted[predicted == number] = 0
    numbers, sizes = np.unique(truth, return_counts=True)
    for number in numbers[sizes < minimum_truth]:
        target[truth == number] = 255
    valid = target <= 1
    truth, predicted = truth[valid], predicted[valid]
    truth_sizes, predicted_sizes = np.bincount(truth), np.bincount(predicted)
    truth_met = np.bincount(truth[predicted > 0], minlength=len(truth_sizes))
    predicted_met = np.bincount(predicted[truth > 0], minlength=len(predicted_sizes))
    truth_siou = [siou(truth == k, truth, predicted, truth_sizes, predicted_sizes, predicted_met)
                  for k in np.unique(truth) if k > 0]
    ppv = []
    for q in np.unique(predicted):
        if q == 0:
            continue
        inside = predicted == q
        siou(inside, predicted, truth, predicted_sizes, truth_sizes, truth_met)  # the benchmark computes it, too
        ppv.append(np.count_nonzero(truth[inside]) / np.count_nonzero(inside))
    return np.array(truth_siou), np.array(ppv)


def main():
    task = json.loads(sys.argv[1])
    shape = task["height"], task["width"]
    scores = np.fromfile(task["scores"], np.float32).reshape(shape)
    target = np.fromfile(task["target"], np.uint8).reshape(shape)

    def run():
        truth, ppv = frame(scores, target, task["threshold"], task["minimumPredicted"], task["minimumTruth"])
        scores_f1 = []
        for threshold in THRESHOLDS:
            tp, fp = np.count_nonzero(truth >= threshold), np.count_nonzero(ppv < threshold)
            scores_f1.append(2 * tp / (len(truth) + tp + fp))
        return [len(truth), len(ppv), truth.mean(), ppv.mean(), np.mean(scores_f1)]

    serve(f"one mask a component, numpy {np.__version__}", run, lambda result: [float(value) for value in result], warm=1)


if __name__ == "__main__":
    main()
