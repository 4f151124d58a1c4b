"""dev/bench: what a dunning campaign costs, beside the peer on the same invoices."""

import argparse
import fcntl
import json
import shutil
import signal
import statistics
import sys
import time
from contextlib import ExitStack
from datetime import date
from pathlib import Path

from bench import house, results
from bench.house import FOLDER, Failure, Worker, say
from dev.postbox import Postbox

#: a Monday
DAY = date(2026, 3, 2)
SEED = 19
#: mails with PDF and letters are measured on so many customers
SAMPLE = 50
GROWTH = (10_000, 100_000, 1_000_000)
#: of a ledger that is multiplied by SQL, so many invoices are the ORM's own
ORIGINALS = 1000


class Comparison:
    """The steps of a campaign, theirs and ours in turn."""

    def __init__(self, sides, size, rounds, profile=False):
        self.sides = sides
        self.rounds = rounds
        self.ours = sides["ours"]
        self.profile = profile
        self.sample = min(SAMPLE, max(size // 5, 1))
        self.steps = {}

    def run(self):
        self.measure("run")
        self.measure("decide", only="ours")
        self.set("set_second_run", commit_of="run")
        self.measure("second_run")
        self.set("set_mails")
        self.measure("mails")
        self.measure("letters", count=self.sample)
        self.print_alone("letters")
        self.measure("mails_pdf", keep=True, count=self.sample)
        self.deliver()
        self.set("set_later")
        self.measure("later")
        return self.steps

    def set(self, step, commit_of=None):
        """What lies between two measured steps, kept.

        :param commit_of: measured step that this one is the like of: what its commit takes
        """
        for name, side in self.sides.items():
            answer = side.ask(step, keep=True)
            if commit_of:
                self.steps[commit_of][name]["commit_seconds"] = answer["commit_seconds"]

    def measure(self, step, keep=False, only=None, **arguments):
        """Round after round, each side in turn; all rolled back, or all but the last round.

        :raise Failure: where the sides did not do the same work
        """
        sides = {name: side for name, side in self.sides.items() if only in (None, name)}
        rounds = {name: [] for name in sides}
        for number in range(self.rounds):
            for name, side in sides.items():
                last = keep and number == self.rounds - 1
                rounds[name].append(side.ask(step, measure=True, keep=last, **arguments))
        for name, measured in rounds.items():
            best = min(measured, key=lambda one: one["seconds"])
            self.steps.setdefault(step, {})[name] = {
                **best,
                "rounds": [one["seconds"] for one in measured],
                # a floor is the least that it takes
                "floors": {floor: min(one["floors"][floor] for one in measured) for floor in best["floors"]},
            }
            say(f"  {step:<12}{name:<6}{best['seconds']:9.2f} s  {best['queries']:>7} queries")
        if self.profile and "ours" in sides and not keep:
            self.ours.ask(step, profile=True, **arguments)
        counts = {name: measured[0]["result"].get("messages") for name, measured in rounds.items()}
        if step in ("run", "mails", "mails_pdf", "letters") and len(set(counts.values())) > 1:
            raise Failure(f"The sides did not do the same at “{step}”: {counts}")

    def print_alone(self, step):
        """The floor of letters: wkhtmltopdf on the very same pages, and nothing else."""
        folder = FOLDER / f"pages-{step}"
        with self.ours.pages_kept(folder):
            self.ours.ask(step, measure=True, count=self.sample)
        alone = [
            self.ours.ask("print_alone", folder=str(folder), program=shutil.which("wkhtmltopdf"))
            for _round in range(self.rounds)
        ]
        self.steps[step]["ours"]["floors"]["wkhtmltopdf"] = min(one["result"]["seconds"] for one in alone)

    def deliver(self):
        """The mails with PDF over the wire: Odoo's own work, so told and not compared.

        :raise Failure: where not every mail arrived with its letter
        """
        for name, side in self.sides.items():
            seconds, whole = self._hand_over(name, side)
            self.steps.setdefault("deliver", {})[name] = {
                "seconds": seconds,
                "bytes": statistics.mean(map(len, whole)),
            }
        self.ours.ask("copy_mails", keep=True)
        seconds, _mails = self._hand_over("ours", self.ours)
        self.steps["deliver"]["ours"]["floors"] = {"host": seconds}

    def _hand_over(self, name, side):
        """What lies in the outbox, to the mail server: seconds, and the mails with a letter."""
        start = time.monotonic()
        side.ask("deliver", keep=True)
        seconds = time.monotonic() - start
        whole = [mail for _recipients, mail in side.postbox.take() if b"application/pdf" in mail]
        if len(whole) != self.sample:
            raise Failure(f"{name}: {len(whole)} of {self.sample} mails arrived with their letter")
        return seconds, whole


def compare(arguments):
    """One size: with the peer, or ours alone."""
    origin = house.ledger(arguments.size, arguments.date, arguments.seed)
    names = ("peer", "ours") if arguments.peer else ("ours",)
    if arguments.peer:
        house.peer_addon()
    copies = {name: house.copy_with(origin, name) for name in names}
    try:
        with ExitStack() as stack:
            sides = {}
            for name, database in copies.items():
                postbox = stack.enter_context(Postbox())
                stack.callback(postbox.shutdown)
                side = stack.enter_context(Worker(name, database, arguments.date))
                url = stack.enter_context(house.server(database, house.PEER_CONF)) if name == "peer" else None
                side.postbox = postbox
                side.ask("furnish", keep=True, smtp_port=postbox.port, url=url)
                sides[name] = side
            say(f"{arguments.size} invoices, rounds: {arguments.rounds}")
            return Comparison(sides, arguments.size, arguments.rounds, arguments.profile).run()
    finally:
        for database in copies.values():
            house.drop(database)


def grow(arguments):
    """Ours alone, on ledgers of rising size: a list of measured points."""
    points = []
    for size in arguments.growth:
        origin = house.ledger(ORIGINALS, arguments.date, arguments.seed, growth=size)
        start = time.monotonic()
        database = house.copy_with(origin, "ours")
        installed = time.monotonic() - start
        try:
            with Worker("ours", database, arguments.date) as ours:
                ours.ask("furnish", keep=True, smtp_port=0)
                comparison = Comparison({"ours": ours}, size, arguments.rounds)
                say(f"{size} open lines")
                for step in ("decide", "run"):
                    comparison.measure(step)
                if arguments.profile:
                    ours.ask("explain", lines=size)
                    ours.ask("run", profile=True)
                comparison.set("set_second_run", commit_of="run")
                comparison.measure("second_run")
                points.append({"lines": size, "install_seconds": installed, "steps": comparison.steps})
        finally:
            house.drop(database)
    return points


def sizes(text):
    found = tuple(int(part.replace("_", "")) for part in text.split(","))
    if any(size < ORIGINALS or size % ORIGINALS for size in found):
        raise argparse.ArgumentTypeError(f"sizes are multiples of {ORIGINALS}")
    return found


def parse():
    parser = argparse.ArgumentParser(prog="dev/bench", description=__doc__)
    parser.add_argument("--size", type=int, help="invoices over a fifth as many customers")
    parser.add_argument("--peer", action="store_true", help="the same steps with account_credit_control")
    parser.add_argument(
        "--growth", type=sizes, nargs="?", const=GROWTH, metavar="SIZES",
        help=f"ours alone on these numbers of open lines (default: {','.join(map(str, GROWTH))})",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="the figures, for machines")
    parser.add_argument("--write", action="store_true", help="renew bench/RESULTS.md and the plot")
    parser.add_argument("--profile", action="store_true", help="where our time goes: .host/bench/*.txt")
    parser.add_argument("--date", type=date.fromisoformat, default=DAY, help=f"day of the run ({DAY})")
    parser.add_argument("--rounds", type=int, default=2, help="of each step; the best one counts (2)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the amounts ({SEED})")
    arguments = parser.parse_args()
    if not (arguments.size or arguments.growth):
        arguments.size, arguments.peer = 1000, True
    if arguments.size is not None and arguments.size < 5:
        parser.error("--size: at least 5 invoices")
    if arguments.rounds < 1:
        parser.error("--rounds: at least one")
    return arguments


def take_turn():
    """One bench at a time: it measures nothing but the other one.

    :return: what must be kept as long as it is our turn
    :raise Failure: where another one is running
    """
    lock = open(FOLDER / "lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Failure("dev/bench is running already.") from None
    return lock


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def main():
    arguments = parse()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        with take_turn():
            report = results.Report(arguments)
            if arguments.size:
                report.add_comparison(compare(arguments))
            if arguments.growth:
                report.add_growth(grow(arguments))
        print(report.table())
        if arguments.json:
            arguments.json.write_text(json.dumps(report.data, indent=1))
        if arguments.write:
            report.write()
    except Failure as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
