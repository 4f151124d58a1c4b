"""A house that lived with earlier versions of the addon gets the present one.

The earlier versions come out of the history of this repository; where there is none, as in a
downloaded archive, these tests are skipped.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

import pytest

from odoo.tests import BaseCase, tagged
from odoo.tools import config

ROOT = Path(__file__).parents[1]
#: what the addon could do then → the last commit of that time
VERSIONS = {
    "reminders": "503aa15",
    "payment plans": "e481aa7",
}
#: one morning of the house, with the old code
LIVE = """
from datetime import date, datetime
from freezegun import freeze_time
freeze_time("2026-03-02 10:00:00").start()
company = env.company
company.write({"email": "compta@exemple.test", "relance_active": True})
policy = env.ref("relance_douce.policy_business")
policy.min_days_between_contacts = 6
levels = {level.tone: level for level in policy.level_ids}
levels["courtesy"].subject = "Our own words"
income = env["account.account"].search(
    [("account_type", "=", "income"), ("company_ids", "in", company.ids)], limit=1)
def invoice(name, due, amount, reached=None, **values):
    partner = env["res.partner"].create({"name": name, "is_company": True, "vat": "FR23334175221",
        "street": "1 rue", "zip": "69002", "city": "Lyon", "country_id": env.ref("base.fr").id, **values})
    move = env["account.move"].create({"move_type": "out_invoice", "partner_id": partner.id,
        "invoice_date": "2025-12-10", "invoice_payment_term_id": False, "invoice_date_due": due,
        "invoice_line_ids": [
            (0, 0, {"name": "x", "price_unit": amount, "tax_ids": [], "account_id": income.id})]})
    move.action_post()
    line = move.line_ids.filtered(lambda one: one.account_id.account_type == "asset_receivable")
    if reached:
        line.write({"relance_level_id": levels[reached].id, "relance_level_date": "2026-01-20"})
    return line
invoice("Mail", "2026-02-20", 500, email="mail@client.test")
invoice("Letter", "2026-02-20", 600)
invoice("Approval", "2026-01-02", 700, "friendly", email="approval@client.test")
invoice("Ready", "2026-02-19", 800, email="ready@client.test")
invoice("Held", "2026-02-20", 900, email="held@client.test")
env["relance.run"]._run(company, date(2026, 3, 2))
reminders = env["relance.reminder"].search([])
late = reminders.filtered(lambda one: one.partner_id.name == "Ready")
held = reminders.filtered(lambda one: one.partner_id.name == "Held")
held.case_id.action_pause(date(2026, 5, 1), "On holiday")
(reminders - late).filtered(lambda one: one.state == "ready")._process(company, datetime(2026, 3, 2, 10))
PLANS = "relance.plan" in env
if PLANS:
    for index, name in enumerate(("Offered", "Signed")):
        line = invoice(name, "2026-02-20", 1000 + index, email=name.lower() + "@client.test")
        plan = env["relance.plan"]._create_for(line, 4, date(2026, 3, 16))
        plan.action_propose()
        if index:
            plan.action_accept(signed_by="Jeanne Client")
