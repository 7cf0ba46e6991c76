"""The page of all settings."""

from __future__ import annotations

from typing import Any

from .instrument import Settings


def document() -> str:
    """Every setting as a Markdown page, from the model itself."""
    lines = ["# Settings", "", "Made by `beamside settings`; do not edit.", ""]
    for name, field in Settings.model_fields.items():
        model: Any = field.annotation
        doc = (model.__doc__ or "").strip().splitlines()[0]
        lines += [f"## [{name}]", "", doc, "", "| key | default | meaning |", "|---|---|---|"]
        for key, entry in model.model_fields.items():
            default = entry.get_default(call_default_factory=True)
            shown = f"`{default}`" if default not in (None, {}, ()) else ""
            lines.append(f"| `{key}` | {shown} | {entry.description} |")
        lines.append("")
    return "\n".join(lines)
