"""What the tests of stream share: the corpus of hostile messages, found by path."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def hostile() -> ModuleType:
    """The module `hostile.py` beside this file: the corpus, and good messages to spoil."""
    spec = importlib.util.spec_from_file_location("hostile", Path(__file__).with_name("hostile.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def hostile_messages(hostile: ModuleType) -> dict[str, list[bytes]]:
    """Bytes that must do no harm: name -> the parts of one multipart."""
    messages: dict[str, list[bytes]] = hostile.corpus()
    return messages
