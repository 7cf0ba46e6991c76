"""The one-file client, in a process of its own, against a real server."""

from __future__ import annotations

import ast
import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from beamside.services.viewer import client as module
from beamside.services.viewer.client import BeamsideError, Client

SOURCE = Path(str(module.__file__)).read_text()


def test_a_script_waits_for_a_result_and_takes_its_arrays(visit: Any, run: Any, token: str) -> None:
    async def scenario(state: Any, http: httpx.AsyncClient) -> None:
        client = Client(f"{http.base_url}?token=x", token)
        waiting = asyncio.create_task(asyncio.to_thread(client.result, run.name, 3, 10))
        await asyncio.sleep(0.2)
        state.take(run.frame(3))
        state.take(run.result(2, 3))
        found = await waiting
        assert found["variables"]["total"]["values"] == 1.5
        classes = await asyncio.to_thread(client.array, "results", run.name, 3, "phase_map")
        assert classes.rows() == [[6, 7, 8], [9, 10, 11]]
        image = await asyncio.to_thread(client.array, "frames", run.name, 3, "", "f32")
        assert (image.shape, image[1][2]) == ((3, 4), 306.0)
        assert image.facts["x-run"] == run.name
        newest = await asyncio.to_thread(client.latest)
        assert await asyncio.to_thread(client.latest, newest["seq"], 0.1) is None
        assert (await asyncio.to_thread(client.runs))[0]["run"] == run.name

        with pytest.raises(BeamsideError, match="no result for frame 9"):
            await asyncio.to_thread(client.result, run.name, 9, 0.1)
        with pytest.raises(BeamsideError, match="a token is needed") as error:
            await asyncio.to_thread(Client(str(http.base_url), "wrong-token").status)
        assert error.value.code == 401

    visit(scenario)


def test_no_answer_is_said_in_words() -> None:
    with pytest.raises(BeamsideError, match="no answer from http://127"):
        Client("http://127.0.0.1:9", "a-token").status()


def test_it_is_a_file_for_old_pythons() -> None:
    tree = ast.parse(SOURCE, feature_version=(3, 5))
    nodes = list(ast.walk(tree))
    assert not [n for n in nodes if isinstance(n, ast.JoinedStr | ast.AnnAssign | ast.NamedExpr)]
    modules = {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
    assert modules == {"typing", "urllib.error", "urllib.parse", "urllib.request"}
    assert not re.search(r"\*\*\w+(: \w+)?,\s*\)", SOURCE)  # a comma there is new in 3.6
