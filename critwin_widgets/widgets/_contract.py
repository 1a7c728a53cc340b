"""The trait contract of `HierarchyTree`, written once.

The Python class and the TypeScript types both follow from the tables below: run
``python -m critwin_widgets.widgets._contract`` to write ``js/src/lib/contract.gen.ts``. A test
fails when that file, or the traits of the class, differ from what stands here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "ALL_CLOCKS",
    "CLOCKS",
    "EPS_RANGE",
    "HEIGHT_RANGE",
    "LEVEL_CLOCKS",
    "PAYLOAD",
    "PAYLOAD_VERSION",
    "THEMES",
    "TRAITS",
    "VIEWS",
    "Field",
    "generate",
]

CLOCKS = ("t", "sigma", "alpha_bar", "log_snr")
LEVEL_CLOCKS = ("masked", "hidden")
"""Clocks of masked tokens: their levels as they are, with no other to convert them to."""
ALL_CLOCKS = CLOCKS + LEVEL_CLOCKS
VIEWS = ("river", "dendrogram")
THEMES = ("auto", "light", "dark")

PAYLOAD_VERSION = 1
EPS_RANGE = (0.0, 1.0)
"""Open interval that ε must lie in."""
HEIGHT_RANGE = (240, 2000)
"""Closed interval of the picture's height in CSS pixels."""


@dataclass(frozen=True)
class Field:
    """One name that crosses between Python and the browser.

    Attributes:
        name: Its name on both sides.
        ts: Its type in TypeScript.
        doc: One sentence; becomes the comment in TypeScript.
        default: Its default, for traits; payload fields have none.
    """

    name: str
    ts: str
    doc: str
    default: Any = None


TRAITS: tuple[Field, ...] = (
    Field("data", "Payload", "What is drawn: the tree, its curves and its pictures.", {}),
    Field("selected", "number[]", "Component indices of the selected subset; [] for none.", []),
    Field("time", "number | null", "Time of the cursor (OU time, or a level); null until it is first placed.", None),
    Field("eps", "number", "The ε at which plateaus are certified, inside (0, 1).", 0.05),
    Field("clock", "Clock", "The clock shown on the time axis.", "t"),
    Field("view", "View", "The river, or the node-link dendrogram of the certified tree.", "river"),
    Field("collapsed", "number[]", "Vertex ids whose branches are folded away.", []),
    Field("theme", "Theme", "Follow the host page, or force light or dark.", "auto"),
    Field("height", "number", "Height of the picture in CSS pixels.", 480),
    Field("show_table", "boolean", "Whether the table of the same numbers is open.", False),
)

_VERTEX = (
    "Array<{ id: number; parent: number; children: number[]; subset: number[]; label: string; "
    "weight: number; eps_star: WireEstimate | null; eps_certified: number | null; "
    "half: WireInterval | null; interval: [number, number] | null }>"
)
_FEATURE = "Array<{ name: string; half: WireInterval | null; interval: [number, number] | null; chance: number }>"

