"""The page of a review and what it asks for, over HTTP.

Every address begins with a token that nobody can guess, and nothing is answered without it. The Host header must be the
one that the page was opened with: a web site whose name was pointed at this machine gets nothing.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.errors import StorageError
from infra.runs.reviews import ReviewConflictError
from infra.strict_json import from_bytes
from pipelines.errors import OptionError, persons_error
from pipelines.jobs.review.desk import Desk, Shown
from pipelines.jobs.review.orders import OrderName
from pipelines.jobs.review.requests import DecisionRequest, ObjectRequest

PAGE: Final = Path(__file__).parent / "page"
_FILES: Final = {
    "": ("index.html", "text/html; charset=utf-8"),
    "review.css": ("review.css", "text/css; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
    **{
        f"{name}.js": (f"{name}.js", "text/javascript; charset=utf-8")
        for name in ("main", "picture", "server", "store")
    },
}
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_MOST_LISTED = 500
_MOST_BYTES_ASKED = 2**20
_T = TypeVar("_T")


@dataclass(frozen=True)
class Address:
    """Where the page is: `hosts` are what a browser may call it, with the port."""

    socket: socket.socket
    host: str
    port: int
    token: str

    @classmethod
    def open(cls, host: str, port: int) -> Address:
        """Listen at an address of this machine; port 0 stands for any that is free.

        Raises:
            OptionError: it is taken, or none of this machine.
        """
        try:
            listening = _listening(host, port)
        except (OSError, OverflowError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise OptionError(
                f"cannot listen at {host}, port {port}: {reason.lower()}; end what is there (another mfp review?), or "
                "give another --port (0: any that is free)"
            ) from None
        return cls(listening, host, int(listening.getsockname()[1]), secrets.token_urlsafe(24))

    @property
    def url(self) -> str:
        """For the browser."""
        return f"http://{_in_url(self._spoken)}:{self.port}/{self.token}/"

    @property
    def hosts(self) -> frozenset[str]:
        """What the Host header may be."""
        names = {self._spoken, "127.0.0.1", "localhost", *(_own_addresses() if self._is_any else ())}
        called = {_in_url(name).lower() for name in names}
        # browsers leave out the port that every http address has
        return frozenset({f"{name}:{self.port}" for name in called} | (called if self.port == 80 else set()))

    @property
    def _is_any(self) -> bool:
        return self.host in {"0.0.0.0", "::"}  # noqa: S104  # compared, not listened at

    @property
    def _spoken(self) -> str:
        return socket.gethostname() if self._is_any else self.host


def _own_addresses() -> list[str]:
    """Of this machine, as far as its name leads to any."""
    try:
        return socket.gethostbyname_ex(socket.gethostname())[2]
    except OSError:
        return []


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen()
    except BaseException:
        listening.close()
        raise
    return listening


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def application(desk: Desk, address: Address, reviewer: str) -> ASGIApp:
    """The page of a desk."""
    answers = _Answers(desk, reviewer)
    routes = [Route(f"/{address.token}/{name}", partial(_file, name), methods=["GET"]) for name in _FILES] + [
        Route(f"/{address.token}/{name}", endpoint, methods=[method])
        for name, method, endpoint in (
            ("overview", "GET", answers.overview),
            ("queue", "GET", answers.queue),
            ("images", "GET", answers.images),
            ("image", "GET", answers.image),
            ("object", "POST", answers.shown),
            ("answer", "POST", answers.answer),
            ("probabilities", "POST", answers.probabilities),
            ("decide", "POST", answers.decide),
        )
    ]
    return _Guarded(Starlette(routes=routes), address)


class _Guarded:
    """Lets through what names the right host and knows the token, and adds the headers that keep a page to itself."""

    def __init__(self, app: ASGIApp, address: Address) -> None:
        self._app = app
        self._token = address.token.encode()
        self._hosts = {host.encode() for host in address.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        first = scope["path"].removeprefix("/").partition("/")[0].encode()
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            refusal = Response("This page has another address.\n", 421, media_type="text/plain")
        elif any(origin.removeprefix(b"http://") not in self._hosts for origin in origins):
            refusal = Response("Asked for by another page.\n", 403, media_type="text/plain")
        elif not secrets.compare_digest(first, self._token):
            refusal = Response(
                "Open the address that mfp review has printed: it ends in a token.\n",
                403,
                media_type="text/plain",
            )
        else:
            await self._app(scope, receive, _with_headers(send))
            return
        await refusal(scope, receive, _with_headers(send))


def _with_headers(send: Send) -> Send:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            there = {name for name, _ in message["headers"]}
            added = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
            message["headers"] = [*message["headers"], *(one for one in added if one[0] not in there)]
        await send(message)

    return sending


async def _file(name: str, request: Request) -> Response:
    file, media_type = _FILES[name]
    return Response((PAGE / file).read_bytes(), media_type=media_type)


class _RefusedError(Exception):
    """A request that the page does not make."""


class _Answers:
    """The desk's answers; each is made in a thread of its own, so that a slow click holds up nobody who decides."""

    def __init__(self, desk: Desk, reviewer: str) -> None:
        self._desk = desk
        self._reviewer = reviewer

    async def overview(self, request: Request) -> Response:
        """See Desk."""
        return await _json(lambda: self._desk.overview() | {"reviewer": self._reviewer})

    async def queue(self, request: Request) -> Response:
        """See Desk."""

        def answer() -> Any:
            order = _one_of(request, "order", get_args(OrderName))
            shown = _one_of(request, "show", get_args(Shown))
            return self._desk.queue(order, shown, *_stretch(request))

        return await _json(answer)

    async def images(self, request: Request) -> Response:
        """See Desk."""
        return await _json(lambda: self._desk.images(*_stretch(request)))

    async def image(self, request: Request) -> Response:
        """See Desk."""
        shard, key = request.query_params.get("shard", ""), request.query_params.get("key", "")

        def answer() -> Response:
            data, media_type = self._desk.image(shard, key)
            return Response(data, media_type=media_type, headers={"cache-control": "private, max-age=3600"})

        return await _answered(answer)

    async def shown(self, request: Request) -> Response:
        """See Desk."""
        asked = await _body(request)
        return await _json(lambda: self._desk.shown(_read(ObjectRequest, asked).place))

    async def answer(self, request: Request) -> Response:
        """See Desk."""
        asked = await _body(request)

        def answer() -> Any:
            wanted = _read(ObjectRequest, asked)
            if not wanted.clicks:
                raise _RefusedError("an answer is asked for after a click")
            return self._desk.answer(wanted.place, wanted.made)

        return await _json(answer)

    async def probabilities(self, request: Request) -> Response:
        """See Desk."""
        asked = await _body(request)

        def answer() -> Response:
            wanted = _read(ObjectRequest, asked)
            data = self._desk.probabilities(wanted.place, wanted.made)
            return Response(data, media_type="application/octet-stream")

        return await _answered(answer)

    async def decide(self, request: Request) -> Response:
        """See Desk."""
        asked = await _body(request)
        return await _json(lambda: self._desk.decide(_read(DecisionRequest, asked).wanted))


