"""Ask a running beamside from another program: one file, nothing but Python's own library.

For instrument PCs, whose Python is old and can't be changed: copy this file there. It runs on
Python 3.5 and newer (and says so if not), needs no installation and no internet.

    import client
    beamside = client.Client("http://beamside:8765", "TOKEN")
    found = beamside.result("7", 12, wait=5)       # waits up to 5 s for the result of a frame
    print(found["variables"]["sharpness"]["values"])
    picture = beamside.array("results", "7", 12, "phase_map")
    print(picture.shape, picture[0][0])            # rows of numbers; picture.data are the bytes

Every method raises `BeamsideError` with a sentence for people. Nothing received is executed.
"""

import array
import json
import sys
import time
from typing import Any, Dict, List, Optional, Tuple

try:
    from urllib.error import HTTPError, URLError
    from urllib.parse import quote, unquote, urlencode
    from urllib.request import ProxyHandler, Request, build_opener
except ImportError:  # Python 2
    raise SystemExit("beamside's client needs Python 3.5 or newer")

CODES = {
    "|u1": "B", "|i1": "b", "|b1": "B", "<u2": "H", "<i2": "h",
    "<u4": "I", "<i4": "i", "<u8": "Q", "<i8": "q", "<f4": "f", "<f8": "d",
}  # fmt: skip


class BeamsideError(Exception):
    """What went wrong, in words; `code` is the HTTP status, 0 where there was no answer."""

    def __init__(self, words: str, code: int = 0) -> None:
        """Keep both."""
        Exception.__init__(self, words)
        self.code = code


class Array(object):
    """Numbers as they came: `shape`, `dtype` (as numpy spells it), `data` (bytes), `facts`.

    With numpy: numpy.frombuffer(a.data, a.dtype).reshape(a.shape). Without: a[row][column].
    """

    def __init__(
        self, data: bytes, shape: Tuple[int, ...], dtype: str, facts: Dict[str, str]
    ) -> None:
        """Keep them."""
        self.data = data
        self.shape = shape
        self.dtype = dtype
        self.facts = facts

    def __getitem__(self, row: int) -> List[Any]:
        """Give a row as a list of numbers."""
        if not 0 <= row < self.shape[0]:
            raise IndexError(row)
        return self.rows()[row]

    def rows(self) -> List[List[Any]]:
        """Give all rows as lists of numbers."""
        if self.dtype not in CODES:
            raise BeamsideError("numbers of type " + self.dtype + " need numpy")
        flat = array.array(CODES[self.dtype])
        flat.frombytes(self.data)
        if sys.byteorder == "big":
            flat.byteswap()
        width = self.shape[1]
        return [flat[n * width : (n + 1) * width].tolist() for n in range(self.shape[0])]


class Client(object):
    """One beamside, by the address of its page and a token."""

    def __init__(self, address: str, token: str, timeout: float = 10.0) -> None:
        """Ask nothing yet; `timeout` in s, beside what is waited for."""
        self.address = address.split("?")[0].rstrip("/")
        self.token = token
        self.timeout = timeout
        self._opener = build_opener(ProxyHandler({}))

    def status(self) -> Any:
        """What is going on: run, newest frame and result, the service's own status."""
        return self._json("status")

    def health(self) -> Any:
        """Whether all is well: counts, rates, queues, disk, alarms."""
        return self._json("health")

    def runs(self, limit: int = 50) -> Any:
        """The runs, the newest first."""
        return self._json("runs", limit=limit)["runs"]

    def latest(self, after: int = 0, wait: float = 5.0, analysis: Optional[str] = None) -> Any:
        """The newest result if its `seq` is above `after`, else None once `wait` s are over."""
        return self._json("results/latest", wait=wait, after=after, analysis=analysis)

    def result(
        self, run: str, frame: int, wait: float = 5.0, analysis: Optional[str] = None
    ) -> Any:
        """The result of one frame; waits for it up to `wait` s (BeamsideError 404: none came)."""
        until = time.monotonic() + wait
        there = "results/" + quote(run, safe="") + "/" + str(int(frame))
        while True:
            left = max(0.0, min(30.0, until - time.monotonic()))
            try:
                return self._json(there, wait=round(left, 3), analysis=analysis)
            except BeamsideError as error:
                if error.code != 404 or time.monotonic() >= until:
                    raise
                time.sleep(0.2)

    # fmt: off
    def array(
        self, kind: str, run: str, frame: int, name: str = "", enc: str = "raw", size: int = 8192,
        **asked: Any
    ) -> Array:
        # fmt: on
        """The pixels of a frame (`kind` frames) or of a variable of its result (results)."""
        there = kind + "/" + quote(run, safe="") + "/" + str(int(frame))
        if kind == "results":
            there += "/" + quote(name, safe="")
        elif name:
            asked["channel"] = name
        body, headers = self._get(there, dict(asked, enc=enc, size=size))
        facts = dict((key.lower(), unquote(value)) for key, value in headers.items())
        shape = tuple(int(side) for side in facts["x-shape"].split(","))
        return Array(body, shape, facts["x-dtype"], facts)

    def change(self, settings: Dict[str, Any], by: str) -> Any:
        """Set settings of the analysis; they hold from the next batch on, and are in the log."""
        return self._json("settings", {"settings": settings, "by": by})

    def _json(self, there: str, body: Any = None, **asked: Any) -> Any:
        answer = self._get(there, asked, body)[0]
        return json.loads(answer.decode("utf-8")) if answer else None

    def _get(self, there: str, asked: Dict[str, Any], body: Any = None) -> Tuple[bytes, Any]:
        asked = dict((key, value) for key, value in asked.items() if value is not None)
        url = self.address + "/api/v1/" + there + ("?" + urlencode(asked) if asked else "")
        headers = {"Authorization": "Bearer " + self.token}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body).encode("utf-8")
        patience = self.timeout + float(asked.get("wait", 0))
        try:
            answer = self._opener.open(Request(url, body, headers), timeout=patience)
            try:
                return answer.read(), answer.headers
            finally:
                answer.close()
        except HTTPError as error:
            raise BeamsideError(_words(error), error.code) from None
        except (URLError, OSError) as error:
            raise BeamsideError("no answer from " + self.address + ": " + str(error)) from None


def _words(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read().decode("utf-8"))["error"])
    except (ValueError, KeyError, TypeError):
        return "the service answered " + str(error.code)
    finally:
        error.close()
