"""What the rows say: medians and spread over repetitions, ratios within each repetition."""

import statistics
from collections.abc import Sequence
from typing import Any

from ndm.benchmarks.comparison.machine import made_on
from ndm.benchmarks.speed.peers import PEERS

Row = dict[str, Any]
Group = tuple[str, str, str, int]  # case, entry, precision, processes
_OF = (
    "images_per_second",
    "flops_per_second",
    "flops_per_image",
    "step_seconds",
    "waiting_share",
    "memory_mib",
    "parameters",
    "peak_measured",
)


def grouped(rows: Sequence[Row]) -> dict[Group, list[Row]]:
    """The repetitions of each kind of training, in their order."""
    groups: dict[Group, list[Row]] = {}
    for row in rows:
        groups.setdefault((row["case"], row["entry"], row["precision"], row["processes"]), []).append(row)
    return groups


def figures(rows: Sequence[Row]) -> list[Row]:
    """One for each kind of training: medians, the lowest and highest images/s, shares of the peak."""
    found = []
    for (case, entry, precision, processes), own in grouped(rows).items():
        speeds = [row["images_per_second"] for row in own]
        mean = {name: statistics.median(row[name] for row in own) for name in _OF}
        peak = own[0]["peak_stated"]
        found.append(
            {"case": case, "entry": entry, "precision": precision, "processes": processes}
            | mean
            | {
                "repeats": len(own),
                "spread": [min(speeds), max(speeds)],
                "device": own[0]["device"],
                "of_measured_peak": mean["flops_per_second"] / processes / mean["peak_measured"],
                "of_stated_peak": None if peak is None else mean["flops_per_second"] / processes / peak,
            }
        )
    return found


def ratios(rows: Sequence[Row]) -> dict[str, list[float]]:
    """What the targets are about: [median, lowest, highest] over repetitions, by what it is a ratio of."""
    groups = grouped(rows)
    found = {}
    for (case, entry, precision, processes), own in groups.items():
        where = f"{case}, {precision}"
        peers = [
            others
            for (c, name, p, n), others in groups.items()
            if (c, p, n) == (case, precision, processes) and name.startswith(tuple(PEERS))
        ]
        if entry == "identity" and processes == 1 and peers:
            best = max(peers, key=lambda others: statistics.median(row["flops_per_second"] for row in others))
            found[f"{where}: FLOP/s of ours over the best peer ({best[0]['entry']})"] = _over(
                own, best, "flops_per_second"
            )
        if processes > 1 and (alone := groups.get((case, entry, precision, 1))):
            found[f"{where}: images/s of {entry} on {processes} processes over one"] = _over(
                own, alone, "images_per_second"
            )
        identity = groups.get((case, "identity", precision, processes))
        if processes == 1 and identity and entry in ("scaling", "series", "residual"):
            found[f"{where}: time of a step of {entry} over identity's"] = _over(own, identity, "step_seconds")
    return found


def _over(rows: Sequence[Row], others: Sequence[Row], name: str) -> list[float]:
    beside = {row["repeat"]: row[name] for row in others}
    values = [row[name] / beside[row["repeat"]] for row in rows if row["repeat"] in beside] or [float("nan")]
    return [statistics.median(values), min(values), max(values)]


def markdown(rows: Sequence[Row], command: str) -> str:
    """The ratios, then every kind of training."""
    lines = [f"`{command}`", "", made_on(rows), "", "| ratio | median | lowest to highest |", "|---|---|---|"]
    lines += [
        f"| {name} | **{median:.2f}** | {low:.2f} to {high:.2f} |" for name, (median, low, high) in ratios(rows).items()
    ]
    heads = (
        "case",
        "entry",
        "precision",
        "processes",
        "images/s",
        "lowest to highest",
        "GFLOP an image",
        "GFLOP/s",
        "of measured peak",
        "of stated peak",
        "waiting for data",
        "MiB",
        "parameters",
        "device",
    )
    lines += ["", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in figures(rows):
        low, high = row["spread"]
        of_stated = "" if row["of_stated_peak"] is None else f"{row['of_stated_peak']:.1%}"
        lines.append(
            f"| {row['case']} | {row['entry']} | {row['precision']} | {row['processes']} | "
            f"{row['images_per_second']:.1f} | {low:.1f} to {high:.1f} | {row['flops_per_image'] / 1e9:.2f} | "
            f"{row['flops_per_second'] / 1e9:.1f} | {row['of_measured_peak']:.1%} | {of_stated} | "
            f"{row['waiting_share']:.2%} | {row['memory_mib']:.0f} | {row['parameters']:,.0f} | "
            f"{row['device']} |"
        )
    return "\n".join(lines) + "\n"
