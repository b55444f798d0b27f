"""The README's samples and the example do what they say, against a small panel over HTTP."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List

import httpx
import pytest
import samples
from fakepanel import KEY
from smallpanel import SmallPanel

MYPY = "/usr/bin/mypy"


@pytest.fixture
def small() -> Iterator[SmallPanel]:
    with contextlib.closing(SmallPanel()) as panel:
        yield panel


def test_the_complete_sample_sees_its_order_completed(small: SmallPanel) -> None:
    [program] = samples.of_kind("complete")
    assert len(program.splitlines()) <= 60
    said = samples.run(program, small.url, KEY).splitlines()
    assert said[0] == "placed ord_0 for 0.02 USD"
    assert said[-1] == "ord_0 completed" and "order.completed" in said
    assert small.delivered[0] == 204 and not small.webhooks  # removed at the end


def test_the_other_samples_run(small: SmallPanel) -> None:
    [setup] = samples.of_kind("setup")
    found = samples.of_kind("sample")
    assert len(found) >= 6
    for program in found:
        samples.run(setup + program, small.url, KEY)
    assert {"add", "orders", "transactions", "changes", "webhook.rotate"} <= {r.fields["action"] for r in small.requests}


def test_every_block_is_python_3_9() -> None:
    for _, text in samples.blocks():
        ast.parse(text, feature_version=(3, 9))


FLASK = """
from typing import Callable, Mapping, TypeVar
F = TypeVar("F", bound=Callable[..., object])
class Request:
    headers: Mapping[str, str]
    def get_data(self) -> bytes: ...
request: Request
class Flask:
    def __init__(self, name: str) -> None: ...
    def post(self, path: str) -> Callable[[F], F]: ...
"""


def test_types_of_package_example_and_samples(tmp_path: Path) -> None:
    """`mypy --strict`, over each block as a reader would have it. Of Flask there is what its sample uses."""
    samples.needed(Path(MYPY).exists(), MYPY)
    (tmp_path / "flask.pyi").write_text(FLASK)
    [setup] = samples.of_kind("setup")
    files: List[str] = []
    for n, (kind, text) in enumerate(samples.blocks()):
        path = tmp_path / f"sample_{n}.py"
        path.write_text((setup if kind == "sample" else "") + text, encoding="utf-8")
        files.append(str(path))
    ended = subprocess.run(
        [MYPY, "--strict", "--cache-dir", str(tmp_path / "cache"), "src/notpanel", "examples/shop.py", *files],
        cwd=samples.FOLDER, env={**os.environ, "MYPYPATH": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout


@contextlib.contextmanager
def shop(url: str, key: str) -> Iterator[str]:
    """Runs the example until the end of the test. Ctrl-C has to end it well."""
    program = subprocess.Popen(
        [sys.executable, "examples/shop.py"], cwd=samples.FOLDER, env=samples.environment(url, key),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    try:
        assert program.stdout
        begun = re.fullmatch(r"The shop is at (http://127\.0\.0\.1:\d+)\n", program.stdout.readline())
        assert begun, program.communicate()
        yield begun.group(1)
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=20)
        assert program.returncode == 0, said
        assert "Traceback" not in said and key not in said
    finally:
        if program.poll() is None:
            program.kill()
            program.communicate()


@pytest.mark.parametrize("only_own_signature", [False, True])
def test_the_shop(only_own_signature: bool) -> None:
    with contextlib.closing(SmallPanel(only_own_signature=only_own_signature)) as small:
        with shop(small.url, KEY) as address, httpx.Client(base_url=address, trust_env=False) as visitor:
            page = visitor.get("/").text
            assert "Banner &lt;b&gt;<td>2.60 USD" in page  # 2.00 and the mark-up, escaped
            form = {"service": "1", "link": "https://example.com/a?b=c&d", "quantity": "10", "request_id": "form-1"}
            for _ in range(2):  # a double click
                answer = visitor.post("/order", data=form)
                assert (answer.status_code, answer.headers["location"]) == (303, "/")
            for sender in small._senders:
                sender.join()
            page = visitor.get("/").text
            assert page.count("ord_0") == 1 and "https://example.com/a?b=c&amp;d<td>completed" in page
            assert small.delivered == [204] * 7

            refused = visitor.post("/order", data={**form, "quantity": "5", "request_id": "form-2"})
            assert refused.status_code == 400 and "Not ordered: quantity must be between" in refused.text
            assert 'value="form-2"' in refused.text
            forged = visitor.post("/webhook", content=b'{"id":"evt_x"}', headers={"X-NotPanel-Signature": "t=1,v1=00"})
            assert forged.status_code == 400
        assert not small.webhooks
    assert len((samples.FOLDER / "examples/shop.py").read_text().splitlines()) <= 100