async def _json(answer: Callable[[], Any]) -> Response:
    return await _answered(lambda: JSONResponse(answer()))


async def _answered(answer: Callable[[], Response]) -> Response:
    """The response, or what a person can do about it.

    409: somebody was first; 400: no request of the page; 503: the storage does not answer, and nobody knows what it has
    stored; 422: another error.
    """
    try:
        return await run_in_threadpool(answer)
    except _RefusedError as error:
        return JSONResponse({"error": str(error)}, 400)
    except ReviewConflictError as conflict:
        return JSONResponse({"error": str(conflict), "first": conflict.first.number}, 409)
    except StorageError as error:
        return JSONResponse({"error": str(error)}, 503)
    except Exception as error:
        told = persons_error(error)
        if told is None:
            raise
        return JSONResponse({"error": told}, 422)


async def _body(request: Request) -> bytes:
    data = b""
    async for piece in request.stream():
        data += piece
        if len(data) > _MOST_BYTES_ASKED:
            return b""
    return data


def _read(kind: type[_T], data: bytes) -> _T:
    try:
        return from_bytes(kind, data)
    except ValueError as error:
        raise _RefusedError(f"the request is none that the page makes: {error}") from None


def _one_of(request: Request, name: str, known: tuple[str, ...]) -> Any:
    value = request.query_params.get(name, known[0])
    if value not in known:
        raise _RefusedError(f"{name} {value!r} is none of {', '.join(known)}")
    return value


def _stretch(request: Request) -> tuple[int, int]:
    """The first and the number of what is listed."""
    try:
        first, count = (
            int(request.query_params.get(name, usual)) for name, usual in (("first", "0"), ("count", "100"))
        )
    except ValueError:
        raise _RefusedError("first and count are whole numbers") from None
    return max(0, first), min(max(0, count), _MOST_LISTED)


def serve(app: ASGIApp, address: Address) -> None:
    """Answer until the process ends."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        lifespan="off",
        server_header=False,
        timeout_keep_alive=30,
        ws="none",
    )
    uvicorn.Server(config).run(sockets=[address.socket])
