"""Installed on books that are already there, and taken away without a trace."""

import os
import shutil
import subprocess
import sys

from odoo.tests import BaseCase, tagged
from odoo.tools import config

from dev.postbox import Postbox

ORIGIN_QUERY = """
    SELECT 'column ' || table_name || '.' || column_name FROM information_schema.columns
     WHERE table_schema = 'public' AND (column_name LIKE 'relance%' OR table_name LIKE 'relance%')
    UNION SELECT 'data ' || model || ' ' || name FROM ir_model_data WHERE module = 'relance_douce'
    UNION SELECT 'field ' || model || '.' || name FROM ir_model_fields WHERE name LIKE 'relance%'
    UNION SELECT 'message ' || id FROM mail_message WHERE model LIKE 'relance%'
    UNION SELECT 'activity ' || id FROM mail_activity WHERE res_model LIKE 'relance%'
    UNION SELECT 'follower ' || id FROM mail_followers WHERE res_model LIKE 'relance%'
    UNION SELECT 'attachment ' || id FROM ir_attachment WHERE res_model LIKE 'relance%'
    UNION SELECT 'index ' || indexname FROM pg_indexes WHERE indexname LIKE '%relance%'
    UNION SELECT 'cron ' || id FROM ir_cron WHERE cron_name LIKE 'Reminders%'
    ORDER BY 1
"""
BOOKS_QUERY = """
    SELECT count(*), sum(debit), sum(credit), sum(amount_residual), count(DISTINCT move_id),
           md5(string_agg(id::text || ':' || xmin::text, ',' ORDER BY id))
      FROM account_move_line
"""
LIVE = """
from datetime import date, datetime
company = env.company
partner = env["res.partner"].create({"name": "Vie", "is_company": True, "vat": "FR23334175221",
                                     "email": "vie@client.test"})
move = env["account.move"].create({
    "move_type": "out_invoice", "partner_id": partner.id, "invoice_date": "2026-01-10",
    "invoice_payment_term_id": False, "invoice_date_due": "2026-02-20",
    "invoice_line_ids": [(0, 0, {"name": "x", "price_unit": 500, "tax_ids": []})]})
move.action_post()
if "relance.run" in env:
    env["relance.run"]._run(company, date(2026, 3, 2))
    env["relance.reminder"]._send_batch(now=datetime(2026, 3, 2, 10))
    assert env["relance.reminder"].search([]).state == "sent"
    assert move.line_ids.relance_level_id
env.cr.commit()
"""
#: what lies in the outbox leaves, by the scheduled actions and by hand; ``PORT`` is a mail server
SEND = """
from datetime import datetime
env["relance.reminder"]._send_batch(now=datetime(2026, 3, 2, 10))
env["relance.reminder"]._requeue_mails()
env["mail.mail"].process_email_queue()
env.cr.commit()
"""
MAIL_SERVER = """
env["ir.mail_server"].search([]).active = False
env["ir.mail_server"].create(
    {"name": "local", "smtp_host": "127.0.0.1", "smtp_port": PORT, "smtp_encryption": "none"})
env.company.relance_active = True
partner = env["res.partner"].create({"name": "Suite", "is_company": True, "vat": "FR23334175221",
                                     "email": "suite@client.test"})
move = env["account.move"].create({
    "move_type": "out_invoice", "partner_id": partner.id, "invoice_date": "2026-01-10",
    "invoice_payment_term_id": False, "invoice_date_due": "2026-02-20",
    "invoice_line_ids": [(0, 0, {"name": "x", "price_unit": 500, "tax_ids": []})]})
move.action_post()
env["relance.run"]._run(env.company, date(2026, 3, 2))
env.cr.commit()
"""


