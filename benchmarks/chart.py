"""The medians as bars, in SVG written by hand: no library, the same bytes for the same figures, readable on light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WIDTH, LEFT, RIGHT, BAR, GAP = 760, 190, 90, 18, 8
COLOURS = {"ours": "#2563eb", "stock": "#d97706", "terraform": "#7c3aed", "floor": "#059669", "empty playbook": "#6b7280"}
OTHER = "#2563eb"


def svg(panels: Sequence[tuple[str, Sequence[Mapping[str, Any]]]], measured: str = "wall", unit: str = "s") -> str:
    """A panel for each (title, rows of medians); bars of one panel share a scale."""
    parts: list[str] = []
    y = 24
    for title, rows in panels:
        parts.append(f'<text x="8" y="{y}" class="title">{escape(title)}</text>')
        y += 12
        longest = max((row[measured] for row in rows), default=0) or 1
        for row in rows:
            length = round((WIDTH - LEFT - RIGHT) * row[measured] / longest, 1)
            awake = round((WIDTH - LEFT - RIGHT) * row.get("sleeps", 0) / longest, 1)
            middle = y + BAR - 5
            parts.append(f'<text x="{LEFT - 8}" y="{middle}" class="name">{escape(row["subject"])}</text>')
            colour = COLOURS.get(row["subject"], OTHER)
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{max(length, 1)}" height="{BAR}" rx="2" fill="{colour}"/>')
            if awake:
                start = LEFT + length - awake
                parts.append(f'<rect x="{start}" y="{y}" width="{awake}" height="{BAR}" rx="2" fill="#fff" fill-opacity="0.45"/>')
            parts.append(f'<text x="{LEFT + length + 6}" y="{middle}">{row[measured]:.1f} {unit}</text>')
            y += BAR + GAP
        y += 26
    style = (
        "text{font:13px system-ui,sans-serif;fill:#374151}.title{font-weight:600}.name{text-anchor:end}"
        "@media(prefers-color-scheme:dark){text{fill:#d1d5db}}"
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" role="img">'
    return "\n".join([head, f"<style>{style}</style>", *parts, "</svg>"]) + "\n"