env.cr.commit()
"""
#: the next day, with the present code
NEXT_DAY = """
import json
from datetime import date, datetime
from freezegun import freeze_time
freeze_time("2026-03-03 10:00:00").start()
company = env.company
before = {one.id: one.state for one in env["relance.reminder"].search([])}
run = env["relance.run"]._run(company, date(2026, 3, 3))
new = env["relance.reminder"].search([("id", "not in", list(before))])
env["relance.reminder"]._send_batch(now=datetime(2026, 3, 3, 10))
env["relance.reminder"]._retry_undelivered(company, date(2026, 3, 3))
plans = env["relance.plan"].search([])
env["relance.plan"]._follow(company, date(2026, 3, 3))
letters = env["relance.reminder"].search([]).attachment_id
found = {
    "new": [(one.partner_id.name, one.level_id.tone) for one in new],
    "hand": env["relance.reminder"].search_count([("handover_date", "!=", False)]),
    "stopped": env["relance.run"].search_count([("is_stopped", "=", True)]),
    "states": {one.partner_id.name: [one.state, one.channel, one.level_id.tone]
               for one in env["relance.reminder"].search([], order="id")},
    "sent": {name: count for name, count in
             [(partner.name, count) for partner, count in env["relance.reminder"]._read_group(
                 [("state", "=", "sent")], ["partner_id"], ["__count"])]},
    "letters": [bytes(one.raw[:5]).decode() for one in letters],
    "plans": [[one.state, one._may_open(one.access_token, None), bool(one._offer_hash()),
               one._link_is_expired()] for one in plans],
    "agreements": [bytes(one.raw[:5]).decode() for one in plans.agreement_id],
    "subject": env.ref("relance_douce.policy_business").level_ids.filtered(
        lambda one: one.tone == "courtesy").subject,
}
env.cr.commit()
print("FOUND" + json.dumps(found))
"""
#: what is written down of each row of ours; those of the host that reminders write, too
TABLES_QUERY = """
    SELECT tablename FROM pg_tables
     WHERE schemaname = 'public' AND tablename LIKE 'relance%' ORDER BY 1
"""
LEVELS_QUERY = """
    SELECT id, relance_level_id, relance_level_date FROM account_move_line ORDER BY id
"""


def _git(*arguments):
    return subprocess.run(["git", "-C", ROOT, *arguments], check=False, capture_output=True)


class BareCase(BaseCase):
    """A database without the addon, as a house has it that is about to install it."""

    def setUp(self):
        super().setUp()
        self.name = f"relance_upgrade_{os.getpid()}"
        self.addCleanup(self.drop)

    def make(self, *options):
        subprocess.run([ROOT / "dev/db", self.name, "--bare", *options], check=True, capture_output=True)

    def drop(self):
        subprocess.run(["dropdb", "--if-exists", "--force", self.name], check=True)
        shutil.rmtree(os.path.join(config["data_dir"], "filestore", self.name), ignore_errors=True)

    def old_addons(self, commit):
        """A folder with the addon as it was."""
        if _git("cat-file", "-e", f"{commit}^{{commit}}").returncode:
            self.skipTest("The history of the repository is not here: no earlier version to start from.")
        folder = tempfile.mkdtemp(prefix="relance-old-")
        self.addCleanup(shutil.rmtree, folder)
        with tarfile.open(fileobj=BytesIO(_git("archive", commit, "relance_douce").stdout)) as archive:
            archive.extractall(folder, filter="data")
        return folder

    def odoo(self, *arguments, addons=None, script=None, quiet=("py.warnings",)):
        """Run Odoo to its end; what it logs from WARNING on fails the test.

        :param quiet: parts of lines that are expected
        """
        extra = ["--addons-path", addons] if addons else []
        done = subprocess.run(
            [sys.executable, "-m", "odoo", *arguments, *extra],
            input=script,
            text=True,
            capture_output=True,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        for line in done.stderr.splitlines():
            if any(level in line for level in (" WARNING ", " ERROR ", " CRITICAL ")):
                self.assertTrue(any(part in line for part in quiet), line + done.stderr[-3000:])
        return done.stdout

    def server(self, *arguments, **options):
        return self.odoo(
            "-c",
            config.rcfile,
            "-d",
            self.name,
            "--no-http",
            "--stop-after-init",
            "--log-level=warn",
            *arguments,
            **options,
        )

    def shell(self, script, **options):
        return self.odoo(
            "shell",
            "-c",
            config.rcfile,
            "-d",
            self.name,
            "--no-http",
            "--log-level=error",
            script=script,
            **options,
        )

    def query(self, sql):
        return subprocess.run(
            ["psql", "-d", self.name, "-Atc", sql], check=True, capture_output=True, text=True
        ).stdout.splitlines()

    def rows(self):
        """table → its rows as dicts, by id."""
        tables = {}
        for table in self.query(TABLES_QUERY):
            rows = map(json.loads, self.query(f"SELECT to_jsonb(t) FROM {table} t"))
            tables[table] = {row.get("id") or json.dumps(row, sort_keys=True): row for row in rows}
        return tables


@pytest.mark.relance_slow
@tagged("relance_slow", "post_install", "-at_install")
class TestInstall(BareCase):
    """On books without and with the host's demonstration ledger: nothing is said to anybody."""

    def install(self, *options):
        self.make(*options)
        invoices = int(self.query("SELECT count(*) FROM account_move WHERE move_type = 'out_invoice'")[0])
        self.server("-i", "relance_douce")
        tables = self.rows()
        self.assertTrue(tables["relance_policy"])
        self.assertTrue(tables["relance_level"])
        for table in ("relance_case", "relance_reminder", "relance_run", "relance_plan", "relance_hold"):
            self.assertEqual(tables[table], {}, table)
        self.assertEqual(self.query("SELECT 1 FROM res_company WHERE relance_active"), [])
        self.assertEqual(
            self.query("SELECT 1 FROM account_move_line WHERE relance_level_id IS NOT NULL LIMIT 1"), []
        )
        return invoices

    def test_without_demo(self):
        self.assertEqual(self.install(), 0)

    def test_with_demo(self):
        self.assertGreater(self.install("--demo"), 0)


