"""Ten minutes, no manual: from the Apps page of an old ledger to the first approved letter.

The story is told in docs/premiers-pas/; its pictures are made by this test:
``RELANCE_PICTURES=docs/premiers-pas dev/test --slow tests/test_first_start.py``.
"""

import os
import subprocess
import time
from pathlib import Path

import pytest

from odoo.sql_db import db_connect
from odoo.tests import HttpCase, tagged
from odoo.tools import config

from dev.postbox import Postbox
from dev.webserver import web_server

from .walk import Walker

ROOT = Path(__file__).parents[1]
DATABASE = "relance_first_start"
#: French, as the user reads it: name of the step, what is pressed there
BUTTON, NOT_NEEDED = "button[name=action_do]", "button[name=action_skip]"
SAVE = ".modal button[name=action_save]"
MOST_PRESSES = 25
MOST_SECONDS = 600


def run(*command, **kwargs):
    return subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=900, **kwargs
    ).stdout


@tagged("post_install", "-at_install", "relance_slow")
@pytest.mark.relance_slow
class TestFirstStart(HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run("dev/db", DATABASE, "--bare")
        cls.addClassCleanup(run, "dev/odoo", "db", "drop", DATABASE)
        with open(ROOT / "dev/ledger.py") as ledger:
            run("dev/odoo", "shell", "-d", DATABASE, "--no-http", "--log-level=error", stdin=ledger)
        # a server of its own, as the administrator would have it
        server = web_server(config.rcfile, DATABASE, ROOT / ".host/first_start.log")
        cls.base, _process = cls.enterClassContext(server)

    @classmethod
    def ask(cls, query):
        """What the database of the walk says, as a list of rows."""
        with db_connect(DATABASE).cursor() as cr:
            cr.execute(query)
            return cr.fetchall()

    def with_mail_server(self):
        """The house sends its mails already: a real server, which keeps them."""
        postbox = Postbox()
        self.addCleanup(postbox.server_close)
        self.addCleanup(postbox.shutdown)
        with db_connect(DATABASE).cursor() as cr:
            cr.execute(
                """
                INSERT INTO ir_mail_server (name, smtp_host, smtp_port, smtp_encryption,
                                            smtp_authentication, active, sequence)
                     VALUES ('Messagerie', '127.0.0.1', %s, 'none', 'login', TRUE, 1)
                """,
                [postbox.port],
            )
        return postbox

    def test_ten_minutes_and_no_manual(self):
        pictures = os.environ.get("RELANCE_PICTURES")
        postbox = self.with_mail_server()
        user = Walker(self, self.base, pictures=pictures and ROOT / pictures)
        user.log_in("admin")
        user.go("/odoo/apps")
        user.see(".o_kanban_record")
        begin = time.monotonic()

        def do(step, button=BUTTON, save=False):
            user.click(".o_relance_step", step, inner=button)
            if save:
                user.see(SAVE)
                user.step(step)
                user.click(SAVE)
            user.see(".o_relance_step", step, inner="[title=Fait], [title='Inutile ici']")

        user.type("Relance Douce")
        user.see(".o_searchview_autocomplete .o-dropdown-item", "Relance Douce")
        user.key("Enter")
        user.see(".o_searchview_facet", "Relance Douce")
        user.see(".o_pager", "1-1")
        user.step("L’application")
        user.click(".o_kanban_record", "Relance Douce", inner="button[name=button_immediate_install]")
        user.see(".o_relance_step", timeout=300)
        user.step("Premiers pas")
        do("Horaires et jours fériés")
        do("Données bancaires à jour")
        do("E-mails sortants")
        do("Scénarios de relance")
        do("Qui valide", save=True)
        do("Mentions obligatoires des factures", save=True)
        do("Journaux et comptes relancés")
        do("Clients à qualifier", NOT_NEEDED)
        user.click(".o_relance_step", "Qui est en retard", inner=BUTTON)
        user.see(".o_list_view .o_data_row")
        user.step("Qui est échu")
        user.click(".o_back_button, .breadcrumb-item a")
        user.click(".o_relance_step", "Aperçu", inner=BUTTON)
        user.see("button", "Lire les messages")
        user.step("Aperçu")
        user.click("button", "Démarrer")
        user.see(".o_relance_step")
        user.step("Prêt à démarrer")
        self.assertEqual(self.ask("SELECT count(*) FROM relance_reminder"), [(0,)])
        user.click("button[name=action_start]")
        user.click(".o_list_view .o_data_row td[name=partner_id]", timeout=120)
        user.see("button", "Valider et passer")
        user.step("La première relance")
        user.key("a", "KeyA", modifiers=1)
        user.see(".o_list_view .o_data_row")
        for _attempt in range(100):
            approved = self.ask("SELECT state, date_planned FROM relance_reminder WHERE state <> 'draft'")
            if approved:
                break
            time.sleep(0.1)
        user.step("Validée")
        seconds = time.monotonic() - begin

        for title, presses in user.steps:
            print(f"{presses:3} {title}")
        print(f"{user.presses} presses, {seconds:.0f} s of the machine's time")
        [(state, first_day)] = approved
        [(start,)] = self.ask("SELECT relance_start_date FROM res_company WHERE relance_active")
        self.assertEqual((state, first_day), ("ready", start))
        self.assertLessEqual(user.presses, MOST_PRESSES)
        self.assertLess(seconds, MOST_SECONDS)
        self.assertFalse(user.complained)
        # nothing left but the test mail to the user
        recipients = [to for mail in postbox.take() for to in mail[0]]
        self.assertEqual(recipients, ["compta@ateliers-du-rhone.example"])
