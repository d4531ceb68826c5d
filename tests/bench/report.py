"""Medians and ratios of interleaved samples, as a table and as JSON."""

from __future__ import annotations

import json
import statistics
from pathlib import Path


def report(samples: dict[str, list[float]], reference: str, path: str | None, *, unit: str = "s") -> None:
    """Print a table: median, least and most of each, and the median of its ratio to the reference in the same round."""
    print(f"{'':24}{'median':>10}{'min':>10}{'max':>10}{'x ' + reference:>16}")
    rows = {}
    for name, values in samples.items():
        ratio = statistics.median(value / base for value, base in zip(values, samples[reference], strict=True))
        rows[name] = {"median": statistics.median(values), "ratio": ratio, "samples": values}
        print(
            f"{name:24}{statistics.median(values):>9.3f}{unit}{min(values):>9.3f}{unit}{max(values):>9.3f}{unit}{ratio:>15.2f}"
        )
    print(json.dumps({name: {"median": row["median"], "ratio": row["ratio"]} for name, row in rows.items()}))
    if path:
        Path(path).write_text(json.dumps(rows, indent=1))
