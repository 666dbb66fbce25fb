"""Event files as TensorFlow reads them, which checks every record's sum."""

from pathlib import Path

import tensorflow as tf

from ugatit.events import EventFile


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = EventFile(tmp_path / "events")
    file.scalars(300, {"cycle": 0.25, "pairs_per_second": -2.5})
    file.picture(70_000_000_000, "samples", bytes(range(256)) * 2, 512, 64)
    file.close()
    (path,) = (tmp_path / "events").iterdir()
    assert ".tfevents." in path.name
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    version, scalars, picture = (tf.compat.v1.Event.FromString(record) for record in records)
    assert (version.file_version, version.wall_time > 1e9) == ("brain.Event:2", True)
    assert scalars.step == 300
    assert {v.tag: v.simple_value for v in scalars.summary.value} == {"cycle": 0.25, "pairs_per_second": -2.5}
    (value,) = picture.summary.value
    image = value.image
    assert (picture.step, value.tag, image.width, image.height) == (70_000_000_000, "samples", 512, 64)
    assert image.encoded_image_string == bytes(range(256)) * 2
