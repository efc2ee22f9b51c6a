"""Trains the sample model on pictures from draw_shapes.py and exports it to ONNX.

    python3 train_shapes.py ../models                 # writes shapes.onnx, shapes_200.npz and star.raw there

The model takes pictures as they are (uint8, NCHW, any batch) and gives the probability of each class. Debian's python3-torch
1.13 trains it on one CPU in a few minutes; the seed is fixed.
"""
import argparse
import time

import numpy as np
import torch
from torch import nn

import draw_shapes


def conv(inputs, outputs, stride=1, groups=1, kernel=3):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
                         nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(conv(channels, channels), nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        return torch.relu(x + self.body(x))


class Shapes(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([127.5]))
        self.register_buffer("scale", torch.tensor([1 / 64.0]))
        self.features = nn.Sequential(
            conv(3, 24), conv(24, 32, stride=2), Residual(32),
            conv(32, 32, stride=2, groups=32), conv(32, 64, kernel=1), Residual(64), nn.AdaptiveAvgPool2d(1))
        self.classify = nn.Linear(64, len(draw_shapes.CLASSES))

    def logits(self, x):
        x = (x.float() - self.mean) * self.scale
        return self.classify(torch.flatten(self.features(x), 1))

    def forward(self, x):
        return torch.softmax(self.logits(x), 1)


def accuracy(model, images, labels):
    model.eval()
    with torch.no_grad():
        return float((model(torch.from_numpy(images)).argmax(1).numpy() == labels).mean())


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder")
    arguments.add_argument("--epochs", type=int, default=12)
    arguments.add_argument("--count", type=int, default=12000, help="training pictures")
    options = arguments.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)  # the same sums in the same order on every machine
    torch.use_deterministic_algorithms(True)

    started = time.time()
    images, labels = draw_shapes.draw_many(options.count, seed=1)
    held_out = draw_shapes.draw_many(1000, seed=2)
    print(f"drew {len(images)} pictures in {time.time() - started:.0f} s")
    model, batch = Shapes(), 100
    steps = options.epochs * len(images) // batch
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for epoch in range(options.epochs):
        model.train()
        for rows in torch.randperm(len(images)).split(batch):
            x = torch.from_numpy(images[rows.numpy()])
            if torch.rand(()) < 0.5:
                x = x.flip(3)
            loss = nn.functional.cross_entropy(model.logits(x), torch.from_numpy(labels[rows.numpy()]), label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, held out {accuracy(model, *held_out):.3f}, {time.time() - started:.0f} s")

    model.eval()
    torch.onnx.export(model, torch.zeros(1, 3, draw_shapes.SIZE, draw_shapes.SIZE, dtype=torch.uint8), f"{options.folder}/shapes.onnx",
                      opset_version=13, input_names=["image"], output_names=["probabilities"],
                      dynamic_axes={"image": {0: "batch"}, "probabilities": {0: "batch"}})
    print(f"{sum(p.numel() for p in model.parameters())} weights, top-1 {accuracy(model, *held_out):.4f} of 1000 held out")

    images, labels = draw_shapes.draw_many(200, seed=7)
    with torch.no_grad():
        probabilities = model(torch.from_numpy(images)).numpy()
    np.savez_compressed(f"{options.folder}/shapes_200.npz", image=images, labels=labels, probabilities=probabilities)
    images[draw_shapes.CLASSES.index("star")].tofile(f"{options.folder}/star.raw")


if __name__ == "__main__":
    main()
