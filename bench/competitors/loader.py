"""A PyTorch DataLoader with worker processes: Pillow and NumPy, the transforms and negatives of densehybrid's loader.

A crop is resized from the part of the picture that it shows (Pillow's `box`), never the whole picture; label maps are
looked up for the crop alone. The memory of an epoch is sampled before any time is taken: the sum over all processes of
their proportional set sizes, so that what they share counts once.
"""
import json
import os
import random
import sys
import threading
import time

import numpy as np
import PIL
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

IGNORE, UNKNOWN = 255, 254


class Folder:
    def __init__(self, description):
        images = os.path.join(description["root"], description["images"])
        labels = os.path.join(description["root"], description["labels"])
        names = sorted(os.listdir(images))
        self.files = [(os.path.join(images, name), os.path.join(labels, os.path.splitext(name)[0] + ".png"))
                      for name in names]
        self.table = np.array(description["table"], np.uint8)
        self.classes = description["classes"]

    def read(self, index):
        """The image, and the label map as stored; apply `table` to what is used of it."""
        image, labels = self.files[index]
        with Image.open(image) as picture:
            picture = picture.convert("RGB")
        with Image.open(labels) as stored:
            return picture, np.asarray(stored)


def draw_axis(length, count, factor):
    """Start and length in the source, length and offset in the crop, of one side."""
    wanted = max(1, round(count / factor))
    if wanted <= length:
        return random.randint(0, length - wanted), wanted, count, 0
    scaled = min(count, max(1, round(length * factor)))
    return 0, length, scaled, random.randint(0, count - scaled)


def nearest(start, length, count):
    return start + ((np.arange(count) + 0.5) * length / count).astype(np.int64)


def resize_part(picture, vertical, horizontal):
    (top, height, rows, _), (left, width, columns, _) = vertical, horizontal
    box = (left, top, left + width, top + height)
    if (height, width) == (rows, columns):
        return np.asarray(picture.crop(box))
    return np.asarray(picture.resize((columns, rows), Image.BILINEAR, box=box))


def label_part(labels, vertical, horizontal, table):
    return table[labels[nearest(*vertical[:3])][:, nearest(*horizontal[:3])]]


class Training(Dataset):
    def __init__(self, task):
        self.task = task
        self.data = Folder(task["data"])
        self.negatives = Folder(task["negatives"])

    def __len__(self):
        return len(self.data.files)

    def __getitem__(self, index):
        picture, stored = self.data.read(index)
        image, labels = self.crop(picture, stored)
        if random.random() < self.task["flip"]:
            image, labels = image[:, ::-1], labels[:, ::-1]
        image, labels = np.array(image), np.array(labels)
        self.paste(image, labels)
        return torch.from_numpy(image), torch.from_numpy(labels)

    def crop(self, picture, stored):
        height, width = self.task["crop"]
        factor = random.uniform(*self.task["scale"])
        vertical = draw_axis(picture.height, height, factor)
        horizontal = draw_axis(picture.width, width, factor)
        image = resize_part(picture, vertical, horizontal)
        labels = label_part(stored, vertical, horizontal, self.data.table)
        rows, columns = labels.shape
        if (rows, columns) == (height, width):
            return image, labels
        step = max(1, int(np.ceil(np.sqrt(picture.height * picture.width / 512 ** 2))))
        padded = np.empty((height, width, 3), np.uint8)
        padded[:] = np.asarray(picture)[::step, ::step].mean((0, 1)).round()
        ignored = np.full((height, width), IGNORE, np.uint8)
        top, left = vertical[3], horizontal[3]
        padded[top:top + rows, left:left + columns] = image
        ignored[top:top + rows, left:left + columns] = labels
        return padded, ignored

    def paste(self, image, labels):
        patch, mask = self.negative()
        (height, width), (rows, columns) = labels.shape, mask.shape
        top, left = random.randint(0, height - rows), random.randint(0, width - columns)
        image[top:top + rows, left:left + columns][mask] = patch[mask]
        labels[top:top + rows, left:left + columns][mask] = UNKNOWN

    def negative(self):
        """A rectangle, or two of the classes, of a random square crop of an image resized to that crop's short side."""
        side = max(32, min(self.task["crop"]) // 2)
        rectangle = random.random() < self.task["rectangleProbability"]
        while True:
            picture, stored = self.negatives.read(random.randrange(len(self.negatives.files)))
            factor = side / min(picture.size)
            for _ in range(4):
                vertical = draw_axis(picture.height, side, factor)
                horizontal = draw_axis(picture.width, side, factor)
                if rectangle:
                    mask = self.rectangle(vertical[2], horizontal[2])
                else:
                    mask = self.segments(label_part(stored, vertical, horizontal, self.negatives.table))
                if mask.sum() < 64:
                    continue
                rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
                box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
                return resize_part(picture, vertical, horizontal)[box], mask[box]

    def rectangle(self, height, width):
        sizes = range(16, min(height, width), 8)
        columns, rows = random.choice(sizes), random.choice(sizes)
        top, left = random.randint(0, height - rows), random.randint(0, width - columns)
        mask = np.zeros((height, width), bool)
        mask[top:top + rows, left:left + columns] = True
        return mask

    def segments(self, labels):
        options = [label for label in np.flatnonzero(np.bincount(labels.ravel())) if label < self.negatives.classes]
        if not options:
            return np.zeros(labels.shape, bool)
        first, second = random.choice(options), random.choice(options)
        return (labels == first) | (labels == second)


def proportional_memory(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            total += next(int(line.split()[1]) for line in file if line.startswith("Pss:")) * 1024
    return total


def descendants():
    own = os.getpid()
    with open(f"/proc/{own}/task/{own}/children") as file:
        return [own, *map(int, file.read().split())]


def sampled_peak(run):
    """The largest memory of all processes while `run` runs, looked up every 20 ms."""
    peak, ended = 0, threading.Event()

    def sample():
        nonlocal peak
        while not ended.wait(0.02):
            peak = max(peak, proportional_memory(descendants()))

    thread = threading.Thread(target=sample)
    thread.start()
    run()
    ended.set()
    thread.join()
    return peak


def main():
    task = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    training = Training(task)
    loader = DataLoader(training, batch_size=task["batchSize"], shuffle=True, drop_last=True,
                        num_workers=task["workers"], persistent_workers=True)

    def run():
        for _ in loader:
            pass

    def check():
        images, size, found, pasted, ignored, grey = 0, (0, 0), 0, 0, 0, 0
        for image, labels in loader:
            size = labels.shape[1:]
            images += len(labels)
            found += (labels == UNKNOWN).flatten(1).any(1).sum().item()
            pasted += (labels == UNKNOWN).sum().item()
            ignored += (labels == IGNORE).sum().item()
            grey += image.sum(dtype=torch.int64).item()
        pixels = images * size[0] * size[1]
        return [images, *size, found / images, pasted / pixels, ignored / pixels, grey / pixels / 3 / 255]

    numbers = check()
    memory = sampled_peak(run)
    who = f"PyTorch {torch.__version__}, {task['workers']} workers, Pillow {PIL.__version__}"
    print(json.dumps({"who": who, "check": numbers}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(json.dumps({"ms": (time.perf_counter() - start) * 1e3, "rss": memory}), flush=True)


if __name__ == "__main__":
    main()
