"""The list of the day as a French accountant reads it."""

import re
from datetime import timedelta

from odoo.tests import tagged

from .common import MONDAY
from .test_today import TodayCase

NB = "\u00a0"
#: a mark that French sets apart, without its no-break space, or with a plain one
BADLY_SET = re.compile(rf"(?<![{NB}\d])[:;!?»%](?!\()|«(?!{NB})| [:;!?»%€]")


@tagged("post_install", "-at_install")
class TestTodayInFrench(TodayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.env["ir.module.module"].search([("name", "=", "relance_douce")])._update_translations(["fr_FR"])
        cls.accountant.lang = "fr_FR"

    def french(self):
        return self.env["relance.today"].with_user(self.accountant).with_context(lang="fr_FR")

    def test_sentences_are_set_as_french_is(self):
        values = {"level": "L", "count": "2", "date": "02/03/2026", "amount": f"1{NB}200,00{NB}€"}
        english = self.env["relance.today"].with_context(lang="en_US")._sentences()
        for reason, forms in self.french()._sentences().items():
            for form, source in zip(forms, english[reason], strict=True):
                with self.subTest(reason):
                    self.assertNotEqual(form, source)
                    self.assertNotRegex(form % values, BADLY_SET)

    def test_plurals_of_the_banner(self):
        self.env["relance.reminder"].search([]).unlink()
        self.assertEqual(self.french().get_desk()["progress"], "Aucune relance aujourd’hui")
        policy = self.ladder()
        partners = [self.late(policy, f"Client {index}", 2160.0)[0] for index in range(3)]
        self.run_day(MONDAY)
        self.assertEqual(self.french().get_desk()["progress"], "3 relances à valider")
        for partner in partners[:2]:
            self.reminders(partner).action_approve()
        self.send(MONDAY)
        self.env.flush_all()
        self.assertEqual(
            self.french().get_desk()["progress"],
            f"4{NB}320{NB}€ relancés aujourd’hui · 1 relance à valider",
        )

    def test_what_a_click_answers(self):
        policy = self.ladder()
        for index in range(2):
            self.late(policy, f"Client {index}")
        self.run_day(MONDAY)
        rows = self.french().browse(self.tasks(group="approve").ids)
        self.assertEqual(self.message(rows.action_approve()), "2 relances validées.")
        again = self.message(rows[:1].action_approve())
        self.assertIn("a déjà été validée par Anne Comptable le 02/03/2026 à", again)
        self.assertNotRegex(re.sub(r"\d+:\d+", "", again), BADLY_SET)
        self.on(MONDAY + timedelta(days=1))