PAYLOAD: tuple[Field, ...] = (
    Field("version", "number", "Layout of this payload."),
    Field("title", "string", "Heading above the picture."),
    Field(
        "components",
        "Array<{ label: string; weight: number; features: Record<string, string> }>",
        "The mixture's components, in its own order.",
    ),
    Field("order", "number[]", "Components in stacking order, top to bottom."),
    Field("feature_names", "string[]", "Names of the features, in order."),
    Field("clocks", "Clock[]", "The clocks on which times can be shown; the first is the unit they are stored in."),
    Field("times", "WireArray", "float64 [T], increasing times from 0."),
    Field("t_max", "number", "Time at which the picture starts, nothing being decided yet."),
    Field("t_min", "number", "Smallest time worth showing on logarithmic clocks."),
    Field("vertices", _VERTEX, "The soft tree in preorder; parent is -1 for the root; an ε is null for never."),
    Field("decided", "WireArray", "float32 [V, T], D of each vertex's split; NaN for leaves."),
    Field("decided_low", "WireArray", "float32 [V, T], lower end of its interval."),
    Field("decided_high", "WireArray", "float32 [V, T], upper end of its interval."),
    Field("retention", "WireArray", "float32 [V, T], P(back in the subset | from it, noised to t)."),
    Field("retention_low", "WireArray", "float32 [V, T], lower end of its interval."),
    Field("retention_high", "WireArray", "float32 [V, T], upper end of its interval."),
    Field("overlap", "WireArray", "float32 [V, T], log10 of the overlap with the rest."),
    Field("overlap_low", "WireArray", "float32 [V, T], lower end of its bracket, log10."),
    Field("overlap_high", "WireArray", "float32 [V, T], upper end of its bracket, log10."),
    Field("within", "WireArray", "float32 [V, T], largest total variation of a pair inside."),
    Field("eps_grid", "WireArray", "float64 [E], increasing ε at which plateaus are tabulated."),
    Field("t_start", "WireArray", "float32 [V, E], T_start(ε); NaN where there is none."),
    Field("t_start_low", "WireArray", "float32 [V, E], lower end of its bracket."),
    Field("t_start_high", "WireArray", "float32 [V, E], upper end of its bracket."),
    Field("t_end", "WireArray", "float32 [V, E], T_end(ε); NaN where there is none."),
    Field("t_end_low", "WireArray", "float32 [V, E], lower end of its bracket."),
    Field("t_end_high", "WireArray", "float32 [V, E], upper end of its bracket."),
    Field(
        "methods",
        "{ overlap: Method; within: Method; decided: Method; features: Method }",
        "How each family of curves is known; return probabilities as `decided`.",
    ),
    Field("features", _FEATURE, "The features and when each is decided."),
    Field("feature_decided", "WireArray", "float32 [F, T], decided fraction of each feature."),
    Field("feature_decided_low", "WireArray", "float32 [F, T], lower end of its interval."),
    Field("feature_decided_high", "WireArray", "float32 [F, T], upper end of its interval."),
    Field(
        "thumbnails",
        "null | { shape: [number, number, number, number]; arr: WireArray; range: [number, number] }",
        "Mean image of each vertex's sub-mixture, [V, h, w, c], and the range displayed.",
    ),
)


def _union(names: tuple[str, ...]) -> str:
    return " | ".join(f'"{name}"' for name in names)


def _interface(name: str, fields: tuple[Field, ...]) -> list[str]:
    lines = [f"export interface {name} {{"]
    for field in fields:
        lines += [f"  /** {field.doc} */", f"  {field.name}: {field.ts};"]
    return [*lines, "}", ""]


def generate() -> str:
    """The text of ``contract.gen.ts``, ending in a newline."""
    defaults = {f.name: f.default for f in TRAITS if f.name != "data"}
    lines = [
        "// Generated by `python -m critwin_widgets.widgets._contract`; edit that file instead.",
        'import type { WireArray } from "./buffers";',
        "",
        f"export const CLOCK_IDS = {json.dumps(ALL_CLOCKS)} as const;",
        f"export type Clock = {_union(ALL_CLOCKS)};",
        f"export type View = {_union(VIEWS)};",
        f"export type Theme = {_union(THEMES)};",
        'export type Method = "exact" | "certified" | "estimated";',
        "",
        f"export const PAYLOAD_VERSION = {PAYLOAD_VERSION};",
        "",
        "export interface WireInterval {",
        "  value: number;",
        "  low: number;",
        "  high: number;",
        "}",
        "",
        "export interface WireEstimate extends WireInterval {",
        "  method: Method;",
        "}",
        "",
        *_interface("Payload", PAYLOAD),
        *_interface("State", TRAITS),
        f'export const DEFAULTS: Omit<State, "data"> = {json.dumps(defaults, indent=2)};',
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the TypeScript half beside this checkout's front end."""
    target = Path(__file__).parents[2] / "js" / "src" / "lib" / "contract.gen.ts"
    target.write_text(generate(), encoding="utf-8")


if __name__ == "__main__":
    main()
