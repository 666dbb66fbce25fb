"""The bundled weights paint what an independent implementation in PyTorch paints with them.

`golden.npz` holds `photo`, a crop of `docs/astronaut.png`, (256, 256, 3) uint8, and what that implementation made of it
in either direction, every third pixel of every third row, float16. It was made so:

    im = Image.open("docs/astronaut.png").convert("RGB").crop((144, 16, 304, 176))
    photo = np.asarray(im.resize((256, 256), Image.Resampling.BICUBIC))
    x = torch.from_numpy(photo.astype("f4") / 127.5 - 1)
    x = x.reshape(128, 2, 128, 2, 3).permute(1, 3, 4, 0, 2).reshape(1, 12, 128, 128)  # blocks of 2 x 2 pixels
    ch = 32
    for direction, scope in (("selfie2anime", "generator_B"), ("anime2selfie", "generator_A")):
        generator = Generator(ch, downs=3)  # the TensorFlow dialect as torch modules, convolutions NCHW, eager, float32
        generator.stem[0], generator.rgb = nn.Conv2d(12, ch, 7), nn.Conv2d(ch, 12, 7)
        generator.load_state_dict(from_release(load_file(weights[direction]), scope))
        y = generator(x)[0].detach().reshape(2, 2, 3, 128, 128).permute(3, 0, 4, 1, 2).reshape(256, 256, 3)
        y = y.numpy()[::3, ::3].astype("f2")

The greatest difference at the time was 4.4e-6, so half of float16's last digit (2.4e-4) is most of what is left.
"""

from pathlib import Path

import numpy as np
import pytest

from ugatit import bundled_weights, load_generator

GOLDEN = Path(__file__).parent / "golden.npz"


@pytest.mark.parametrize(("name", "direction"), [("fast", "selfie2anime"), ("fast-anime2selfie", "anime2selfie")])
def test_paints_what_the_reference_paints(name: str, direction: str) -> None:
    golden = np.load(GOLDEN)
    x = golden["photo"].astype("float32")[None] / 127.5 - 1
    painted = load_generator(bundled_weights(name))(x).numpy()[0]
    assert np.abs(painted[::3, ::3] - golden[direction]).max() < 5e-4
    assert np.abs(painted - x[0]).mean() > 0.1


def test_bfloat16_is_within_forty_decibels() -> None:
    golden = np.load(GOLDEN)
    x = golden["photo"].astype("float32")[None] / 127.5 - 1
    painted = load_generator(bundled_weights(), dtype="bfloat16")(x).numpy()[0]
    error = np.mean((painted[::3, ::3] - golden["selfie2anime"].astype("float32")) ** 2)
    assert 10 * np.log10(4 / error) > 40
