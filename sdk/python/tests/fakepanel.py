"""A panel made of answers that a test gives, over real HTTP."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Optional, Tuple
from urllib.parse import parse_qsl

KEY = "np_live_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1fIRFH"


@dataclass
class Request:
    """What came over the wire."""

    method: str
    path: str
    headers: Dict[str, str]
    fields: Dict[str, str]


@dataclass
class Reply:
    """What goes back. `cut` ends the connection in the middle, `silent` before the answer."""

    status: int = 200
    body: Any = None
    headers: Dict[str, str] = field(default_factory=dict)
    cut: bool = False
    silent: bool = False
    hang: bool = False

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def refusal(status: int, text: str, **headers: str) -> Reply:
    return Reply(status, {"error": text}, {name.replace("_", "-"): value for name, value in headers.items()})


class FakePanel:
    """Serves until it is closed. Without `answer` it gives the replies of `say`, one after the other."""

    def __init__(self, answer: Optional[Callable[[Request], Reply]] = None) -> None:
        self.requests: List[Request] = []
        self._replies: List[Reply] = []
        self._answer = answer or (lambda _: self._replies.pop(0))
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def say(self, *replies: Reply) -> None:
        self._replies.extend(replies)

    def all_said(self) -> bool:
        return not self._replies

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(panel) -> type:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fields = dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, fields)
                panel.requests.append(request)
                self._reply(panel._answer(request))

            def do_GET(self) -> None:
                panel.requests.append(Request("GET", self.path, dict(self.headers.items()), {}))
                self.send_error(405)

            def _reply(self, reply: Reply) -> None:
                if reply.hang:
                    panel._ended.wait(30)
                if reply.silent or reply.hang:
                    self.close_connection = True
                    return
                content = b"" if reply.status == 304 else reply.content()
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if reply.cut else content)
                self.close_connection = self.close_connection or reply.cut

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def sent(panel: FakePanel) -> Tuple[Dict[str, str], ...]:
    """The fields of every request so far, without key and action."""
    return tuple({n: v for n, v in r.fields.items() if n not in ("key", "action")} for r in panel.requests)
