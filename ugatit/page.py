"""A page that shows a translated folder: what went in beside what came out, as the test phase of the release ends."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

HEAD = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 14px sans-serif }}
img {{ width: 256px; height: 256px; object-fit: cover }}
td {{ padding: 4px }}
</style>
</head>
<body><table>
"""
FOOT = "</table></body>\n</html>\n"


@dataclass(frozen=True, slots=True)
class Row:
    """One picture: its source, the painting and, if there is one, the heat map."""

    source: Path
    painted: Path
    heatmap: Path | None = None


def write_page(path: Path, rows: Sequence[Row]) -> None:
    """Writes the table. Pictures are linked relatively, so that the folders can be moved together.

    Raises:
        OSError: the page cannot be written.
    """
    folder = path.parent
    columns = ["name", "input", "output"]
    if any(row.heatmap for row in rows):
        columns.append("attention")
    lines = [f"<tr>{''.join(f'<th>{column}</th>' for column in columns)}</tr>"]
    for row in rows:
        cells = [escape(row.source.name)]
        cells += [_image(picture, folder) for picture in (row.source, row.painted, row.heatmap) if picture]
        lines.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    path.write_text(HEAD.format(title=escape(folder.resolve().name)) + "\n".join(lines) + "\n" + FOOT, "utf-8")


def _image(picture: Path, folder: Path) -> str:
    relative = Path(os.path.relpath(picture, folder)).as_posix()
    return f'<img loading="lazy" alt="" src="{escape(quote(relative))}">'
