"""Boxes, charts and progress bars; what some clients do not draw carries a ``fallback``."""

from collections.abc import Sequence

from cards.elements.axes import readable_axis
from cards.elements.texts import Element, Style, crossing, note, text

CHART_COLORS = ("categoricalBlue", "neutral", "categoricalTeal")


def box(items: Sequence[Element], style: Style = "emphasis") -> Element:
    """Elements that belong together, on a background of their own."""
    return {"type": "Container", "style": style, "items": list(items), "spacing": "Medium"}


def notice(words: str) -> Element:
    """What must be read first: sample data, late data."""
    return box([text(words, weight="Bolder", size="Small")], "warning")


def problem(lines: Sequence[str]) -> Element:
    """Why a form was not accepted."""
    return box([crossing(line, spacing="Small") for line in lines], "attention")


def line_chart(
    title: str,
    series: Sequence[tuple[str, Sequence[tuple[str, float]]]],
    fallback: str,
    unit: str,
) -> Element:
    """Lines over days: (legend, [(ISO day, amount)]); ``unit``: title of the axis of amounts.

    Phones draw no charts, so the card shows the same numbers as text beside it.
    """
    low, high = readable_axis([amount for _, points in series for _, amount in points])
    return {
        "type": "Chart.Line",
        "title": title,
        "yAxisTitle": unit,
        "yMin": low,
        "yMax": high,
        "data": [
            {
                "legend": legend,
                "color": color,
                "values": [{"x": day, "y": round(amount, 2)} for day, amount in points],
            }
            for (legend, points), color in zip(series, CHART_COLORS, strict=False)
        ],
        "targetWidth": "atLeast:Standard",
        "fallback": text(fallback, isSubtle=True),
    }


def progress_bar(done: int, total: int) -> Element:
    """How much is done; without a total, only that something is."""
    if not total:
        return {"type": "ProgressBar", "fallback": note("Working…")}
    return {
        "type": "ProgressBar",
        "value": done,
        "max": total,
        "fallback": note(f"{done * 100 // total}% done"),
    }
