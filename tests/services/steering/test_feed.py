"""What the feed keeps of what the service says."""

from beamside.services.steering.feed import Feed


def test_the_region_that_people_drew_cuts_an_image() -> None:
    with Feed("tcp://127.0.0.1:1") as feed:
        assert feed.roi is None
        feed.take({"choices": {"roi": {"y": [10, 20.5], "x": [0, 5], "units": "px", "by": "ann"}}})
        assert feed.roi == (slice(10, 21), slice(0, 5))
        feed.take({"choices": {"roi": None}})
        assert feed.roi is None
