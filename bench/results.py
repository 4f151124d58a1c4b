"""Figures of a run as a table, as JSON, and as ``RESULTS.md``."""

import json
import math
import os
import platform
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from bench.house import FOLDER, HERE, call

#: contract of the JSON file: the peer's seconds divided by ours
RATIOS = ("run", "second_run", "mails", "mails_pdf", "letters", "later")
LABELS = {
    "run": "decide and create reminders",
    "decide": "the decision alone",
    "second_run": "second run, drafts untouched",
    "mails": "write mails, no PDF",
    "mails_pdf": "write mails with PDF",
    "letters": "letters, one batch",
    "later": "run 45 days later",
}
FLOORS = {
    "read": "bare read",
    "insert": "bare insert",
    "send_mail_batch": "send_mail_batch",
    "wkhtmltopdf": "wkhtmltopdf alone",
}
KEPT = HERE / "results"


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return ""


def machine():
    """What the figures depend on, and when they were taken."""
    import odoo.release

    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in info.splitlines() if "model name" in line), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.now().astimezone().isoformat(timespec="minutes"),
        "cpu": model or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "odoo": odoo.release.version,
        "postgresql": first_line("psql", "-d", "postgres", "-Atc", "SHOW server_version"),
        "wkhtmltopdf": first_line("wkhtmltopdf", "--version"),
        "peer": next(
            line for line in (HERE / "peer.txt").read_text().splitlines() if line and line[0] != "#"
        ),
    }


def exponent(points):
    """Slope of a straight line through (log size, log cost), least squares; None for one point."""
    logs = [(math.log(size), math.log(cost)) for size, cost in points]
    if len(logs) < 2:
        return None
    middle_x = sum(x for x, _y in logs) / len(logs)
    middle_y = sum(y for _x, y in logs) / len(logs)
    return sum((x - middle_x) * (y - middle_y) for x, y in logs) / sum((x - middle_x) ** 2 for x, _y in logs)


def rows_of(measured):
    return sum(measured["inserted"].values()), sum(measured["updated"].values())


