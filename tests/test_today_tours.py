"""The accountant's morning in a real browser: by keyboard, by mouse, on a phone."""

from odoo.tests import HttpCase, tagged

from . import test_tours
from .common import RelanceCase


class TodayTourCase(RelanceCase, HttpCase):
    browser_size = "1440x900"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.accountant + cls.manager).lang = "en_US"
        cls.company.relance_active = True
        cls.firm = cls.policy_of("Firm", "manager")
        cls.attentive = cls.policy_of("Attentive", "user")
        cls.plain = cls.policy_of("Friendly", "none")

    @classmethod
    def policy_of(cls, name, approval):
        policy = test_tours.TestTours.tour_policy.__func__(cls, name, (name, 7, "attentive", approval))
        policy.level_ids.write({"use_call": True, "call_script": "Would you settle it, please?"})
        return policy

    def late(self, name, policy, **values):
        partner = self.customer(name, relance_policy_id=policy.id, lang="en_US", **values)
        self.invoice(partner, test_tours.DUE)
        return partner

    def open_of(self, partner):
        items = self.env["account.move.line"].search(
            [("partner_id", "=", partner.id), ("account_id", "=", self.receivable.id)]
        )
        return sum(items.mapped("amount_residual"))

    def reminder_of(self, partner):
        return self.env["relance.reminder"].search([("partner_id", "=", partner.id)])


@tagged("post_install", "-at_install")
class TestTodayTours(TodayTourCase):
    def test_twelve_reminders_in_two_minutes(self):
        partners = [self.late(f"Twelve {number:02}", self.attentive) for number in range(1, 13)]
        self.run_day(test_tours.RUN)
        self.start_tour("/odoo/reminders-today", "relance_today_twelve_tour", login="accountant", timeout=180)
        reminders = self.env["relance.reminder"].search(
            [("partner_id", "in", [partner.id for partner in partners])]
        )
        self.assertEqual((len(reminders), set(reminders.mapped("state"))), (12, {"ready"}))
        self.assertEqual(reminders.approved_by_id, self.accountant)

    def test_a_morning(self):
        one = self.late("Approve One", self.attentive)
        two = self.late("Approve Two", self.attentive)
        letter = self.late("Letter One", self.plain, email=False)
        call = self.late("Call One", self.plain, email=False, street=False, phone="04 72 11 22 33")
        self.run_day(test_tours.RUN)
        self.send(test_tours.RUN)
        match = self.late("Match One", self.plain)
        self.credit_note(match, 200.0, test_tours.RUN)
        self.assertEqual(self.reminder_of(call).channel, "call")
        self.assertTrue(self.reminder_of(letter).date_prepared)
        self.start_tour("/odoo/reminders-today", "relance_today_desk_tour", login="accountant", timeout=180)
        self.assertEqual(self.reminder_of(one).state, "ready")
        self.assertEqual(self.reminder_of(two).state, "cancelled")
        self.assertEqual((self.reminder_of(call).state, self.reminder_of(call).outcome), ("sent", "reached"))
        self.assertEqual(self.reminder_of(letter).state, "sent")
        self.assertEqual(self.open_of(match), 1000.0)

    def test_many_at_once(self):
        for index in range(3):
            self.late(f"Many {index}", self.attentive)
        firm = self.late("Firm 0", self.firm)
        self.run_day(test_tours.RUN)
        self.start_tour("/odoo/reminders-today", "relance_today_mass_tour", login="accountant")
        self.assertEqual(self.reminder_of(firm).state, "draft")

    def test_nothing_to_do_while_reminders_are_off(self):
        self.company.relance_active = False
        self.start_tour("/odoo/reminders-today", "relance_today_empty_tour", login="accountant")


@tagged("post_install", "-at_install")
class TestTodayOnPhone(TodayTourCase):
    browser_size = "390x844"
    touch_enabled = True

    def test_a_card_opens_the_form(self):
        self.late("On the phone", self.attentive)
        self.run_day(test_tours.RUN)
        self.start_tour("/odoo/reminders-today", "relance_today_phone_tour", login="accountant")
