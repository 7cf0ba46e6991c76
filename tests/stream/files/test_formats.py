"""Opening by suffix and first bytes, and what is refused before any reader is asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from beamside.stream.errors import FileError
from beamside.stream.files import KNOWN_SUFFIXES, open_file
from beamside.stream.files.formats import FORMATS
from beamside.stream.messages import RunStart

MAGIC = [(suffix, magic) for known in FORMATS for suffix in known.suffixes for magic in known.magic]


def start_of(path: Path) -> RunStart:
    with open_file(path, source="s") as recording:
        return recording.start


def noise(length: int) -> bytes:
    return np.random.default_rng(length).bytes(length)


def refused(path: Path) -> str:
    with pytest.raises(FileError) as error:
        open_file(path, source="s")
    assert path.name.partition("::")[0] in str(error.value)
    return str(error.value)


def test_an_unknown_suffix_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_bytes(b"abc")
    said = refused(path)
    assert all(suffix in said for suffix in KNOWN_SUFFIXES)


def test_an_emi_points_to_its_ser(tmp_path: Path) -> None:
    assert ".ser beside it" in refused(tmp_path / "a.emi")


@pytest.mark.parametrize("suffix", KNOWN_SUFFIXES)
def test_a_missing_file_is_said_plainly(tmp_path: Path, suffix: str) -> None:
    assert "no such file" in refused(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", KNOWN_SUFFIXES)
def test_an_empty_file_is_said_plainly(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.touch()
    assert "is empty" in refused(path)


@pytest.mark.parametrize("name", ["folder.tif", "folder"])
def test_a_folder_is_said_plainly(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert "is a folder" in refused(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_said_plainly(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    path.chmod(0)
    assert "no permission" in refused(path)


def test_a_refused_permission_is_said_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "a.png"
    path.write_bytes(b"x")
    monkeypatch.setattr(Path, "open", deny)
    assert "no permission" in refused(path)


def test_another_format_under_a_wrong_suffix_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.dm4"
    Image.new("L", (4, 4)).save(path, "PNG")
    said = refused(path)
    assert "holds PNG" in said
    assert "rename it to a.png" in said


@pytest.mark.parametrize("suffix", KNOWN_SUFFIXES)
def test_random_bytes_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(noise(5000))
    refused(path)


@pytest.mark.parametrize(("suffix", "magic"), MAGIC)
@pytest.mark.parametrize("length", [0, 3, 50, 5000])
def test_a_good_beginning_followed_by_anything_is_refused(
    tmp_path: Path, suffix: str, magic: bytes, length: int
) -> None:
    path = tmp_path / f"a{suffix}"
    for rest in (noise(length), bytes(length), b"\xff" * length):
        path.write_bytes(magic + rest)
        refused(path)


def test_parts_are_only_named_in_files_that_have_parts(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (4, 4)).save(path)
    assert "leave out ::x" in refused(Path(f"{path}::x"))


def test_two_colons_may_be_part_of_a_real_name(tmp_path: Path) -> None:
    path = tmp_path / "a::b.png"
    Image.new("L", (4, 4)).save(path)
    with open_file(path, source="s") as recording:
        assert recording.start.metadata["file"] == "a::b.png"


def test_suffixes_in_capitals_are_known(tmp_path: Path) -> None:
    path = tmp_path / "A.PNG"
    Image.new("L", (4, 4)).save(path)
    open_file(path, source="s").close()


def test_a_run_is_one_file_as_it_is(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.npy", tmp_path / "b" / "a.npy"
    copy.parent.mkdir()
    for file in (path, copy):
        np.save(file, np.ones((4, 4), "u2"))
    names = [start_of(file).run for file in (path, path, copy)]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("a-")
    np.save(path, np.ones((5, 4), "u2"))
    assert start_of(path).run not in names


def test_readers_are_imported_only_when_they_are_needed() -> None:
    code = (
        "import sys, beamside.stream.files as f; from pathlib import Path\n"
        "heavy = {'h5py', 'ncempy', 'tifffile', 'mrcfile', 'PIL', 'hdf5plugin'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
