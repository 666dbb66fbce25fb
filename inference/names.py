"""File names of results that never collide within a run."""

from collections.abc import Iterable
from pathlib import Path


class Names:
    """NAME.png for a photo's first picture, NAME-2.png for its second; a name that is taken moves on to the next.

    Args:
        photos: files that must not be overwritten, should the results go into their folder.
    """

    def __init__(self, folder: Path, photos: Iterable[Path] = ()) -> None:
        self._folder = folder
        home = folder.resolve()
        self._taken = {photo.name.casefold() for photo in photos if photo.resolve().parent == home}

    def take(self, photo: Path, number: int) -> Path:
        """The path for picture `number` (from 1) of `photo`.

        Two photos of one name, in different folders or of different formats, go on counting: NAME-2.png. Compared
        without case, since some file systems do.
        """
        name = self._name(photo.stem, number)
        while name.casefold() in self._taken:
            number += 1
            name = self._name(photo.stem, number)
        self._taken.add(name.casefold())
        return self._folder / name

    def _name(self, stem: str, number: int) -> str:
        return f"{stem}.png" if number == 1 else f"{stem}-{number}.png"
