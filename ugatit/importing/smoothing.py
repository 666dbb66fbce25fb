"""Whether the AdaLIN of a checkpoint is smoothed, which no tensor says outright.

With `--smoothing` the TensorFlow release uses clip(rho - 0.1, 0, 1), since 14 August 2019 (3014f4a, "fix smoothing").
Before, it started rho at 0.9, held it within [0, 0.9] and used it as it is, as a generator without smoothing does.
"""

import re
from dataclasses import dataclass

import numpy as np

from ugatit.importing.found import Found

# As `model_dir` of the release names it: UGATIT_light_selfie2anime_lsgan_4resblock_6dis_1_1_10_10_1000_sn_smoothing
FOLDER = re.compile(r"UGATIT_.+(_sn|dis(_[\d.]+)+)(?P<smoothing>_smoothing)?")
EARLY_LIMIT = np.float32(0.9)
RHO = re.compile(r"adaptive_resblock\d+/.+/rho")


@dataclass(frozen=True, slots=True)
class Smoothing:
    """The answer.

    Args:
        on: whether AdaLIN takes 0.1 off rho.
        because: what tells so.
    """

    on: bool
    because: str

    def __str__(self) -> str:
        return f"{'on' if self.on else 'off'}, {self.because}"


def find_smoothing(found: Found, given: bool | None) -> Smoothing:
    """What was asked for, else what the file says, else what folder and numbers tell, else the release's default.

    A folder's name does not know which kind of smoothing it was; of the early kind some rho has come to rest at 0.9.

    Raises:
        WeightsError: rho cannot be read.
    """
    if found.dialect == "pytorch":
        return Smoothing(False, "which the PyTorch release has none of")
    if given is not None:
        return Smoothing(given, "as was asked for")
    if "smoothing" in found.facts:
        return Smoothing(found.facts["smoothing"], "as the file says")
    named = FOLDER.fullmatch(found.folder)
    if named and not named["smoothing"]:
        return Smoothing(False, f"as the folder's name says ({found.folder})")
    if _highest_rho(found) == EARLY_LIMIT:
        return Smoothing(False, "as rho ends at 0.9: smoothed in training, as the release did before 14 August 2019")
    if named:
        return Smoothing(True, f"as the folder's name says ({found.folder})")
    return Smoothing(True, "the release's default: neither the folder's name nor rho tells")


def _highest_rho(found: Found) -> np.float32:
    highest = [tensor.read().max() for name, tensor in found.tensors.items() if RHO.fullmatch(name)]
    return np.float32(max(highest, default=np.nan))
