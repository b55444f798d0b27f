"""What both clients promise alike, and that the package is fit for its oldest Python."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Dict

import pytest
from samples import needed

import notpanel
from notpanel import AsyncClient, AsyncWebhooks, Client, Webhooks

FOLDER = Path(__file__).parent.parent
FILES = sorted((FOLDER / "src/notpanel").glob("*.py"))


def methods(kind: type) -> Dict[str, Any]:
    return {n: f for n, f in vars(kind).items() if inspect.isfunction(f) and (not n.startswith("_") or n == "__init__")}


def signature(function: Any) -> str:
    """Parameters and result, with the names of the sync client."""
    return re.sub(r"\bAsync(Walk|Client)", r"\1", str(inspect.signature(function)))


@pytest.mark.parametrize(("sync", "other"), [(Client, AsyncClient), (Webhooks, AsyncWebhooks)])
def test_both_clients_have_the_same_methods(sync: type, other: type) -> None:
    ours, theirs = methods(sync), methods(other)
    if "close" in ours:
        theirs["close"] = theirs.pop("aclose")
    assert set(ours) == set(theirs)
    for name, function in ours.items():
        assert signature(function) == signature(theirs[name]), name
        assert function.__doc__ == theirs[name].__doc__, name
        waits = not (name.startswith("iter_") or name == "__init__")
        assert inspect.iscoroutinefunction(theirs[name]) == waits, name


def test_everything_public_is_documented_and_exported() -> None:
    assert len(set(notpanel.__all__)) == len(notpanel.__all__)
    for name in notpanel.__all__:
        thing = getattr(notpanel, name)
        if inspect.isclass(thing):
            assert vars(thing).get("__doc__"), name
            for method, function in methods(thing).items():
                assert function.__doc__ or method == "__init__", f"{name}.{method}"


def test_every_action_is_there() -> None:
    """Those that the API's documentation lists."""
    source = (FOLDER / "src/notpanel/_actions.py").read_text()
    page = (FOLDER / "../../docs/api-v2.md").read_text()
    listed = re.search(r"Available actions: ([\w., ]+)", page)
    assert listed
    actions = listed.group(1).split(", ")
    assert len(actions) >= 12
    for action in actions:
        assert f'"{action}"' in source, action


@pytest.mark.parametrize("path", [*FILES, FOLDER / "examples/shop.py"], ids=lambda path: path.name)
def test_python_3_9_reads_it(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    # These hints are read while the program runs, where 3.9 knows no `X | None`.
    if path.name in ("models.py", "webhooks.py"):
        hints = [node.annotation for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)]
        assert hints
        assert not [n for hint in hints for n in ast.walk(hint) if isinstance(n, ast.BinOp)]


def test_the_package_is_built_with_its_types(tmp_path: Path) -> None:
    needed(all(importlib.util.find_spec(name) for name in ("setuptools", "wheel")), "setuptools with wheel")
    # A copy, as building leaves things behind.
    program = (
        "import shutil, sys, os\n"
        "shutil.copytree(sys.argv[1], 'copy', ignore=shutil.ignore_patterns('tests', '*.egg-info', '__pycache__'))\n"
        "os.chdir('copy')\n"
        "from setuptools import build_meta\n"
        "build_meta.build_wheel('..')\n"
    )
    subprocess.run([sys.executable, "-c", program, str(FOLDER)], cwd=tmp_path, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        [meta] = [packed.read(name).decode() for name in names if name.endswith(".dist-info/METADATA")]
    assert "notpanel/py.typed" in names and {f"notpanel/{path.name}" for path in FILES} <= set(names)
    assert f"Version: {notpanel.__version__}\n" in meta
    assert re.findall("^Requires-Dist: (.*)$", meta, re.MULTILINE) == ["httpx (<1,>=0.23)"]
    assert "Requires-Python: >=3.9" in meta