@pytest.mark.relance_slow
@tagged("relance_slow", "post_install", "-at_install")
class TestUpgrade(BareCase):
    def setUp(self):
        super().setUp()
        self.make()

    def compare(self, before, after):
        """Every value that was there is there: what was lost, as text."""
        lost = []
        for table, rows in before.items():
            if table not in after:
                lost.append(f"{table}: {len(rows)} rows")
                continue
            for key, row in rows.items():
                now = after[table].get(key)
                if now is None:
                    lost.append(f"{table} {key}")
                    continue
                lost += [
                    f"{table} {key} {name}: {value!r} -> {now.get(name, 'no column')!r}"
                    for name, value in row.items()
                    if name not in ("write_date", "write_uid") and now.get(name) != value
                ]
        return lost

    def live_and_upgrade(self, version):
        """The house lives with ``version``, is upgraded, and the next day begins."""
        old = self.old_addons(VERSIONS[version])
        self.server("-i", "relance_douce", addons=old)
        self.shell(LIVE, addons=old)
        before, levels = self.rows(), self.query(LEVELS_QUERY)
        self.server("-u", "relance_douce")
        after = self.rows()
        self.assertEqual(self.compare(before, after), [])
        self.assertEqual(self.query(LEVELS_QUERY), levels)
        out = self.shell(NEXT_DAY)
        found = json.loads(out.rsplit("FOUND", 1)[1].splitlines()[0])
        self.check_reminders(found)
        return found

    def check_reminders(self, found):
        """Nobody is written to again; what was ready leaves; drafts, letters and own words stay."""
        self.assertEqual(found["new"], [])
        self.assertEqual((found["hand"], found["stopped"]), (0, 0))
        self.assertEqual(found["sent"], {"Mail": 1, "Ready": 1})
        self.assertEqual(
            found["states"],
            {
                "Mail": ["sent", "email", "courtesy"],
                "Letter": ["ready", "letter", "courtesy"],
                "Approval": ["draft", "email", "attentive"],
                "Ready": ["sent", "email", "courtesy"],
                "Held": ["cancelled", "email", "courtesy"],
            },
        )
        self.assertEqual(found["letters"], ["%PDF-"])
        self.assertEqual(found["subject"], "Our own words")

    def test_from_payment_plans(self):
        found = self.live_and_upgrade("payment plans")
        self.assertEqual(
            found["plans"], [["active", True, True, False], ["proposed", True, True, False]], found["plans"]
        )
        self.assertEqual(found["agreements"], ["%PDF-"])

    def test_from_reminders(self):
        found = self.live_and_upgrade("reminders")
        self.assertEqual(found["plans"], [])
