"""What the page has to know about the pictures of curves: their type, their greys, and where lines may break."""

from __future__ import annotations

from ._static_hider import StaticHider


class CurvesStyle(StaticHider):
    """The hidden part of the pictures of curves in the page.

    bqplot has no settings for the type of axis labels, and its greys do not know JupyterLab's dark
    theme; JupyterLab gives every line of an HTML widget the height of a button. Colours are the page's
    own where it has some.
    """

    _css = """
    .critwin-curves { --critwin-text: var(--jp-ui-font-color1, currentColor); }
    .critwin-curves .bqplot text {
      font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif !important;
    }
    .critwin-curves .bqplot .axislabel {
      font-size: 12px !important; fill: var(--critwin-text) !important; opacity: 0.8;
    }
    .critwin-curves .bqplot .axis .tick text { font-size: 11px !important; }
    .critwin-curves .bqplot .label { fill: var(--critwin-text) !important; font-size: 11px !important; }
    .critwin-curves-legend { display: flex; flex-wrap: wrap; gap: 0 18px; font-size: 12px; line-height: 1.5; }
    .critwin-curves-ends {
      display: flex; justify-content: space-between; gap: 8px; font-size: 12px; line-height: 1.3; opacity: 0.85;
      text-align: center;
    }
    .critwin-curves-ends span:first-child, .critwin-curves-ends span:last-child { white-space: nowrap; }
    .critwin-curves .widget-html-content { line-height: 1.45; }
    .critwin-curves .widget-toggle-button { height: auto; min-height: 28px; line-height: 1.3; white-space: normal; }
    .critwin-curves .widget-toggle-button.mod-active { font-weight: 600; }
    .critwin-curves-words { font-size: 12px; line-height: 1.45; margin: 2px 0 6px; max-width: 90ch; }
    .critwin-curves-readout { overflow-x: auto; }
    .critwin-curves-readout table {
      border-collapse: collapse; font-size: 12px; line-height: 1.4; font-variant-numeric: tabular-nums;
    }
    .critwin-curves-readout caption { text-align: left; font-weight: 600; padding: 2px 0; }
    .critwin-curves-readout th, .critwin-curves-readout td { padding: 2px 16px 2px 0; text-align: left; }
    .critwin-curves-readout thead th { font-weight: 500; opacity: 0.85; vertical-align: bottom; max-width: 14ch; }
    .critwin-curves-readout thead th[title] { cursor: help; }
    .critwin-curves-readout tbody th { font-weight: 500; max-width: 26ch; overflow-wrap: anywhere; }
    .critwin-curves-readout td { white-space: nowrap; }
    .critwin-curves-readout i {
      display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 6px;
    }
    """