@tagged("relance_slow", "post_install", "-at_install")
class TestLife(BaseCase):
    def setUp(self):
        super().setUp()
        origin = config["db_name"]
        origin = origin[0] if isinstance(origin, list) else origin
        self.name = f"relance_life_{os.getpid()}"
        self.store = os.path.join(config["data_dir"], "filestore", self.name)
        self.addCleanup(self.drop)
        self.drop()
        subprocess.run(["createdb", self.name], check=True)
        dump = subprocess.Popen(["pg_dump", "-Fc", origin], stdout=subprocess.PIPE)
        subprocess.run(["pg_restore", "--no-owner", "-d", self.name], stdin=dump.stdout, check=True)
        shutil.copytree(os.path.join(config["data_dir"], "filestore", origin.split("-gw")[0]), self.store)

    def drop(self):
        subprocess.run(["dropdb", "--if-exists", "--force", self.name], check=True)
        shutil.rmtree(self.store, ignore_errors=True)

    def odoo(self, *arguments, script=None):
        done = subprocess.run(
            [sys.executable, "-m", "odoo", *arguments],
            input=script,
            text=True,
            capture_output=True,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        self.assertNotIn(" ERROR ", done.stderr, done.stderr[-3000:])
        return done

    def shell(self, script):
        self.odoo(
            "shell", "-c", config.rcfile, "-d", self.name, "--no-http", "--log-level=error", script=script
        )

    def query(self, sql):
        return subprocess.run(
            ["psql", "-d", self.name, "-Atc", sql], check=True, capture_output=True, text=True
        ).stdout.split("\n")[:-1]

    def test_uninstall_and_install_again(self):
        self.shell(LIVE)
        self.assertTrue(self.query(ORIGIN_QUERY))
        self.odoo("module", "uninstall", "-c", config.rcfile, "-d", self.name, "relance_douce")
        self.assertEqual(self.query(ORIGIN_QUERY), [])
        self.shell(LIVE)
        before = self.query(BOOKS_QUERY)
        filenode = self.query("SELECT pg_relation_filenode('account_move_line')")
        self.odoo(
            "-c",
            config.rcfile,
            "-d",
            self.name,
            "-i",
            "relance_douce",
            "--no-http",
            "--stop-after-init",
            "--log-level=warn",
        )
        # not one journal item was rewritten: their row versions are the same
        self.assertEqual(self.query(BOOKS_QUERY), before)
        self.assertEqual(self.query("SELECT pg_relation_filenode('account_move_line')"), filenode)

    def copy(self, suffix):
        """The database of this test, dumped and restored as another one."""
        name = f"{self.name}_{suffix}"
        store = self.store + f"_{suffix}"
        self.addCleanup(shutil.rmtree, store, ignore_errors=True)
        self.addCleanup(subprocess.run, ["dropdb", "--if-exists", "--force", name], check=True)
        subprocess.run(["dropdb", "--if-exists", "--force", name], check=True)
        subprocess.run(["createdb", name], check=True)
        with subprocess.Popen(["pg_dump", "-Fc", self.name], stdout=subprocess.PIPE) as dump:
            subprocess.run(["pg_restore", "--no-owner", "-d", name], stdin=dump.stdout, check=True)
        shutil.copytree(self.store, store)
        return name

    def test_a_neutralised_copy_mails_nobody_and_a_restored_one_goes_on(self):
        """One reminder in the outbox and one that is ready, in a house and in two copies of it."""
        postbox = self.enterContext(Postbox())
        self.shell(LIVE + MAIL_SERVER.replace("PORT", str(postbox.port)))
        house = self.name
        tests, restored = self.copy("tests"), self.copy("restored")
        self.odoo("neutralize", "-c", config.rcfile, "-d", tests)
        for name, received in ((tests, 0), (restored, 2), (restored, 0)):
            self.name = name
            self.odoo(
                "shell", "-c", config.rcfile, "-d", name, "--no-http", "--log-level=critical", script=SEND
            )
            self.assertEqual(len(postbox.take()), received, name)
        self.name = tests
        self.assertEqual(
            self.query("SELECT count(*) FROM ir_cron WHERE active AND cron_name LIKE 'Reminders%'"), ["0"]
        )
        self.name = house
