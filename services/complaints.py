"""What goes wrong is told in one plain line, never as a traceback."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

WRONG = 2
"""Exit code of a command that could not begin: something asked for is wrong."""
EXTRAS = {
    **dict.fromkeys(("ncempy",), "microscopy"),
    **dict.fromkeys(("torch", "safetensors"), "networks"),
    **dict.fromkeys(("numba", "skimage", "sklearn", "shap", "skops"), "particles"),
    **dict.fromkeys(("matplotlib",), "reports"),
    **dict.fromkeys(("bluesky", "event_model"), "steering"),
    **dict.fromkeys(("bluesky_queueserver", "bluesky_queueserver_api"), "queueserver"),
    **dict.fromkeys(("openvino",), "openvino"),
    **dict.fromkeys(("playwright",), "browser"),
}
"""What is installed only when asked for: module, and the extra that brings it."""


def explained(run: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command; what is wrong with what was asked goes to stderr, exit code 2."""
    from ..stream.errors import StreamError

    try:
        return run(args)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    except (StreamError, ValueError, LookupError, OSError) as error:
        complain(error)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        complain(lacking(error.name or "", extra))
    except Exception as error:
        if type(error).__name__ not in ("SettingsError", "StartError", "AnalysisError"):
            raise
        complain(error)
    return WRONG


def lacking(module: str, extra: str) -> ValueError:
    """What to say where an extra of the installation is missing."""
    return ValueError(f"this needs {module}: pip install 'beamside[{extra}]'")


def complain(error: Exception) -> None:
    """Say on stderr what is wrong."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    for line in text.splitlines() or [type(error).__name__]:
        sys.stderr.write(f"beamside: {line}\n")
