"""Draws the pictures that the sample model learns from: 32x32 RGB, one filled shape of ten kinds before a noisy gradient.

Every picture follows from (seed, index) alone; their classes take turns. Needs NumPy only.
"""
import numpy as np

CLASSES = ["circle", "square", "triangle", "cross", "ring", "star", "hexagon", "crescent", "bar", "heart"]
SIZE = 32
SAMPLES_PER_PIXEL = 3  # in each direction


def polygon(x, y, sides):
    """Signed distance, negative inside, of a regular polygon with circumradius 1."""
    angle = np.arctan2(y, x)
    sector = 2 * np.pi / sides
    return np.cos(np.floor(0.5 + angle / sector) * sector - angle) * np.hypot(x, y) - np.cos(np.pi / sides)


def star(x, y):
    """Five points: the radius of the outline swings between 1 and 0.42 with the angle."""
    phase = np.abs(np.mod(np.arctan2(y, x) / (2 * np.pi / 5) + 0.5, 1) - 0.5) * 2
    return np.hypot(x, y) - (0.42 + 0.58 * (1 - phase) ** 1.6)


def heart(x, y):
    x, y = x * 1.15, -y * 1.15 + 0.15
    return (x * x + y * y - 0.75) ** 3 - 1.2 * x * x * y ** 3


def distance(kind, x, y):
    """Negative inside the shape, in a frame where it fills the unit circle."""
    radius = np.hypot(x, y)
    return {
        "circle": lambda: radius - 0.85,
        "square": lambda: np.maximum(np.abs(x), np.abs(y)) - 0.72,
        "triangle": lambda: polygon(x, y, 3),
        "cross": lambda: np.minimum(np.maximum(np.abs(x) - 0.28, np.abs(y) - 0.9), np.maximum(np.abs(y) - 0.28, np.abs(x) - 0.9)),
        "ring": lambda: np.abs(radius - 0.68) - 0.2,
        "star": lambda: star(x, y),
        "hexagon": lambda: polygon(x, y, 6) + 0.05,
        "crescent": lambda: np.maximum(radius - 0.9, 0.72 - np.hypot(x - 0.45, y)),
        "bar": lambda: np.maximum(np.abs(x) - 0.95, np.abs(y) - 0.3),
        "heart": lambda: heart(x, y),
    }[kind]()


def draw(seed, index):
    """One picture: (3, 32, 32) uint8 and its class."""
    random = np.random.RandomState((seed * 1000003 + index) % 2**32)
    label = index % len(CLASSES)
    steps = SIZE * SAMPLES_PER_PIXEL
    axis = (np.arange(steps) + 0.5) / steps * 2 - 1
    gx, gy = np.meshgrid(axis, axis)

    scale = random.uniform(0.38, 0.85)
    angle = random.uniform(-0.6, 0.6)
    shift = random.uniform(-1, 1, 2) * (1 - scale) * 0.9
    stretch = random.uniform(0.85, 1.18)
    x, y = (gx - shift[0]) / scale * stretch, (gy - shift[1]) / scale / stretch
    x, y = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    inside = (distance(CLASSES[label], x, y) < 0).astype(np.float64)
    cover = inside.reshape(SIZE, SAMPLES_PER_PIXEL, SIZE, SAMPLES_PER_PIXEL).mean((1, 3))

    while True:
        front, back, far = random.uniform(0, 255, (3, 3))
        if np.abs(front - back).max() > 45 and np.abs(front - far).max() > 45:
            break
    ramp = (np.arange(SIZE) / (SIZE - 1))[None, :] if random.rand() < 0.5 else (np.arange(SIZE) / (SIZE - 1))[:, None]
    ramp = np.broadcast_to(ramp, (SIZE, SIZE))[None]
    ground = back[:, None, None] * (1 - ramp) + far[:, None, None] * ramp
    picture = ground * (1 - cover) + front[:, None, None] * cover
    picture += random.normal(0, random.uniform(4, 26), picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8), label


def draw_many(count, seed):
    pictures, labels = zip(*(draw(seed, i) for i in range(count)))
    return np.stack(pictures), np.array(labels, np.int64)
