"""The bench: what it computes, and, where slow tests run, a small run of it beside the peer."""

import json
import subprocess
from pathlib import Path

import pytest

from bench import results

ROOT = Path(__file__).parents[1]
STEPS = {"run", "second_run", "mails", "mails_pdf", "letters", "later"}


def test_exponent_of_growth():
    linear = [(10_000, 0.2), (100_000, 2.0), (1_000_000, 20.0)]
    assert results.exponent(linear) == pytest.approx(1)
    assert results.exponent([(10, 3.0), (100, 300.0)]) == pytest.approx(2)
    assert results.exponent(linear[:1]) is None


def test_table_is_one_for_people_and_for_markdown():
    table = results.markdown(["step", "s"], [["run", "1.20"], ["second run", "0.04"]])
    assert table == [
        "| step       |    s |",
        "| ---------- | ---: |",
        "| run        | 1.20 |",
        "| second run | 0.04 |",
    ]


@pytest.mark.parametrize(
    ("options", "why"),
    [(["--size", "3"], "at least 5 invoices"), (["--growth", "1500"], "multiples of 1000")],
)
def test_size_that_cannot_be_measured_is_refused(options, why):
    run = subprocess.run([ROOT / "dev/bench", *options], capture_output=True, text=True)
    assert run.returncode == 2
    assert why in run.stderr


@pytest.mark.relance_slow
def test_fifty_invoices_beside_the_peer(tmp_path):
    """The file has what others read in it, and the work was done on both sides."""
    target = tmp_path / "bench.json"
    run = subprocess.run(
        [ROOT / "dev/bench", "--size", "50", "--peer", "--rounds", "1", "--json", target],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert run.returncode == 0, run.stderr
    data = json.loads(target.read_text())
    assert data["size"] == 50
    assert set(data["ratios"]) == STEPS
    assert set(data["queries"]) >= STEPS
    for step in STEPS:
        assert data["ratios"][step] > 0
        sides = data["steps"][step]
        assert data["queries"][step] == {name: sides[name]["queries"] for name in ("peer", "ours")}
    for name in ("peer", "ours"):
        assert data["steps"]["run"][name]["result"] == {"lines": 50, "messages": 10}
        assert data["steps"]["letters"][name]["result"] == {"messages": 10}
        assert data["steps"]["mails_pdf"][name]["pdf_calls"] > 0
        assert data["steps"]["run"][name]["memory_mb"] > 50
    assert data["steps"]["run"]["ours"]["inserted"]["relance_reminder_line"] == 50
    assert data["steps"]["second_run"]["ours"]["result"] == {"lines": 0, "messages": 0}
    assert {"read", "insert"} <= set(data["floors"]["run"])
    assert "wkhtmltopdf" in data["floors"]["letters"]
    assert "decide and create reminders" in run.stdout
