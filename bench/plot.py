"""plot.py FOLDER PNG: seconds against invoices, from the figures that are kept in FOLDER."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

STEPS = {"run": "o", "second_run": "s", "mails": "^", "later": "v"}
PEER, OURS, FLOOR = "#b4532a", "#35708f", "#9a9a9a"


def main(folder, target):
    kept = {path.stem: json.loads(path.read_text()) for path in Path(folder).glob("*.json")}
    sized = sorted((data for data in kept.values() if data.get("ratios")), key=lambda data: data["size"])
    growth = kept.get("growth", {}).get("growth", {}).get("points", [])
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 5), layout="constrained")
    for side, color in (("peer", PEER), ("ours", OURS)):
        for step, marker in STEPS.items():
            points = [(data["size"], data["steps"][step][side]["seconds"]) for data in sized]
            if points:
                left.plot(*zip(*points, strict=True), marker=marker, color=color, label=f"{side}: {step}")
    left.set(title="Campaign, beside the peer", xlabel="invoices", ylabel="seconds")
    lines = [point["lines"] for point in growth]

    def curve(label, color, marker, pick):
        if lines:
            right.plot(lines, list(map(pick, growth)), color=color, marker=marker, label=label)

    curve("run", OURS, "o", lambda point: point["steps"]["run"]["ours"]["seconds"])
    curve("decision", OURS, "D", lambda point: point["steps"]["decide"]["ours"]["seconds"])
    curve(
        "bare read of the rows", FLOOR, "x", lambda point: point["steps"]["decide"]["ours"]["floors"]["read"]
    )
    curve("bare insert", FLOOR, "+", lambda point: point["steps"]["run"]["ours"]["floors"]["insert"])
    right.set(title="Growth, ours alone", xlabel="open lines", ylabel="seconds")
    for axes in (left, right):
        axes.set(xscale="log", yscale="log")
        axes.grid(True, which="major", alpha=0.3)
        if axes.lines:
            axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, frameon=False)
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
