"""Past runs at the addresses of live ones, read from real archives."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from beamside.services.viewer.course import evenly
from beamside.stream.messages import RunStop
from beamside.stream.spool import RunSpool, of_message


def test_an_archived_run_answers_as_it_did_live(
    visit: Any, run: Any, array: Any, tmp_path: Path
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        name, _ = run.archive(tmp_path)
        runs = (await client.get("/api/v1/runs")).json()
        assert not runs["more"]
        (one,) = runs["runs"]
        assert (one["id"], one["run"], one["status"], one["live"]) == (
            *(name, run.name, "complete", False),
        )
        assert (one["frames"], one["first"], one["last"], one["missing"]) == (6, 0, 5, 0)
        assert one["analyses"] == [{"name": "hrtem", "frames": 6, "failed": 0}]
        detail = (await client.get(f"/api/v1/runs/{name}")).json()
        assert detail["numbers"] == [[0, 5]]
        assert detail["results"] == {"hrtem": [[0, 5]]}
        for address in (name, run.place(0)[:-2]):
            image = await client.get(f"/api/v1/frames/{address}/3?enc=raw")
            assert np.array_equal(array(image), np.arange(12).reshape(3, 4) + 300)
            assert image.headers["x-from"] == "archive"
            assert image.headers["x-id"] == name
            assert '"nm"' in image.headers["x-axes"]
            raw = await client.get(f"/api/v1/results/{address}/3/phase_map?enc=raw")
            assert array(raw).tolist() == [[6, 7, 8], [9, 10, 11]]

    visit(scenario, tmp_path)


def test_an_archived_result_is_what_the_live_one_was(visit: Any, run: Any, tmp_path: Path) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        name, _ = run.archive(tmp_path)
        past = (await client.get(f"/api/v1/results/{name}/3")).json()
        state.take(run.result(2, 3))
        live = (await client.get(f"/api/v1/results/{run.place(3)}")).json()
        assert (past["from"], live["from"]) == ("archive", "live")
        for key in ("attrs", "dims", "tables", "error", "run", "source", "analysis"):
            assert past[key] == live[key], key
        for key, value in live["variables"].items():
            value.pop("href", None)
            assert {k: v for k, v in past["variables"][key].items() if k != "href"} == value
        assert past["permalink"] == f"/?run={name}&frame=3"

    visit(scenario, tmp_path)


def test_nobody_waits_for_a_result_of_a_run_that_is_over_and_in_the_archive(
    visit: Any, run: Any, tmp_path: Path
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        run.archive(tmp_path)
        state.take(run.start)
        state.take(RunStop("camera", run.name))
        asked = client.get(f"/api/v1/results/{run.place(3)}?wait=30")
        found = await asyncio.wait_for(asked, 25)
        assert found.json()["from"] == "archive"

    visit(scenario, tmp_path)


def test_a_run_is_followed_while_it_is_written(
    visit: Any, run: Any, array: Any, tmp_path: Path
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.start)
        name, archive = run.archive(tmp_path, close=False)
        detail = (await client.get(f"/api/v1/runs/{name}")).json()
        assert (detail["status"], detail["live"], detail["numbers"]) == ("running", True, [[0, 5]])
        image = await client.get(f"/api/v1/frames/{name}/5?enc=raw")
        assert array(image)[0, 0] == 500
        archive.add(run.frame(6))
        archive.flush()
        image = await client.get(f"/api/v1/frames/{name}/6?enc=raw")
        assert array(image)[0, 0] == 600
        archive.abandon()

    visit(scenario, tmp_path)


def test_the_course_of_a_value_is_told_all_over_a_past_run(
    visit: Any, run: Any, tmp_path: Path
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        name, _ = run.archive(tmp_path)
        for _ in range(2):  # the second time from memory
            box = (await client.get(f"/api/v1/region/frames/{name}/2?roi=0,0,1,2&last=9")).json()
            assert box["history"]["frames"] == [0, 1, 2, 3, 4, 5]
            assert box["history"]["mean"] == [0.5 + 100 * n for n in range(6)]
        here = f"/api/v1/values/results/{name}/2/level?y=1&x=0"
        value = (await client.get(f"{here}&last=3")).json()
        assert value["history"]["frames"] == [0, 2, 4]  # evenly
        assert value["history"]["values"] == [1.5, 1.5, 1.5]

    visit(scenario, tmp_path)


def test_namesakes_keep_their_own_names_in_the_list(visit: Any, run: Any, tmp_path: Path) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        names = sorted((run.archive(tmp_path)[0] for _ in range(3)), reverse=True)
        state.take(run.result(0))  # held, and in an archive
        for _ in range(2):  # the second time from memory
            said = (await client.get("/api/v1/runs")).json()["runs"]
            assert [one["id"] for one in said] == names
            assert {one["run"] for one in said} == {run.name}
        said = (await client.get("/api/v1/runs?limit=1")).json()["runs"]
        assert [one["id"] for one in said] == names[:1]

    visit(scenario, tmp_path)


def test_numbers_are_taken_evenly_over_gaps() -> None:
    assert evenly([[0, 3], [10, 12], [20, 20]], 4) == [0, 2, 10, 12]
    assert evenly([[5, 6]], 9) == [5, 6]
    assert evenly([], 9) == []


def test_results_of_a_run_that_goes_on_come_from_its_spool(
    visit: Any, run: Any, array: Any, tmp_path: Path
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        name, archive = run.archive(tmp_path, close=False)
        spool = RunSpool.create(tmp_path / "spool", name)
        for said in (run.start, run.result(0, 1), run.result(2, 3), run.result(2, error="no")):
            spool.log.append(*of_message(said))
        detail = (await client.get(f"/api/v1/runs/{name}")).json()
        assert detail["results"] == {"hrtem": [[0, 3]]}
        there = f"/api/v1/results/{name}"
        for address in (there, f"/api/v1/results/{run.place(0)[:-2]}"):
            found = (await client.get(f"{address}/3")).json()
            assert (found["frame"], found["id"], found["from"]) == (3, name, "archive")
            assert found["tables"]["spot"]["columns"]["d"]["values"] == [2.25, 3.25]
        raw = await client.get(f"{there}/1/phase_map?enc=raw&analysis=hrtem")
        assert array(raw).tolist() == [[6, 7, 8], [9, 10, 11]]
        assert (await client.get(f"{there}/2")).json()["error"] == "no"  # the last word
        assert (await client.get(f"{there}/5")).status_code == 404
        spool.log.append(*of_message(run.result(4, 5)))
        with (spool.path / "log-000000.bslog").open("ab") as file:
            file.write(b"BSR1 half a record")
        assert (await client.get(f"{there}/5")).status_code == 200
        assert (await client.get(f"{there}/5?analysis=other")).status_code == 404
        spool.close()
        archive.abandon()

    visit(scenario, tmp_path)


def test_a_damaged_archive_is_named_and_stops_nobody(visit: Any, run: Any, tmp_path: Path) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        name, _ = run.archive(tmp_path)
        bad = tmp_path / "20990101T000000Z_camera_bad.nxs"
        whole = (tmp_path / f"{name}.nxs").read_bytes()
        bad.write_bytes(whole[: len(whole) // 2])
        runs = (await client.get("/api/v1/runs")).json()["runs"]
        assert [one["status"] for one in runs] == ["damaged", "complete"]
        assert "damaged" in runs[0]["problems"][0]
        gone = await client.get(f"/api/v1/frames/{bad.stem}/0")
        assert gone.status_code == 404
        assert (await client.get(f"/api/v1/frames/{name}/0")).status_code == 200
        assert (await client.get("/api/v1/frames/..%2f..%2fetc/0")).status_code == 404

    visit(scenario, tmp_path)


def test_a_reader_that_dies_is_started_again(
    visit: Any, run: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    from beamside.services.viewer import past as module

    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        name, _ = run.archive(tmp_path)
        assert (await client.get(f"/api/v1/frames/{name}/0")).status_code == 200
        talk = module.Past._talk

        async def killed(self: Any, wish: Any) -> Any:
            if wish["do"] == "frame":
                self._child.send_signal(signal.SIGSTOP)  # it dies while it reads
                asyncio.get_running_loop().call_later(0.1, self._child.kill)
            return await talk(self, wish)

        monkeypatch.setattr(module.Past, "_talk", killed)
        gone = await client.get(f"/api/v1/frames/{name}/1")
        assert gone.status_code == 404
        assert "crash" in gone.json()["error"]
        monkeypatch.setattr(module.Past, "_talk", talk)
        assert (await client.get(f"/api/v1/frames/{name}/1")).status_code == 200

    visit(scenario, tmp_path)


def test_without_an_archive_the_runs_are_those_held(visit: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.start)
        state.take(run.frame(4))
        state.take(run.result(4))
        (one,) = (await client.get("/api/v1/runs")).json()["runs"]
        assert (one["id"], one["live"], one["status"], one["first"]) == (None, True, "running", 4)
        detail = (await client.get(f"/api/v1/runs/{run.place(0)[:-2]}")).json()
        assert detail["held"] == [[4, 4]]
        assert detail["results"] == {"hrtem": [[4, 4]]}

    visit(scenario)


def test_a_long_poll_by_the_archives_name_waits_for_a_run_that_goes_on(
    visit: Any, run: Any, tmp_path: Path
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        old, abandoned = run.archive(tmp_path, close=False)
        name, archive = run.archive(tmp_path, close=False)
        assert old != name
        state.take(run.start)
        state.take(run.frame(7))
        asked = asyncio.create_task(client.get(f"/api/v1/results/{name}/7?wait=20"))
        # an earlier run of that name that was never closed is not the one that goes on
        gone = await asyncio.wait_for(client.get(f"/api/v1/results/{old}/7?wait=20"), 15)
        assert gone.status_code == 404
        assert not asked.done()
        state.take(run.result(7))
        assert (await asked).json()["frame"] == 7
        state.take(RunStop("camera", run.name))
        over = await asyncio.wait_for(client.get(f"/api/v1/results/{name}/9?wait=20"), 15)
        assert over.status_code == 404
        for one in (abandoned, archive):
            one.close(RunStop("camera", run.name))

    visit(scenario, tmp_path)


def test_the_archives_name_stays_with_a_run_that_begins_again_under_its_name(
    visit: Any, run: Any, array: Any, tmp_path: Path
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.start)
        name, archive = run.archive(tmp_path, close=False)
        newest = np.full((3, 4), 7, "<u2")
        state.take(run.frame(9, newest))  # not in the archive yet
        state.take(run.result(9))
        live = await client.get(f"/api/v1/frames/{name}/9?enc=raw")
        assert (live.headers["x-from"], array(live)[0, 0]) == ("live", 7)
        assert (await client.get(f"/api/v1/results/{name}/9")).json()["from"] == "live"
        archive.close(RunStop("camera", run.name))
        again, following = run.archive(tmp_path, 2, close=False)
        assert again != name
        state.take(run.start)
        state.take(run.frame(3, newest))
        old = await client.get(f"/api/v1/frames/{name}/3?enc=raw")
        assert (old.headers["x-from"], array(old)[0, 0]) == ("archive", 300)
        new = await client.get(f"/api/v1/frames/{again}/3?enc=raw")
        assert (new.headers["x-from"], array(new)[0, 0]) == ("live", 7)
        following.close(RunStop("camera", run.name))

    visit(scenario, tmp_path)