class Report:
    """What one call of the bench found out."""

    def __init__(self, arguments):
        self.data = {
            "size": arguments.size,
            "date": str(arguments.date),
            "seed": arguments.seed,
            "ratios": {},
            "queries": {},
            "machine": machine(),
        }

    def add_comparison(self, steps):
        data = self.data
        both = {step: sides for step, sides in steps.items() if step in RATIOS and "peer" in sides}
        data["ratios"] = {s: both[s]["peer"]["seconds"] / both[s]["ours"]["seconds"] for s in both}
        data["cpu_ratios"] = {
            s: both[s]["peer"]["cpu"] / both[s]["ours"]["cpu"] for s in both if both[s]["ours"]["cpu"]
        }
        for key in ("queries", "seconds", "memory_mb"):
            data[key] = {
                step: {name: measured[key] for name, measured in sides.items() if key in measured}
                for step, sides in steps.items()
            }
        data["floors"] = {step: sides["ours"].get("floors", {}) for step, sides in steps.items()}
        data["steps"] = steps

    def add_growth(self, points):
        self.data["growth"] = {
            "points": points,
            "exponents": {
                step: exponent(
                    [(point["lines"], point["steps"][step]["ours"]["seconds"]) for point in points]
                )
                for step in ("decide", "run", "second_run")
            },
        }

    # -- for people
    def table(self):
        parts = []
        if self.data.get("steps"):
            parts.append("\n".join(comparison_table(self.data)))
        if self.data.get("growth"):
            parts.append("\n".join(growth_table(self.data["growth"])))
        return "\n\n".join(parts)

    def write(self):
        """Keep these figures and renew ``RESULTS.md`` and the plot from all that are kept."""
        KEPT.mkdir(exist_ok=True)
        if self.data.get("steps"):
            name = f"size-{self.data['size']}{'' if self.data['ratios'] else '-alone'}"
            self._keep(name, {key: value for key, value in self.data.items() if key != "growth"})
        if self.data.get("growth"):
            self._keep(
                "growth", {key: self.data[key] for key in ("size", "date", "seed", "machine", "growth")}
            )
        draw()
        (HERE / "RESULTS.md").write_text(render())

    def _keep(self, name, data):
        (KEPT / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n")


def number(value, digits=2):
    return "–" if value is None else f"{value:,.{digits}f}".replace(",", " ")


def markdown(head, rows):
    """A table that is also readable as plain text."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(cells):
        padded = [
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if place == 0 else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
    return [line(head), f"| {' | '.join(rule)} |", *map(line, rows)]


def comparison_table(data):
    head = [
        "step",
        "peer s",
        "ours s",
        "ratio",
        "CPU",
        "peer queries",
        "ours",
        "peer rows",
        "ours",
        "MB",
        "MB",
    ]
    rows = []
    for step in (step for step in LABELS if step in data["steps"]):
        sides = data["steps"][step]
        peer, ours = sides.get("peer"), sides["ours"]
        rows.append(
            [
                LABELS[step],
                number(peer and peer["seconds"]),
                number(ours["seconds"]),
                number(data["ratios"].get(step), 1),
                number(data["cpu_ratios"].get(step), 1),
                number(peer and peer["queries"], 0),
                number(ours["queries"], 0),
                "{}+{}".format(*rows_of(peer)) if peer else "–",
                "{}+{}".format(*rows_of(ours)),
                number(peer and peer["memory_mb"], 0),
                number(ours["memory_mb"], 0),
            ]
        )
    lines = markdown(head, rows)
    lines += [
        "",
        *markdown(["ours against its floor", "ours s", "floor s", "times"], floor_rows(data["steps"])),
    ]
    return [*lines, *(line for sentence in asides(data["steps"]) for line in ("", sentence))]


def asides(steps):
    """Sentences about what is no part of the figures above."""
    commits = [
        f"{name} {number(sides['commit_seconds'], 3)} s"
        for name, sides in steps["run"].items()
        if "commit_seconds" in sides
    ]
    if commits:
        yield f"The commit of a first run, not part of its figure: {', '.join(commits)}."
    ours = steps.get("deliver", {}).get("ours", {})
    if "floors" in ours:
        count = steps["mails_pdf"]["ours"]["result"]["messages"]
        yield (
            "Handing a mail with its letter to the mail server takes us "
            f"{number(ours['seconds'] / count * 1000, 1)} ms; the same mails without our second look at "
            f"each {number(ours['floors']['host'] / count * 1000, 1)} ms."
        )


def floor_rows(steps):
    rows = []
    for step in (step for step in LABELS if step in steps):
        ours = steps[step]["ours"]
        for floor, seconds in ours.get("floors", {}).items():
            rows.append(
                [
                    f"{LABELS[step]} / {FLOORS[floor]}",
                    number(ours["seconds"], 3),
                    number(seconds, 3),
                    number(ours["seconds"] / seconds, 1),
                ]
            )
        if ours["pdf_calls"]:
            outside = (ours["seconds"] - ours["pdf_seconds"]) / ours["result"]["messages"]
            rows.append(
                [f"{LABELS[step]}: ms a letter outside wkhtmltopdf", number(outside * 1000, 1), "", ""]
            )
    return rows


def growth_table(growth):
    head = ["open lines", "reminders", "bare read s", "decision s", "times", "run s", "second run s"]
    head += ["commit s", "queries", "a reminder", "bare insert s", "MB"]
    rows = []
    for point in growth["points"]:
        steps = {step: sides["ours"] for step, sides in point["steps"].items()}
        reminders = steps["run"]["result"]["messages"]
        read = steps["decide"]["floors"]["read"]
        rows.append(
            [
                number(point["lines"], 0),
                number(reminders, 0),
                number(read, 3),
                number(steps["decide"]["seconds"], 3),
                number(steps["decide"]["seconds"] / read, 1),
                number(steps["run"]["seconds"]),
                number(steps["second_run"]["seconds"]),
                number(steps["run"].get("commit_seconds"), 3),
                number(steps["run"]["queries"], 0),
                number(steps["run"]["queries"] / reminders if reminders else None, 3),
                number(steps["run"]["floors"]["insert"], 3),
                number(steps["run"]["memory_mb"], 0),
            ]
        )
    lines = markdown(head, rows)
    told = [f"{step} {number(slope)}" for step, slope in growth["exponents"].items() if slope is not None]
    return [*lines, "", f"Exponents of growth: {', '.join(told)}."] if told else lines


def where(data):
    made = data["machine"]
    return (
        f"{made['date']}, {made['cores']} cores ({made['cpu']}), {made['memory_gb']} GB, "
        f"load {made['load']} at the start. Odoo {made['odoo']}, PostgreSQL {made['postgresql']}, "
        f"Python {made['python']}, {made['wkhtmltopdf']}."
    )


def render():
    """``RESULTS.md``, from all figures that are kept."""
    kept = {path.stem: json.loads(path.read_text()) for path in KEPT.glob("*.json")}
    lines = [
        "# What it costs",
        "",
        "Written by `dev/bench --write`; what is compared, and how, is in [README.md](README.md). Rows "
        "are inserted + updated, MB the highest memory of the process during the step, CPU the ratio of "
        "processor seconds of Python, its programs and the PostgreSQL backend together.",
    ]
    for _name, data in sorted(kept.items(), key=lambda item: (item[1]["size"] or 0, item[0])):
        if not data.get("steps"):
            continue
        peer = f" beside {data['machine']['peer']}" if data["ratios"] else ", ours alone"
        lines += ["", f"## {number(data['size'], 0)} invoices{peer}", "", where(data), ""]
        lines += comparison_table(data)
    if "growth" in kept:
        lines += [
            "",
            "## Growth, ours alone",
            "",
            where(kept["growth"]),
            "",
            *growth_table(kept["growth"]["growth"]),
        ]
    if (HERE / "cost.png").exists():
        lines += ["", "![Seconds against invoices, on two logarithmic axes](cost.png)"]
    return "\n".join(lines) + "\n"


def draw():
    """The plot, by an environment of its own: nothing else needs what draws."""
    wanted = (HERE / "plot.txt").read_text()
    folder = FOLDER / "plot"
    stamp = folder / "wanted"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        environment = {**os.environ, "PYTHONPATH": ""}
        log = FOLDER / "plot.log"
        call(sys.executable, "-m", "venv", str(folder), log=log, env=environment)
        python = str(folder / "bin" / "python")
        call(
            python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(HERE / "plot.txt"),
            log=log, env=environment,
        )  # fmt: skip
        stamp.write_text(wanted)
    call(
        str(folder / "bin" / "python"), str(HERE / "plot.py"), str(KEPT), str(HERE / "cost.png"),
        log=FOLDER / "plot.log", env={**os.environ, "PYTHONPATH": "", "MPLCONFIGDIR": str(FOLDER / "plot")},
    )  # fmt: skip
