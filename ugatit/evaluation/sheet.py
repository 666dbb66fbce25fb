"""A contact sheet: every picture above what was painted from it."""

import numpy as np
from PIL import Image

COLUMNS, CELL, GAP, PICTURES = 10, 128, 4, 100


def contact_sheet(sources: np.ndarray, painted: np.ndarray) -> Image.Image:
    """sources, painted: (N, S, S, 3) and (N, T, T, 3) uint8. The first hundred, ten in a row, on white."""
    count = min(len(sources), len(painted), PICTURES)
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    height = 2 * CELL + 2 * GAP  # the two lie close together, rows further apart
    sheet = Image.new("RGB", (columns * (CELL + GAP) + GAP, rows * height + GAP), "white")
    for i in range(count):
        row, column = divmod(i, columns)
        left, top = GAP + column * (CELL + GAP), GAP + row * height
        for picture, y in ((sources[i], top), (painted[i], top + CELL)):
            cell = Image.fromarray(picture).resize((CELL, CELL), Image.Resampling.LANCZOS)
            sheet.paste(cell, (left, y))
    return sheet
