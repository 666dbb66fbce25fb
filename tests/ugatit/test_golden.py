"""The bundled weights paint what an independent implementation in PyTorch paints with them.

`golden.npz` holds `photo`, a crop of `docs/astronaut.png`, (128, 128, 3) uint8, and what that implementation made of it
in either direction, every second pixel of every second row, float16. It was made so:

    im = Image.open("docs/astronaut.png").convert("RGB").crop((144, 16, 304, 176))
    photo = np.asarray(im.resize((128, 128), Image.Resampling.BOX))
    x = torch.from_numpy(photo.astype("f4") / 127.5 - 1).permute(2, 0, 1)[None]
    for direction, scope in (("selfie2anime", "generator_B"), ("anime2selfie", "generator_A")):
        generator = Generator(16, downs=3)  # the TensorFlow dialect as torch modules, convolutions NCHW, eager, float32
        generator.load_state_dict(from_release(load_file(weights[direction]), scope))
        y = generator(x)[0][0].permute(1, 2, 0).detach().numpy()[::2, ::2].astype("f2")

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
    assert np.abs(painted[::2, ::2] - golden[direction]).max() < 5e-4
    assert np.abs(painted - x[0]).mean() > 0.1


def test_bfloat16_is_within_forty_decibels() -> None:
    golden = np.load(GOLDEN)
    x = golden["photo"].astype("float32")[None] / 127.5 - 1
    painted = load_generator(bundled_weights(), dtype="bfloat16")(x).numpy()[0]
    error = np.mean((painted[::2, ::2] - golden["selfie2anime"].astype("float32")) ** 2)
    assert 10 * np.log10(4 / error) > 40
