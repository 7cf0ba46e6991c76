"""Strangers are harmless: nothing received is executed, and no socket is made without bounds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("analysis", "models", "services", "stream")
EXECUTES = {
    "pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal",
    "jsonpickle", "imp", "yaml",
}  # fmt: skip
"""Modules that run what they read, or can be made to."""
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {
    "send_pyobj", "recv_pyobj", "read_pickle", "to_pickle", "loads_pickle", "unsafe_load",
    "full_load", "import_string",
}  # fmt: skip


@cache
def sources() -> tuple[tuple[Path, ast.Module], ...]:
    """Every source of the house with its syntax tree; parsed once."""
    files = (file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
    return tuple(
        (file.relative_to(ROOT), ast.parse(file.read_text()))
        for file in files
        if "node_modules" not in file.parts
    )


def keyword(call: ast.Call, name: str) -> object:
    """The value of a keyword; None if it is not given as a constant."""
    found = next((k.value for k in call.keywords if k.arg == name), None)
    return found.value if isinstance(found, ast.Constant) else None


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def sins(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] in EXECUTES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in EXECUTES:
            yield str(node.module)
        elif isinstance(node, ast.Call):
            yield from sins_of(node)


def sins_of(call: ast.Call) -> Iterator[str]:
    name = dotted(call.func)
    last = name.rpartition(".")[2]
    if name in CALLS or last in METHODS:
        yield name
    if name in ("np.load", "numpy.load") and keyword(call, "allow_pickle") is not False:
        yield f"{name} without allow_pickle=False"
    pickles = any(k.arg == "allow_pickle" for k in call.keywords)
    if pickles and keyword(call, "allow_pickle") is not False:
        yield f"{name}(allow_pickle=...)"
    if name == "torch.load" and keyword(call, "weights_only") is not True:
        yield f"{name} without weights_only=True"
    if any(k.arg == "shell" for k in call.keywords) and keyword(call, "shell") is not False:
        yield f"{name}(shell=...)"


def test_nothing_in_the_house_executes_what_it_reads() -> None:
    found = {str(file): list(sins(tree)) for file, tree in sources()}
    assert len(found) > 80
    assert {file: what for file, what in found.items() if what} == {}


def test_the_search_itself_finds_what_it_looks_for() -> None:
    wrong = """
import pickle, yaml.loader
from joblib import load
eval(x); np.load(f); np.load(f, allow_pickle=True); torch.load(f); torch.load(f, weights_only=False)
socket.recv_pyobj(); subprocess.run(x, shell=True); np.array(x, allow_pickle=yes)
"""
    assert len(list(sins(ast.parse(wrong)))) == 12
    right = "np.load(f, allow_pickle=False); torch.load(f, weights_only=True); re.compile(x)"
    assert list(sins(ast.parse(right))) == []


def test_every_zeromq_socket_is_made_in_the_one_place_that_bounds_it() -> None:
    made = [
        f"{file}:{node.lineno}"
        for file, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "socket"
        and any(dotted(argument).startswith("zmq.") for argument in node.args)
    ]
    assert made == [], "make it with stream.sockets.open_socket (or open_async_socket)"
