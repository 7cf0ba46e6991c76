"""The formats that are known, by suffix and by first bytes, and `open_file` to open them all."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from ..errors import FileError
from .calibration import PixelSize
from .contents import Images
from .guard import reading
from .recording import Recording, record


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its name for people, the file beside this one that reads it, how it begins."""

    name: str
    module: str
    suffixes: tuple[str, ...]
    magic: tuple[bytes, ...] = ()
    """The first bytes of every such file; () = there is no telling."""
    parts: bool = False
    """Whether `::NAME` may name one of several things in it."""


FORMATS = (
    Format("Gatan DM", "dm", (".dm3", ".dm4"), (b"\0\0\0\x03", b"\0\0\0\x04")),
    Format("TIA ser", "ser", (".ser",), (b"II\x97\x01",)),
    Format("EMD", "emd", (".emd",), (b"\x89HDF\r\n\x1a\n",), parts=True),
    Format("TIFF", "tif", (".tif", ".tiff"), (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    Format("PNG", "image", (".png",), (b"\x89PNG\r\n\x1a\n",)),
    Format("JPEG", "image", (".jpg", ".jpeg"), (b"\xff\xd8\xff",)),
    Format("MRC", "mrc", (".mrc", ".mrcs", ".map", ".rec", ".st")),
    Format("HDF5", "hdf5", (".h5", ".hdf5", ".nxs", ".nx"), (b"\x89HDF\r\n\x1a\n",), parts=True),
    Format("npz", "npz", (".npz",), (b"PK\x03\x04", b"PK\x05\x06"), parts=True),
    Format("npy", "npz", (".npy",), (b"\x93NUMPY",), parts=True),
)
KNOWN_SUFFIXES = tuple(suffix for known in FORMATS for suffix in known.suffixes)
"""The endings of files that can be opened, in lower case, with the dot."""


def open_file(path: Path, *, source: str, pixel_size: PixelSize | None = None) -> Recording:
    """Open a recorded file as one run of the stream `source`.

    `path` may go on with `::NAME` to name what to take of a file that holds several things:
    `scan.h5::/entry/data/data`, `patches.npz::fft`, `volume.npy::xz`. `pixel_size` in nm, one
    number or (y, x), wins over the header. FileError says which file, why, and what to do, whatever
    is wrong with it.
    """
    path, inside = split(path)
    known = format_of(path)
    with reading(path, known.name):
        _check_beginning(path, known)
        if inside is not None and not known.parts:
            raise FileError(f"{path} holds one thing only; leave out ::{inside}")
        if known.module == "hdf5" and inside is None:
            archive = import_module(".archive", __package__)
            if archive.is_archive(path):
                ours: Recording = archive.recording(path, source, pixel_size)
                return ours
        reader = import_module(f".{known.module}", __package__)
        images: Images = reader.images(path, inside)
        try:
            return record(path, inside, known.name, images, source, pixel_size)
        except BaseException:
            images.close()
            raise


def split(path: Path) -> tuple[Path, str | None]:
    """Take `file::name` apart; a file that is really called so stays whole."""
    file, colons, inside = str(path).rpartition("::")
    if not colons or path.exists():
        return path, None
    return Path(file), inside


def format_of(path: Path) -> Format:
    """Tell the format by the suffix; FileError lists what is known."""
    suffix = path.suffix.lower()
    for known in FORMATS:
        if suffix in known.suffixes:
            return known
    if path.is_dir():
        raise FileError(f"{path} is a folder; name a file in it, or watch it (watch:)")
    hint = "; open the .ser beside it" if suffix == ".emi" else ""
    raise FileError(
        f"{path}: files ending in {suffix!r} are not known{hint}; known: {' '.join(KNOWN_SUFFIXES)}"
    )


def _check_beginning(path: Path, known: Format) -> None:
    """Refuse what is empty, cut before its first bytes, or really another format."""
    with path.open("rb") as file:
        head = file.read(16)
    if not head:
        raise FileError(f"{path} is empty")
    if known.magic and head.startswith(known.magic):
        return
    for other in FORMATS:
        if other.magic and head.startswith(other.magic):
            raise FileError(
                f"{path} ends in {path.suffix} but holds {other.name}; "
                f"rename it to {path.stem}{other.suffixes[0]}"
            )
    if known.magic:
        raise FileError(f"{path} is not {known.name}, or is damaged: it does not begin like one")
