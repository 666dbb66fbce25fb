"""The table of a translated folder."""

import re
from pathlib import Path
from urllib.parse import unquote

from ugatit.page import Row, write_page


def test_every_link_leads_to_its_picture(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    pictures = [source / "a b<i>&#1.png", target / "a b<i>&#1.png", target / "heatmaps" / "a b<i>&#1.png"]
    for picture in pictures:
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(b"")
    write_page(target / "index.html", [Row(*pictures), Row(*pictures[:2])])
    page = (target / "index.html").read_text("utf-8")
    links = [(target / unquote(link)).resolve() for link in re.findall(r'src="([^"]+)"', page)]
    assert links == pictures + pictures[:2]
    assert "a b&lt;i&gt;&amp;#1.png" in page
    assert "<i>" not in page
    assert "<th>attention</th>" in page
    write_page(target / "index.html", [Row(*pictures[:2])])
    assert "attention" not in (target / "index.html").read_text("utf-8")
