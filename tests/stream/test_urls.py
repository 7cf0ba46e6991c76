from __future__ import annotations

import pytest

from beamside.stream.urls import parse_url


def test_a_detector_is_an_endpoint() -> None:
    url = parse_url("dectris+tcp://127.0.0.1:9999?bind=1")
    assert (url.kind, url.address, url.flag("bind")) == ("dectris", "tcp://127.0.0.1:9999", True)


def test_files_are_paths_with_options() -> None:
    url = parse_url("file:/data/my%20frame.dm3?pixel_size=0.02nm")
    assert (url.kind, url.address) == ("file", "/data/my frame.dm3")
    assert url.options["pixel_size"] == "0.02nm"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nothing", "no URL"),
        ("http://host:1", "unknown scheme 'http'"),
        ("dectris+tcp://host", "needs HOST:PORT"),
        ("dectris+tcp://host:99999", "needs HOST:PORT"),
        ("dectris+tcp://host:1?spede=3", "unknown option 'spede'"),
        ("file:", "names no path"),
        ("dectris+ipc:", "names no socket file"),
    ],
)
def test_a_wrong_url_says_what_is_allowed(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_url(text)
