"""The door of the web application: host, origin and token are checked before anything else."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = ("/healthz", "/readyz")
"""Paths that need no token."""
LOOPBACK = ("127.0.0.1", "::1")
LOOKING = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing. What changes something is a POST, and has more to show."""

SECURITY_HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
RAW_HEADERS = tuple(
    (name.encode(), value.encode())
    for name, value in {**SECURITY_HEADERS, "cache-control": "no-store"}.items()
)


def may_change(request: Request) -> bool:
    """Whether who asks may change something, by the token that was shown."""
    return bool(request.scope.get("may_change", False))


def new_token() -> str:
    """A token that can't be guessed."""
    return secrets.token_urlsafe(24)


class Guard:
    """ASGI middleware that lets through who has the token and comes from the page itself.

    The token comes as `?token=` (then it moves to a cookie and out of the address), as that
    cookie, or as `Authorization: Bearer`. An Origin that isn't the Host is refused even with the
    right token: a foreign page open in the user's browser is not the user. A request that changes
    something is not let in by its address (addresses are kept, shared and followed by mistake),
    and with a cookie it must say its Origin, as every browser does. Who has only the guest's token
    looks at everything and changes nothing.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str,
        allowed_hosts: Iterable[str],
        guest_token: str | None = None,
    ) -> None:
        tokens = [token] if guest_token is None else [token, guest_token]
        if min(map(len, tokens)) < 8:
            raise ValueError("the viewer's token must have at least 8 characters")
        if len(set(tokens)) < len(tokens):
            raise ValueError("the guest's token must be another than the viewer's")
        self.app = app
        self.token = token.encode()
        self.tokens = [text.encode() for text in tokens]
        self.hosts = frozenset(host.lower().strip("[]") for host in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400, 401 or 403 in words, or hand on to the app."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        answer = self._refusal(scope, Headers(scope=scope))
        if answer is None:
            await self.app(scope, receive, _secured(send))
        else:
            await _refuse(answer, scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if "*" not in self.hosts and _hostname(host) not in self.hosts:
            return _words(400, f"this service does not answer to the host {_hostname(host)!r}")
        origins = headers.getlist("origin")
        if any(_netloc(origin) != host.lower() for origin in origins):
            return _words(403, "requests from other pages (foreign Origin) are refused")
        if scope["path"] in OPEN:
            return None
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"))
        given = dict(query).get("token")
        if given is not None:
            return self._enter(scope, headers, given, query)
        bearer = self._bearer(headers)
        if bearer is None and _may_scrape(scope, headers):
            return None
        who = bearer or self._cookie(headers)
        if who is None:
            return _stranger(headers)
        scope["may_change"] = who == self.token
        if _changes(scope) and who != self.token:
            return _words(403, "this token may look at everything, and change nothing")
        if _changes(scope) and not bearer and not origins:
            return _words(403, "with a cookie, a request that changes something needs its Origin")
        return None

    def _enter(
        self, scope: Scope, headers: Headers, given: str, query: list[tuple[str, str]]
    ) -> Response | None:
        """Swap a token in the address for a cookie."""
        who = self._who(given)
        if who is None:
            return _stranger(headers)
        if _changes(scope):
            words = "a request that changes something takes its token as a header, not in the "
            return _words(403, words + "address: 'Authorization: Bearer TOKEN'")
        if scope["type"] == "websocket":
            return None
        left = urlencode([(key, value) for key, value in query if key != "token"])
        path = scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1") or scope["path"]
        there = "/" + path.lstrip("/") + (f"?{left}" if left else "")
        answer = _redirect(there, headers)
        answer.set_cookie(
            cookie_of(who),
            given,
            httponly=True,
            samesite="strict",
            secure=scope.get("scheme") == "https",
        )
        return answer

    def _bearer(self, headers: Headers) -> bytes | None:
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        return self._who(bearer.strip()) if kind.lower() == "bearer" else None

    def _cookie(self, headers: Headers) -> bytes | None:
        if headers.get("authorization", "").lower().startswith("bearer "):
            return None  # a wrong token is wrong, whatever else was sent
        # those of every service of this host come along, in any form: http.cookies gives up at the
        # first that it does not know
        cookies = cookie_parser("; ".join(headers.getlist("cookie")))
        for token in self.tokens:
            if self._who(cookies.get(cookie_of(token), "")) == token:
                return token
        return None

    def _who(self, given: str) -> bytes | None:
        """The token that was given, if it is one."""
        word = given.encode("utf-8", "surrogateescape")
        found = [token for token in self.tokens if hmac.compare_digest(word, token)]
        return found[0] if found else None


def cookie_of(token: bytes) -> str:
    """Name of the cookie that keeps a token; several services of one host have one each."""
    return f"beamside-{hashlib.sha256(token).hexdigest()[:8]}"


def _changes(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] not in LOOKING


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _may_scrape(scope: Scope, headers: Headers) -> bool:
    """A Prometheus on this machine needs no token, unless a proxy speaks for someone else."""
    client = scope.get("client")
    proxied = "x-forwarded-for" in headers or "forwarded" in headers
    return bool(scope["path"] == "/metrics" and client and client[0] in LOOPBACK and not proxied)


def _redirect(there: str, headers: Headers) -> Response:
    """Go on without the token; a browser led here by another site must reload on our own word.

    A strict cookie isn't sent on a redirect that another site began.
    """
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return RedirectResponse(there, status_code=303)
    return HTMLResponse('<!doctype html><meta http-equiv="refresh" content="0;url=/">')


def _stranger(headers: Headers) -> Response:
    text = "a token is needed: open the address that the service printed when it started"
    if "text/html" in headers.get("accept", ""):
        page = f"<!doctype html><title>beamside</title><p>beamside: {text}.</p>"
        return HTMLResponse(page, status_code=401)
    answer = _words(401, text + ", or send it as 'Authorization: Bearer TOKEN'")
    answer.headers["www-authenticate"] = "Bearer"
    return answer


def _words(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status_code=status)


async def _refuse(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await answer(scope, receive, _secured(send))
    else:
        # before the handshake: the browser sees 403
        await send({"type": "websocket.close", "code": 1008})


def _secured(send: Send) -> Send:
    async def send_secured(message: Message) -> None:
        if message["type"].endswith("response.start"):
            headers = message.setdefault("headers", [])
            there = {name for name, _ in headers}
            # in place: an answer that is kept for many has them when it goes out again
            headers.extend(pair for pair in RAW_HEADERS if pair[0] not in there)
        await send(message)

    return send_secured
