"""The page in a real browser, doing what a person does."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

pytestmark = pytest.mark.browser


def test_the_page_shows_image_spots_and_tables(
    page: Any, service: Any, feed: Any, opened: Any, pixels: Any
) -> None:
    feed(0)
    opened()
    assert "token" not in page.url
    assert pixels(".panel.image .area").std() > 20
    assert pixels(".panel.plane .area").std() > 10
    assert page.locator(".panel.plane .mark").count() == 6  # three spots and their mates
    assert page.locator(".panel.plane .mark.faint").count() == 3
    assert page.locator(".panel.tables tbody tr").count() == 3
    assert page.locator(".panel.curves .tags text").all_text_contents() == [
        "LiF 111",
        "Li2O 111",
        "NMC 003",
    ]
    assert page.get_by_test_id("legend").get_by_text("NMC").count() == 1
    assert page.evaluate("document.documentElement.scrollHeight") <= 800


def test_selecting_a_grain_lights_its_spot_and_its_pixels(
    page: Any, service: Any, feed: Any, opened: Any, pixels: Any
) -> None:
    feed(0)
    opened()
    page.locator(".panel.tables tbody tr", has_text="NMC").click()
    page.wait_for_selector(".panel.image .outline path")
    assert page.locator(".panel.plane .mark.strong:not(.faint)").count() == 1
    assert page.locator(".panel.plane .mark.strong text").text_content() == "NMC 003"
    feed(1)
    page.get_by_test_id("frame").get_by_text("frame 1").wait_for()
    assert page.locator(".panel.tables tr[aria-selected=true]").inner_text().startswith(" NMC")
    page.keyboard.press("Escape")
    page.wait_for_selector(".panel.image .outline path", state="detached")


def test_a_paused_image_has_the_true_values(
    page: Any, service: Any, feed: Any, specimen: Any, opened: Any
) -> None:
    feed(0)
    opened()
    with page.expect_response(re.compile("enc=u16")):
        page.keyboard.press("Space")
    page.wait_for_timeout(500)
    box = page.locator(".panel.image .area").bounding_box()
    for across, down in ((0.4, 0.45), (0.61, 0.55), (0.5, 0.2)):
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        page.wait_for_timeout(150)
        page.locator("[data-testid=value][data-exact=true]").wait_for()
        foot = page.locator(".panel.image footer").inner_text()
        ((y, x),) = re.findall(r"\[(\d+), (\d+)\]", foot)
        shown = float(page.locator("[data-testid=value] b").inner_text())
        assert shown == specimen.image[int(y), int(x)]


def test_new_frames_come_by_themselves_until_paused(
    page: Any, service: Any, feed: Any, opened: Any
) -> None:
    feed(0)
    opened()
    feed(1)
    page.get_by_test_id("frame").get_by_text("frame 1").wait_for()
    page.keyboard.press("Space")
    page.get_by_test_id("state").get_by_text("Paused").wait_for()
    feed(2)
    page.wait_for_timeout(700)
    assert "frame 1" in page.get_by_test_id("frame").inner_text()
    page.keyboard.press("Space")
    page.get_by_test_id("frame").get_by_text("frame 2").wait_for()


def test_names_with_html_are_text(page: Any, service: Any, feed: Any, opened: Any) -> None:
    feed(0)
    opened()
    assert page.locator(".run b").inner_text() == "2026-11-21 <b>run</b> 7"
    assert page.locator(".panel.tables td", has_text="<i>0</i>").count() == 1
    assert page.locator(".run b b, .panel.tables td i:not(.swatch)").count() == 0


def test_an_overlay_can_be_taken_off(
    page: Any, service: Any, feed: Any, opened: Any, pixels: Any, until: Any
) -> None:
    feed(0)
    opened()

    def colour() -> float:
        image = pixels(".panel.image .area")
        return float((image.max(axis=2) - image.min(axis=2)).mean())

    until(lambda: colour() > 5)
    page.keyboard.press("o")
    until(lambda: colour() < 1)
    page.keyboard.press("l")
    page.get_by_text("logarithmic").wait_for()
    until(lambda: pixels(".panel.image .area").std() > 20)


def test_alarms_are_said_in_words(
    page: Any, service: Any, feed: Any, specimen: Any, opened: Any
) -> None:
    feed(0)
    opened()
    service.take(specimen.status(1, alarms=["disk 95 % full: move old runs away"]))
    page.get_by_text("disk 95 % full").wait_for()


def test_the_page_recovers_when_the_service_comes_back(
    page: Any, service: Any, feed: Any, specimen: Any, opened: Any
) -> None:
    feed(0)
    opened()
    service.stop()
    page.get_by_text("Connection to the service lost").wait_for()
    service.start()
    service.take(specimen.start, specimen.frame(7), specimen.result(7), specimen.status(7))
    page.get_by_test_id("frame").get_by_text("frame 7").wait_for()
    page.get_by_text("Connection to the service lost").wait_for(state="detached")


def test_an_image_without_any_result_is_shown_alone(
    page: Any, service: Any, specimen: Any, opened: Any, pixels: Any
) -> None:
    service.take(specimen.start, specimen.frame(0), specimen.status(0))
    opened()
    assert pixels(".panel.image .area").std() > 20
    assert page.locator(".panel.plane").count() == 0


def test_a_wrong_token_gets_a_sentence(page: Any, service: Any) -> None:
    answer = page.goto(f"{service.url}/?token=wrong-token")
    assert answer.status == 401
    assert "open the address that the service printed" in page.inner_text("body")


def test_a_foreign_page_gets_nothing(page: Any, service: Any, feed: Any, opened: Any) -> None:
    feed(0)
    opened()
    foreign = service.url.replace("127.0.0.1", "localhost")
    page.goto(f"{foreign}/?token={service.token}")
    page.wait_for_selector(".panel.image canvas")
    asked = page.evaluate(
        """(there) => new Promise((done) => {
            const socket = new WebSocket(there.replace('http', 'ws') + '/api/v1/notices');
            socket.onopen = () => done('open');
            socket.onerror = () => done('refused');
        })""",
        service.url,
    )
    assert asked == "refused"
    read = page.evaluate(
        """(there) => fetch(there + '/api/v1/status', {credentials: 'include'})
            .then((answer) => answer.status, () => 'refused')""",
        service.url,
    )
    assert read == "refused"
    assert json.loads(page.request.get(f"{service.url}/healthz").text())["alive"]


PROPOSAL = {
    "correction": [-0.0312, 0.0041, 0.0022],
    "correction_sigma": [0.0021, 0.0028, 0.0031],
    "enough": True,
    "alarm": "the true pixel is 3.1 % smaller than the header says",
    "note": "pixel -3.12 ± 0.21 %; the true pixel is 3.1 % smaller than the header says",
    "run": "7",
    "frames": 40,
}


def test_a_person_accepts_the_proposed_calibration(
    page: Any, service: Any, feed: Any, specimen: Any, opened: Any
) -> None:
    feed(0)
    correction: dict[str, Any] = {
        "setting": "accepted",
        "in_force": None,
        "proposal": PROPOSAL,
        "events": [],
    }
    service.take(specimen.status(0, correction=correction))
    opened()
    page.get_by_test_id("grid-button").click()
    dialog = page.get_by_test_id("grid")
    assert "3.12 ± 0.21 %" in dialog.text_content()
    assert "3.1 % smaller than the header says" in dialog.text_content()
    assert dialog.get_by_role("button", name="Accept").is_disabled()  # nobody has signed
    dialog.get_by_label("your name").fill("ann <b>")
    dialog.get_by_role("button", name="Accept").click()
    dialog.get_by_text("Accepted by ann <b>.").wait_for()
    wish = {"action": "accept", "by": "ann <b>", "correction": PROPOSAL["correction"]}
    assert service.wishes == [wish]
    event = {"event": "accept", "by": "ann <b>", "at": "now", "correction": PROPOSAL["correction"]}
    service.take(specimen.status(0, correction=correction | {"in_force": event}))
    dialog.get_by_text("accepted by ann <b>, now").wait_for()
    dialog.get_by_role("button", name="Withdraw").click()
    dialog.get_by_text("Withdrawn by ann <b>.").wait_for()
