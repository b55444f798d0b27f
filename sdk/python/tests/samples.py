"""The programs of this folder that readers run: the README's samples and the example."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Tuple

import pytest

FOLDER = Path(__file__).parent.parent
_BLOCK = re.compile(r"<!-- (\w+) -->\n```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def needed(there: bool, what: str) -> None:
    """Skips a test that lacks a tool; under CI that is a failure."""
    if not there:
        says = f"{what} is not there; make setup installs it"
        pytest.fail(says) if os.environ.get("CI") == "true" else pytest.skip(says)


def blocks() -> List[Tuple[str, str]]:
    """The README's blocks of Python: what each is, and its text."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    found = _BLOCK.findall(readme)
    assert len(found) == readme.count("```python"), "a block of Python lacks the comment that says what it is"
    return found


def of_kind(kind: str) -> List[str]:
    return [text for what, text in blocks() if what == kind]


def environment(url: str, key: str) -> Dict[str, str]:
    """What a program needs to find the package and the panel."""
    own = {"PYTHONPATH": str(FOLDER / "src"), "NOTPANEL_URL": url, "NOTPANEL_KEY": key, "PYTHONWARNINGS": "error"}
    return {**os.environ, **own}


def run(program: str, url: str, key: str) -> str:
    """Runs a text as a program and returns what it printed. It has to end well."""
    ended = subprocess.run(
        [sys.executable, "-"], input=program, env=environment(url, key), timeout=120,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr + ended.stdout
    return ended.stdout
