"""A page of a report: plain HTML with its style inside, nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from urllib.parse import quote

STYLE = """
:root { color-scheme: light; --ink: #1c2430; --soft: #5c6675; --line: #dfe3e9; --ground: #f6f7f9; }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; color: var(--ink); }
main { max-width: 1120px; margin: 0 auto; padding: 28px 28px 80px; }
h1 { font-size: 27px; margin: 0 0 4px; letter-spacing: -.01em; }
h2 { font-size: 19px; margin: 44px 0 10px; padding-top: 14px; border-top: 1px solid var(--line); }
h3 { font-size: 15px; margin: 26px 0 6px; overflow-wrap: anywhere; }
p { margin: 6px 0; max-width: 78ch; }
.soft { color: var(--soft); }
.alarm { border-left: 4px solid #d55e00; background: #fff4ec; padding: 8px 14px; margin: 12px 0; }
.facts { display: flex; flex-wrap: wrap; gap: 10px; margin: 18px 0 8px; }
.facts div { background: var(--ground); border: 1px solid var(--line); border-radius: 8px;
  padding: 8px 14px; min-width: 118px; }
.facts b { display: block; font-size: 21px; font-variant-numeric: tabular-nums; }
.facts span { color: var(--soft); font-size: 12.5px; }
figure { margin: 14px 0 20px; }
figure img { max-width: 100%; height: auto; display: block; }
figure a { display: inline-block; }
figcaption { color: var(--soft); font-size: 13px; max-width: 90ch; margin-top: 4px; }
.wide { overflow-x: auto; max-height: 560px; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; font-size: 13px; width: 100%;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 4px 10px; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { background: var(--ground); position: sticky; top: 0; font-weight: 600; }
td.n, th.n { text-align: right; white-space: nowrap; }
td { overflow-wrap: anywhere; }
td:last-child { min-width: 150px; }
nav { margin: 14px 0; font-size: 14px; }
nav a { margin-right: 16px; color: #0057a8; }
.pair { display: flex; flex-wrap: wrap; gap: 18px; align-items: flex-start; }
.pair figure { flex: 1 1 380px; min-width: 0; }
.small figure { flex: 0 1 330px; }
@media print { .wide { max-height: none; } h3, figure { break-inside: avoid; } }
"""


@dataclass(slots=True)
class Page:
    """HTML that grows; every text that is given is escaped."""

    title: str
    parts: list[str] = field(default_factory=list)
    sections: list[tuple[str, str]] = field(default_factory=list)

    def section(self, heading: str) -> None:
        """Begin a section; it is listed at the top."""
        name = f"s{len(self.sections) + 1}"
        self.sections.append((name, heading))
        self.parts.append(f'<h2 id="{name}">{escape(heading)}</h2>')

    def heading(self, text: str) -> None:
        """Begin something smaller."""
        self.parts.append(f"<h3>{escape(text)}</h3>")

    def text(self, words: str, kind: str = "") -> None:
        """Add a paragraph; `kind` is soft or alarm."""
        self.parts.append(f'<p class="{kind}">{escape(words)}</p>')

    def facts(self, facts: Mapping[str, object]) -> None:
        """Add figures that stand out."""
        boxes = "".join(
            f"<div><b>{escape(str(value))}</b><span>{escape(name)}</span></div>"
            for name, value in facts.items()
        )
        self.parts.append(f'<div class="facts">{boxes}</div>')

    def figures(self, files: Sequence[tuple[str, str]], size: str = "") -> None:
        """Add pictures beside each other where there is room: (file, caption); or small ones."""
        shown = "".join(_figure(*one) for one in files)
        beside = len(files) > 1 or size
        self.parts.append(f'<div class="pair {size}">{shown}</div>' if beside else shown)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Add a table; columns of numbers are set to the right."""
        body = [list(row) for row in rows]
        right = [
            bool(body) and all(isinstance(row[n], int | float) or row[n] == "" for row in body)
            for n in range(len(head))
        ]
        cells = "".join(_cell("th", name, right[n]) for n, name in enumerate(head))
        lines = "".join(
            "<tr>" + "".join(_cell("td", value, right[n]) for n, value in enumerate(row)) + "</tr>"
            for row in body
        )
        self.parts.append(
            f'<div class="wide"><table><thead><tr>{cells}</tr></thead>'
            f"<tbody>{lines}</tbody></table></div>"
        )

    def links(self, files: Mapping[str, str]) -> None:
        """Add links to files beside the page, with what is in them."""
        rows = "".join(
            f'<tr><td><a href="{quote(name)}">{escape(name)}</a></td><td>{escape(words)}</td></tr>'
            for name, words in files.items()
        )
        self.parts.append(f'<div class="wide"><table><tbody>{rows}</tbody></table></div>')

    def html(self) -> str:
        """Give the whole page."""
        listed = "".join(f'<a href="#{name}">{escape(words)}</a>' for name, words in self.sections)
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{STYLE}</style></head><body><main>"
            f"<h1>{escape(self.title)}</h1><nav>{listed}</nav>"
            + "\n".join(self.parts)
            + "</main></body></html>\n"
        )


def _figure(file: str, caption: str) -> str:
    path, words = quote(file), escape(caption)
    return (
        f'<figure><a href="{path}"><img src="{path}" alt="{words}" loading="lazy"></a>'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _cell(kind: str, value: object, right: bool) -> str:
    said = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"<{kind}{' class=n' if right else ''}>{escape(said)}</{kind}>"
