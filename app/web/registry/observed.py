"""Around the app: what each request came to, for a log and for metrics, told when its last byte is out."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from app.web.registry.causes import REQUEST_ID

Environment = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environment, StartResponse], Iterable[bytes]]


@dataclass(slots=True)
class Exchange:
    """A request and its answer so far. `status` 0 until there is one; `written` in bytes of the body."""

    environment: Environment
    began: float
    status: int = 0
    content_type: str = ""
    written: int = 0
    seconds: float = 0.0


class Observer(Protocol):
    def began(self, exchange: Exchange) -> None:
        """Nothing is known yet but the request."""

    def ended(self, exchange: Exchange) -> None:
        """All is known; the client may have gone before the end."""


class Observed:
    def __init__(self, app: Application, observers: Sequence[Observer]) -> None:
        self._app = app
        self._observers = observers

    def __call__(self, environment: Environment, start_response: StartResponse) -> Iterable[bytes]:
        environment[REQUEST_ID] = str(uuid.uuid4())
        exchange = Exchange(environment, time.perf_counter())

        def start(status: str, headers: Sequence[tuple[str, str]], *more: Any) -> Any:
            exchange.status = int(status[:3])
            exchange.content_type = next((value for name, value in headers if name.lower() == "content-type"), "")
            return start_response(status, headers, *more)

        for observer in self._observers:
            observer.began(exchange)
        answer = _Answer(exchange, lambda: self._end(exchange))
        try:
            answer.body = self._app(environment, start)
        except BaseException:
            exchange.status = exchange.status or 500  # which the server answers in the app's place
            answer.close()
            raise
        return answer

    def _end(self, exchange: Exchange) -> None:
        exchange.seconds = time.perf_counter() - exchange.began
        for observer in self._observers:
            observer.ended(exchange)


class _Answer:
    """The body on its way out. `close` may be called twice, and is where a server forgets to."""

    def __init__(self, exchange: Exchange, end: Callable[[], None]) -> None:
        self.body: Iterable[bytes] = ()
        self._exchange = exchange
        self._end: Callable[[], None] | None = end

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.body:
            self._exchange.written += len(piece)
            yield piece

    def close(self) -> None:
        end, self._end = self._end, None
        if end is None:
            return
        try:
            close = getattr(self.body, "close", None)
            if close is not None:
                close()
        finally:
            end()

    __del__ = close
