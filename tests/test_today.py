"""The list of the day: what enters a group and leaves it, who sees it, and what a click does."""

from datetime import date, datetime, timedelta

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.service.model import retrying
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import MONDAY, RelanceCase
from .test_races import RaceCase

TEXT = "<p>Would you settle it, please?</p>"

#: what the web client reads of the rows it shows
COLUMNS = {
    "currency_id": {"fields": {"display_name": {}}},
    "tone": {},
    "group": {},
    "case_id": {"fields": {"display_name": {}}},
    "res_model": {},
    "res_id": {},
    "partner_id": {"fields": {"display_name": {}}},
    "amount_overdue": {},
    "days_late": {},
    "level_id": {"fields": {"display_name": {}}},
    "last_contact_date": {},
    "why_now": {},
    "user_id": {"fields": {"display_name": {}}},
}


class TodayCase(RelanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.company"].search([]).relance_active = True
        (cls.accountant + cls.manager + cls.salesperson).lang = "en_US"
        cls.env["res.lang"]._lang_get("en_US").date_format = "%d/%m/%Y"
        cls.clock = cls.startClassPatcher(freeze_time(f"{MONDAY} 10:00:00"))

    def setUp(self):
        super().setUp()
        self.clock.move_to(f"{MONDAY} 10:00:00")

    def on(self, day):
        """From here on it is 10 o'clock UTC of ``day``."""
        self.clock.move_to(f"{day} 10:00:00")
        return day

    @classmethod
    def ladder(cls, approval="user", channel="email", name="Attentive", more=(), **values):
        """A policy chosen by hand, with one level after three days, and ``more`` (name, days)."""
        return cls.env["relance.policy"].create(
            {
                "name": name,
                "level_ids": [
                    Command.create(
                        {
                            "name": level,
                            "delay_days": days,
                            "tone": "attentive",
                            "approval": approval,
                            "channel": channel,
                            "use_call": True,
                            "subject": level,
                            "mail_body": TEXT,
                            "letter_body": TEXT,
                            "call_script": "Call.",
                        }
                    )
                    for level, days in ((name, 3), *more)
                ],
                **values,
            }
        )

    def late(self, policy, name="Client Exemple", amount=1200.0, days=10, **values):
        """A customer with one invoice late by ``days``."""
        partner = self.customer(name, relance_policy_id=policy.id, **values)
        return partner, self.invoice(partner, MONDAY - timedelta(days=days), amount)

    def tasks(self, partner=None, group=None, user=None):
        domain = []
        if partner:
            domain.append(("partner_id", "=", partner.id))
        if group:
            domain.append(("group", "=", group))
        self.env.flush_all()
        tasks = self.env["relance.today"].with_user(user or self.accountant)
        tasks.invalidate_model()
        return tasks.search(domain)

    def assertTask(self, partner, group, reason, sentence, user=None):
        task = self.tasks(partner, group, user)
        self.assertEqual((len(task), task.reason), (1, reason))
        self.assertEqual(task.why_now, sentence)
        return task

    def assertNoTask(self, partner, group):
        self.assertFalse(self.tasks(partner, group))

    def read_list(self, domain=(), user=None):
        """The list as the web client asks for it."""
        return (
            self.env["relance.today"]
            .with_user(user or self.accountant)
            .with_context(read_group_expand=True)
            .web_read_group(
                list(domain),
                ["group"],
                ["amount_overdue:sum", "currency_id:array_agg_distinct"],
                limit=10,
                auto_unfold=True,
                unfold_read_specification=COLUMNS,
            )
        )

    def message(self, answer):
        self.assertEqual(answer["tag"], "display_notification")
        return answer["params"]["message"]


@tagged("post_install", "-at_install")
class TestGroups(TodayCase):
    # -- reminders -------------------------------------------------------------------------
    def test_to_approve(self):
        partner, invoice = self.late(self.ladder(), user_id=self.salesperson.id)
        self.invoice(partner, MONDAY - timedelta(days=4), 300.0)
        self.invoice(partner, MONDAY + timedelta(days=4), 5000.0)  # not due: not overdue
        self.assertNoTask(partner, "approve")
        self.run_day(MONDAY)
        task = self.assertTask(
            partner, "approve", "approve", "“Attentive” is due for 2 invoices; approve it by 09/03/2026."
        )
        reminder = self.reminders(partner)
        self.assertEqual((task.res_model, task.res_id), ("relance.reminder", reminder.id))
        self.assertEqual(task.case_id, reminder.case_id)
        self.assertEqual((task.amount_overdue, task.days_late), (1500.0, 10))
        self.assertEqual((task.level_id, task.tone), (reminder.level_id, "attentive"))
        self.assertEqual((task.user_id, task.last_contact_date), (self.accountant, False))
        self.assertIs(task.action_approve(), True)
        self.assertEqual((reminder.state, reminder.approved_by_id), ("ready", self.accountant))
        self.assertEqual(reminder.date_approved, datetime(2026, 3, 2, 10))
        self.assertNoTask(partner, "approve")
        # taken back, it waits again and nobody has approved it
        reminder.action_undo()
        self.assertFalse(reminder.date_approved)
        self.assertEqual(self.tasks(partner, "approve"), task)
        invoice.button_draft()
        self.assertTask(
            partner, "approve", "approve", "“Attentive” is due for one invoice; approve it by 09/03/2026."
        )

    def test_to_call(self):
        partner, _invoice = self.late(self.ladder("none", "call", "Courtesy call"), phone="04 72 11 22 33")
        self.run_day(MONDAY)
        self.assertNoTask(partner, "call")  # not laid out yet
        self.send(MONDAY)
        task = self.assertTask(
            partner, "call", "call", "“Courtesy call”: the call has been waiting since 02/03/2026."
        )
        self.assertIs(task.action_call_reached(), True)
        self.assertEqual(self.reminders(partner).outcome, "reached")
        self.assertNoTask(partner, "call")
        self.assertIn("already left on 02/03/2026", self.message(task.action_call_voicemail()))
        self.assertEqual(self.reminders(partner).outcome, "reached")

    def test_wrong_number_takes_the_next_channel(self):
        partner, _invoice = self.late(self.ladder("none", "call"), phone="04 72 11 22 33")
        self.run_day(MONDAY)
        self.send(MONDAY)
        self.assertIs(self.tasks(partner, "call").action_call_wrong_number(), True)
        self.assertEqual(self.reminders(partner).channel, "email")
        self.assertNoTask(partner, "call")

    def test_to_print_and_post(self):
        partner, _invoice = self.late(self.ladder("none", "letter"))
        self.run_day(MONDAY)
        self.assertNoTask(partner, "post")
        self.send(MONDAY)
        task = self.assertTask(
            partner, "post", "print", "The letter has been ready since 02/03/2026: print and post it."
        )
        self.on(MONDAY + self.days(1))
        self.reminders(partner).with_user(self.accountant).action_print()
        self.assertTask(partner, "post", "post", "The letter was printed on 03/03/2026: post it.")
        self.assertIs(task.action_mark_posted(), True)
        self.assertEqual(self.reminders(partner).state, "sent")
        self.assertNoTask(partner, "post")
        self.assertIn("already left", self.message(task.action_mark_posted()))

    # -- matching --------------------------------------------------------------------------
    def test_to_match_first_when_a_credit_covers_a_part(self):
        partner, invoice = self.late(self.ladder("none"))
        self.assertNoTask(partner, "match")
        self.credit_note(partner, 100.0, MONDAY)
        credit = self.credit_note(partner, 200.0, MONDAY)
        self.assertEqual(self.reason(invoice, MONDAY), "climb")
        task = self.assertTask(
            partner,
            "match",
            "match",
            "300.00 € received or credited (2 entries) is not matched yet: match it before reminding.",
        )
        action = task.action_match()
        items = self.env["account.move.line"].with_user(self.accountant).search(action["domain"])
        self.assertEqual(sum(items.mapped("amount_residual")), 900.0)
        (self.line(invoice) + self.line(credit)).with_user(self.accountant).sudo().reconcile()
        self.assertIn("100.00 € received or credited is not", self.tasks(partner, "match").why_now)

    def test_to_match_first_when_a_payment_covers_all(self):
        partner, invoice = self.late(self.ladder("none"))
        statement = self.bank_line(1200.0, MONDAY, partner)
        suspense = statement.move_id.line_ids.filtered(
            lambda item: item.account_id == self.bank.suspense_account_id
        )
        self.assertNoTask(partner, "match")
        statement.move_id.button_draft()
        suspense.account_id = self.receivable
        statement.move_id.action_post()
        self.assertEqual(self.reason(invoice, MONDAY), "credit")
        self.assertEqual(len(self.tasks(partner, "match")), 1)
        (suspense + self.line(invoice)).reconcile()
        self.assertNoTask(partner, "match")

    def test_a_reminder_that_waits_is_worth_a_match(self):
        partner, _invoice = self.late(self.ladder())
        self.credit_note(partner, 100.0, MONDAY)
        self.run_day(MONDAY)
        self.assertEqual(self.tasks(partner).mapped("group"), ["approve", "match"])

    def test_who_is_not_reminded_need_not_be_matched_first(self):
        partner, _invoice = self.late(self.ladder("none"), relance_paused_until=MONDAY)
        self.credit_note(partner, 100.0, MONDAY)
        self.assertNoTask(partner, "match")
        # nor whose money was matched with another customer's invoice
        other, _invoice = self.late(self.ladder("none"), "Autre client")
        self.assertNoTask(other, "match")

    def test_the_payer_stands_for_his_establishments(self):
        payer = self.customer("Siège", relance_policy_id=self.ladder("none").id)
        shop = self.customer("Magasin", relance_payer_id=payer.id)
        self.invoice(shop, MONDAY - timedelta(days=10))
        self.credit_note(shop, 100.0, MONDAY)
        task = self.tasks(payer, "match")
        self.assertEqual((len(task), task.amount_overdue), (1, 1200.0))
        items = self.env["account.move.line"].search(task.action_match()["domain"])
        self.assertEqual(items.partner_id, shop)

    # -- payment plans ---------------------------------------------------------------------
    def plan(self, partner, moves, first, count=2):
        plan = (
            self.env["relance.plan"]
            .with_user(self.accountant)
            ._create_for(self.line(moves), count, first)
            .sudo()
        )
        plan.action_propose()
        return plan

    def active_plan(self, first, **values):
        partner, invoice = self.late(self.ladder("none"), **values)
        plan = self.plan(partner, invoice, first)
        plan.action_accept(signed_by="Jeanne Client")
        return partner, invoice, plan

    def test_instalments_due_and_missed(self):
        partner, invoice, plan = self.active_plan(MONDAY + self.days(7))
        self.assertNoTask(partner, "instalment")
        self.on(MONDAY + self.days(7))
        task = self.assertTask(partner, "instalment", "today", "An instalment of 600.00 € is due today.")
        self.assertEqual((task.res_model, task.res_id), ("relance.plan", plan.id))
        self.on(MONDAY + self.days(8))
        self.assertTask(
            partner, "instalment", "missed", "600.00 € of the payment plan is missing since 09/03/2026."
        )
        self.settle(invoice, MONDAY + self.days(8), 600.0)
        self.assertNoTask(partner, "instalment")

    def test_offers_that_wait_for_an_answer(self):
        partner, invoice = self.late(self.ladder("none"))
        plan = self.plan(partner, invoice, MONDAY + self.days(7), count=2)
        self.assertNoTask(partner, "instalment")
        plan._counter(10, MONDAY + self.days(120), reason="Trésorerie")
        self.assertTask(
            partner,
            "instalment",
            "counter",
            "The customer proposes other instalments and waits for an answer.",
        )
        plan.with_user(self.manager).action_accept_counter()
        self.assertNoTask(partner, "instalment")

        other, invoice = self.late(self.ladder("none"), "Hors limites")
        draft = (
            self.env["relance.plan"]
            .with_user(self.accountant)
            ._create_for(self.line(invoice), 24, MONDAY + self.days(7))
        )
        draft.action_propose()
        self.assertEqual(draft.approval_state, "asked")
        self.assertTask(
            other, "instalment", "approval", "A payment plan beyond the limits waits for a manager."
        )
        draft.with_user(self.manager).action_refuse()
        self.assertNoTask(other, "instalment")

    def test_a_plan_nobody_decides_about_becomes_a_decision(self):
        partner, _invoice, plan = self.active_plan(MONDAY + self.days(7))
        first = MONDAY + self.days(7)
        self.on(first + self.days(1))
        self.env["relance.plan"]._mark_late(self.company, first + self.days(1))
        self.assertEqual(self.tasks(partner).mapped("group"), ["instalment"])
        last = first + self.days(plan.grace_days + plan.notice_days + 14)
        self.on(last)
        self.assertNoTask(partner, "decision")
        self.on(last + self.days(1))
        self.assertNoTask(partner, "instalment")
        self.assertTask(
            partner,
            "decision",
            "undecided",
            "The payment plan has not been kept since 09/03/2026 and nobody has decided about it.",
        )

    def test_a_broken_plan_waits_until_somebody_goes_on(self):
        partner, _invoice, plan = self.active_plan(MONDAY + self.days(7))
        day = self.on(MONDAY + self.days(40))
        plan._set_broken()
        self.assertTask(
            partner,
            "decision",
            "broken",
            "The payment plan ended on 11/04/2026, not kept: decide what comes next.",
        )
        reminder = self.run_day(day).reminder_ids.filtered(lambda one: one.partner_id == partner)
        self.assertTrue(reminder)
        self.assertNoTask(partner, "decision")
        reminder.action_cancel(until=day + self.days(3))
        self.assertNoTask(partner, "decision")
        self.on(day + self.days(4))
        self.assertEqual(self.tasks(partner, "decision").reason, "broken")

    # -- decisions -------------------------------------------------------------------------
    def test_a_lapsed_approval_waits_for_its_release(self):
        partner, _invoice = self.late(self.ladder())
        self.run_day(MONDAY)
        day = self.on(MONDAY + self.days(8))
        self.run_day(day)
        self.assertNoTask(partner, "approve")
        task = self.assertTask(
            partner,
            "decision",
            "lapsed",
            "“Attentive” was not approved by 09/03/2026: a manager has to release it.",
        )
        self.assertIn("not approved in time", self.message(self.row_of(task.res_id).action_approve()))
        self.reminders(partner).with_user(self.manager).action_release()
        self.assertNoTask(partner, "decision")

    def row_of(self, reminder, source="approve"):
        """The row of the list that stood, or stands, for this reminder."""
        tasks = self.env["relance.today"].with_user(self.accountant)
        number = tasks._sources()[source][0]
        return tasks.browse((reminder * 2**16 + self.company.id) * 2**5 + number)

    def test_a_lapsed_approval_of_what_is_paid_needs_nobody(self):
        partner, invoice = self.late(self.ladder())
        self.run_day(MONDAY)
        day = self.on(MONDAY + self.days(8))
        self.run_day(day)
        self.pay(invoice, day)
        self.assertNoTask(partner, "decision")

    def test_the_last_level(self):
        partner, _invoice = self.late(self.ladder("none"))
        self.live_day(MONDAY)
        task = self.assertTask(
            partner,
            "decision",
            "last_level",
            "The last level was reached on 02/03/2026: decide what comes next.",
        )
        case = self.reminders(partner).case_id
        self.assertEqual((task.res_model, task.res_id), ("relance.case", case.id))
        self.assertEqual(task.last_contact_date, MONDAY)
        case.action_pause(MONDAY + self.days(3), "Il paie jeudi")
        self.assertNoTask(partner, "decision")
        self.on(MONDAY + self.days(4))
        self.assertEqual(self.tasks(partner, "decision"), task)

    def test_nobody_to_write_to(self):
        partner, _invoice = self.late(self.ladder("none"), email=False, street=False)
        task = self.assertTask(
            partner,
            "decision",
            "address",
            "No e-mail, phone or postal address is left: find out how to reach this customer.",
        )
        self.assertEqual((task.res_model, task.res_id), ("res.partner", partner.id))
        partner.email = "client@client.test"
        self.assertNoTask(partner, "decision")

    def test_silence_whatever_holds_the_line(self):
        policy = self.ladder("none", more=[("Firm", 60)], max_silence_days=20)
        partner, invoice = self.late(policy)
        self.live_day(MONDAY)
        case = self.reminders(partner).case_id
        self.on(MONDAY + self.days(21))
        # the next level is planned: that is no silence
        self.assertNoTask(partner, "decision")
        self.line(invoice).no_followup = True
        task = self.assertTask(
            partner, "decision", "silence", "Nothing has happened since 02/03/2026: decide what comes next."
        )
        self.on(MONDAY + self.days(20))
        self.assertNoTask(partner, "decision")
        # a word in the case is something that happens
        self.on(MONDAY + self.days(21))
        self.assertEqual(self.tasks(partner, "decision"), task)
        case.with_user(self.accountant).message_post(body="Rappelle demain")
        self.assertNoTask(partner, "decision")
        self.on(MONDAY + self.days(42))
        self.assertEqual(self.tasks(partner, "decision"), task)

    def test_a_pause_does_not_hide_for_good(self):
        policy = self.ladder("none", max_silence_days=20)
        partner, _invoice = self.late(policy, relance_paused_until=MONDAY + self.days(300))
        self.on(MONDAY + self.days(10))  # late by 20 days
        self.assertNoTask(partner, "decision")
        self.on(MONDAY + self.days(11))
        self.assertEqual(self.tasks(partner, "decision").reason, "silence")

    # -- the list itself -------------------------------------------------------------------
    def test_groups_in_the_order_of_the_day_without_empty_ones(self):
        self.late(self.ladder("none"), email=False, street=False)
        self.late(self.ladder(), "À approuver")
        self.run_day(MONDAY)
        groups = self.read_list()["groups"]
        self.assertEqual([group["group"] for group in groups], ["approve", "decision"])
        self.assertTrue(all(group["__records"] for group in groups))

    def test_a_row_is_found_by_its_id_and_by_every_filter(self):
        partner, _invoice = self.late(self.ladder())
        self.run_day(MONDAY)
        task = self.tasks(partner)
        model = self.env["relance.today"].with_user(self.accountant)
        for domain in (
            [("id", "=", task.id)],
            [("id", "in", task.ids), ("group", "=", "approve")],
            [("group", "in", ["approve", "call"]), ("partner_id", "=", partner.id)],
            ["|", ("group", "=", "call"), ("partner_id", "=", partner.id)],
            ["!", ("group", "=", "call"), ("partner_id", "=", partner.id)],
            [("group", "!=", "call"), ("partner_id", "=", partner.id)],
            [("level_id.name", "=", "Attentive"), ("partner_id", "=", partner.id)],
        ):
            with self.subTest(domain):
                self.assertEqual(model.search(domain), task)
        for domain in (
            [("group", "=", "call")],
            [("id", "in", task.ids), ("group", "=", "post")],
            [("id", "=", 1)],
            [("group", "in", [])],
        ):
            with self.subTest(domain):
                self.assertFalse(model.search(domain + [("partner_id", "=", partner.id)]))
        self.assertEqual(task.exists(), task)
        self.assertEqual(task._keys(), {"approve": [self.reminders(partner).id]})

    def test_ids_can_be_counted_by_a_browser(self):
        sources = self.env["relance.today"]._sources()
        numbers = [number for number, _group in sources.values()]
        self.assertEqual(len(set(numbers)), len(numbers))
        self.assertLess(max(numbers), 2**5)
        self.assertLessEqual(((2**31 - 1) * 2**16 + 2**16 - 1) * 2**5 + 2**5 - 1, 2**53 - 1)


@tagged("post_install", "-at_install")
class TestRights(TodayCase):
    def test_each_sees_what_is_hers(self):
        hers, _invoice = self.late(self.ladder(), "Sa cliente", user_id=self.salesperson.id)
        other, _invoice = self.late(self.ladder(), "Une autre", user_id=self.manager.id)
        self.run_day(MONDAY)
        self.assertEqual(self.tasks().partner_id, hers + other)
        mine = self.tasks(user=self.salesperson)
        self.assertEqual(mine.partner_id, hers)
        self.assertIn("is due for one invoice", mine.why_now)
        with self.assertRaises(AccessError):
            self.tasks(other).with_user(self.salesperson).read(["why_now"])
        with self.assertRaises(AccessError):
            self.tasks(user=self.outsider)
        with self.assertRaises(AccessError):
            self.env["relance.today"].with_user(self.outsider).get_desk()
        self.assertIn("1 still to approve", self.desk(self.salesperson)["progress"])
        self.assertIn("2 still to approve", self.desk()["progress"])

    def desk(self, user=None):
        return self.env["relance.today"].with_user(user or self.accountant).get_desk()

    def test_who_may_not_approve_is_told_and_nothing_is_lost(self):
        partner, _invoice = self.late(self.ladder(), user_id=self.salesperson.id)
        self.run_day(MONDAY)
        task = self.tasks(partner, user=self.salesperson)
        self.assertEqual(
            self.message(task.action_approve()),
            "1 belongs to a customer or company that is not open to you here.",
        )
        self.assertEqual(self.reminders(partner).state, "draft")

    def test_nothing_is_written_through_the_list(self):
        partner, _invoice = self.late(self.ladder())
        self.run_day(MONDAY)
        task = self.tasks(partner)
        for user in (self.accountant, self.manager):
            with self.assertRaises(AccessError):
                task.with_user(user).write({"user_id": user.id})
            with self.assertRaises(AccessError):
                task.with_user(user).unlink()

    def test_two_companies(self):
        other = self.env["res.company"].create(
            {"name": "Deux", "country_id": self.env.ref("base.fr").id, "relance_active": True}
        )
        self.env["account.chart.template"].try_loading("fr", other, install_demo=False)
        other.resource_calendar_id.tz = "Pacific/Auckland"
        policy = self.ladder("none")
        here, _invoice = self.late(policy, email=False, street=False)
        customer = self.customer("Là-bas", email=False, street=False)
        customer.with_company(other).relance_policy_id = policy
        move = (
            self.env["account.move"]
            .with_company(other)
            .create(
                {
                    "move_type": "out_invoice",
                    "partner_id": customer.id,
                    "invoice_date": MONDAY - self.days(30),
                    "invoice_date_due": MONDAY - self.days(3),
                    "invoice_line_ids": [Command.create({"name": "x", "price_unit": 10, "tax_ids": []})],
                }
            )
        )
        move.action_post()
        both = new_test_user(
            self.env,
            "both",
            "account.group_account_invoice,relance_douce.group_relance_user",
            company_id=self.company.id,
            company_ids=[Command.set((self.company + other).ids)],
        )
        self.clock.move_to(f"{MONDAY} 20:00:00")  # Tuesday in Auckland
        tasks = self.env["relance.today"].with_user(both)
        one = tasks.with_context(allowed_company_ids=self.company.ids).search([])
        self.assertEqual(one.partner_id, here)
        two = tasks.with_context(allowed_company_ids=(self.company + other).ids).search([])
        self.assertEqual(two.partner_id, here + customer)
        self.assertEqual({task.company_id: task.days_late for task in two}, {self.company: 10, other: 4})
        self.assertEqual(two.filtered(lambda task: task.company_id == other).currency_id.name, "EUR")
        # a row of the company that is switched off is out of reach, also by its id
        away = (two - one).with_context(allowed_company_ids=self.company.ids)
        self.assertFalse(away.search([("id", "in", away.ids)]))
        desk = tasks.with_context(allowed_company_ids=(self.company + other).ids)
        self.assertFalse(desk.get_desk()["off"])
        other.relance_active = False
        self.assertEqual(
            desk.get_desk()["off"],
            "Deux: Reminders are off: nothing is prepared and nothing is sent.",
        )


@tagged("post_install", "-at_install")
class TestManyAtOnce(TodayCase):
    def drafts(self, count, policy=None, name="Client"):
        policy = policy or self.ladder()
        partners = [self.late(policy, f"{name} {index}")[0] for index in range(count)]
        self.run_day(MONDAY)
        return self.env["relance.reminder"].search(
            [("partner_id", "in", [partner.id for partner in partners])], order="id"
        )

    def rows(self, reminders):
        return self.tasks(group="approve").filtered(lambda task: task.res_id in reminders.ids)

    def test_all_of_the_group(self):
        reminders = self.drafts(4)
        answer = self.rows(reminders).action_approve()
        self.assertEqual(self.message(answer), "4 reminders approved.")
        self.assertEqual(answer["params"]["type"], "success")
        self.assertEqual(set(reminders.mapped("state")), {"ready"})
        self.assertEqual(reminders.approved_by_id, self.accountant)

    def test_what_cannot_be_approved_is_named_and_left(self):
        reminders = self.drafts(4)
        firm = self.drafts(1, self.ladder("manager", name="Firm"), "Ferme")
        call = self.late(self.ladder("none"), email=False, street=False)[0]
        rows = self.rows(reminders + firm) + self.tasks(call)
        reminders[0].with_user(self.manager).action_approve()
        reminders[1].action_cancel(reason="Il a payé")
        answer = rows.action_approve()
        self.assertEqual(
            self.message(answer),
            "2 reminders approved. 2 were dealt with meanwhile, by Paul Gérant among others. "
            "“Firm · Ferme 0” is approved by a dunning manager. 1 row of another group stays as it is.",
        )
        self.assertEqual((answer["params"]["type"], answer["params"]["sticky"]), ("warning", True))
        self.assertEqual(reminders.mapped("state"), ["ready", "cancelled", "ready", "ready"])
        self.assertEqual(reminders.mapped("approved_by_id.name"), ["Paul Gérant", "Anne Comptable"])
        self.assertEqual(firm.state, "draft")
        self.assertIs(self.rows(firm).with_user(self.manager).action_approve(), True)
        self.assertEqual(firm.state, "ready")

    def test_a_row_that_is_gone_says_so(self):
        [reminder] = self.drafts(1)
        row = self.rows(reminder)
        reminder.with_user(self.manager).action_approve()
        self.env.invalidate_all()
        for method in (row.action_open, row.action_match):
            with self.assertRaisesRegex(UserError, "dealt with meanwhile"):
                method()

    def test_a_customer_of_another_company_is_left(self):
        reminders = self.drafts(2)
        rows = self.rows(reminders)
        elsewhere = new_test_user(
            self.env,
            "elsewhere",
            "account.group_account_invoice,relance_douce.group_relance_user",
            company_ids=[Command.set(self.env["res.company"].create({"name": "Ailleurs"}).ids)],
            company_id=self.env["res.company"].search([("name", "=", "Ailleurs")]).id,
        )
        self.assertEqual(
            self.message(rows.with_user(elsewhere).action_approve()),
            "2 belong to customers or companies that are not open to you here.",
        )
        self.assertEqual(set(reminders.mapped("state")), {"draft"})

    def test_letters_marked_as_posted_together(self):
        policy = self.ladder("none", "letter")
        partners = [self.late(policy, f"Courrier {index}")[0] for index in range(3)]
        self.run_day(MONDAY)
        self.send(MONDAY)
        reminders = self.env["relance.reminder"].search(
            [("partner_id", "in", [partner.id for partner in partners])]
        )
        rows = self.tasks(group="post").filtered(lambda task: task.res_id in reminders.ids)
        reminders[0].action_cancel()
        self.assertEqual(
            self.message(rows.action_mark_posted()),
            f"2 letters posted. “{reminders[0].display_name}” was cancelled meanwhile. Cancelled by OdooBot.",
        )
        self.assertEqual(reminders.mapped("state"), ["cancelled", "sent", "sent"])

    def test_approval_is_one_pass_for_all(self):
        policy = self.ladder()
        few = self.rows(self.drafts(3, policy, "Peu"))
        many = self.rows(self.drafts(30, policy, "Beaucoup"))
        self.queries(self.rows(self.drafts(2, policy, "Avant")).action_approve)  # fills the caches
        count = self.queries(few.action_approve)
        self.assertLessEqual(self.queries(many.action_approve), count + 3)


@tagged("post_install", "-at_install")
class TestProgress(TodayCase):
    def progress(self, **context):
        self.env.flush_all()
        return (
            self.env["relance.today"]
            .with_user(self.accountant)
            .with_context(**context)
            .get_desk()["progress"]
        )

    def test_the_day_in_money(self):
        self.env["relance.reminder"].search([]).unlink()
        self.assertEqual(self.progress(), "Nothing was reminded today")
        policy = self.ladder()
        one, first = self.late(policy, "Un", 4320.0)
        self.late(policy, "Deux", 300.5)
        self.run_day(MONDAY)
        self.assertEqual(self.progress(), "2 still to approve")
        self.reminders(one).action_approve()
        self.assertEqual(self.progress(), "4,320 € ready to leave · 1 still to approve")
        self.send(MONDAY)
        self.assertEqual(self.progress(), "4,320 € reminded today · 1 still to approve")
        self.on(MONDAY + self.days(1))
        self.assertEqual(self.progress(), "1 still to approve")
        self.settle(first, MONDAY + self.days(1))
        self.matched(first, "2026-03-03 08:00:00")
        # as everywhere: on the working day after at the earliest
        self.assertEqual(self.progress(), "1 still to approve")
        self.on(MONDAY + self.days(2))
        self.assertEqual(self.progress(), "1 invoice paid since yesterday (4,320 €) · 1 still to approve")
        self.on(MONDAY + self.days(3))
        self.assertEqual(self.progress(), "1 still to approve")

    def matched(self, invoice, moment):
        """The database stamps what it writes with its own clock: say when it was."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE account_partial_reconcile SET create_date = %s WHERE debit_move_id IN %s",
            [moment, tuple(self.line(invoice).ids)],
        )
        self.env.invalidate_all()

    def test_only_money_for_what_was_reminded_counts(self):
        policy = self.ladder("none")
        partner, paid = self.late(policy, "Payé")
        _other, credited = self.late(policy, "Crédité")
        _third, partly = self.late(policy, "En partie")
        _fourth, unknown = self.late(self.ladder(), "Jamais relancé")
        self.live_day(MONDAY)
        self.env["relance.reminder"].search([("partner_id", "=", _fourth.id)]).unlink()
        credit = self.credit_note(_other, 1200.0, MONDAY)
        (self.line(credited) + self.line(credit)).reconcile()
        for invoice, amount in ((paid, None), (partly, 100.0), (unknown, None)):
            self.settle(invoice, MONDAY, amount)
        for invoice in (paid, credited, partly, unknown):
            self.matched(invoice, "2026-03-02 14:00:00")
        self.on(MONDAY + self.days(1))
        self.assertEqual(self.progress(), "1 invoice paid since yesterday (1,200 €)")

    def test_since_friday(self):
        friday = self.on(date(2026, 3, 6))
        policy = self.ladder("none")
        first, second = self.late(policy, "Un", 100.0), self.late(policy, "Deux", 200.5)
        self.live_day(friday)
        for _partner, invoice in (first, second):
            self.settle(invoice, friday)
            self.matched(invoice, "2026-03-07 12:00:00")  # on Saturday
        self.on(date(2026, 3, 9))
        self.assertEqual(self.progress(), "2 invoices paid since 06/03/2026 (300.50 €)")

    def test_off(self):
        desk = self.env["relance.today"].with_user(self.accountant)
        self.assertFalse(desk.get_desk()["off"])
        self.assertEqual(desk.get_empty_list_help("<p>Nothing</p>"), "<p>Nothing</p>")
        self.company.relance_active = False
        self.assertEqual(desk.get_desk()["off"], self.company._relance_banner()["text"])
        self.assertIn("Reminders are off", desk.get_empty_list_help("<p>Nothing</p>"))

    def test_every_reason_has_its_sentence(self):
        today = self.env["relance.today"]
        sentences = today._sentences()
        for forms in sentences.values():
            for form in forms:
                self.assertTrue(form % {"level": "L", "count": 2, "date": "D", "amount": "A"})


@tagged("post_install", "-at_install")
class TestScale(TodayCase):
    """Counts of queries of the list as the web client opens it."""

    def load(self, count):
        """That many reminders to approve, each of a customer of its own with an overdue line."""
        policy = self.ladder()
        partner, _invoice = self.late(policy, "Modèle")
        self.run_day(MONDAY)
        model = self.reminders(partner)
        self.env.flush_all()
        cr = self.env.cr
        cr.execute(
            """
            WITH made AS (
                INSERT INTO res_partner (name, complete_name, active, is_company, company_id, lang, type,
                                         autopost_bills, relance_audience)
                SELECT 'Charge ' || n, 'Charge ' || n, TRUE, TRUE, NULL, 'en_US', 'contact', 'ask', 'business'
                  FROM generate_series(1, %(count)s) n
             RETURNING id)
            SELECT array_agg(id) FROM made
            """,
            {"count": count},
        )
        [ids] = cr.fetchone()
        cr.execute("UPDATE res_partner SET commercial_partner_id = id WHERE id = ANY(%s)", [ids])
        cr.execute(
            """
            INSERT INTO relance_case (partner_id, company_id, state)
            SELECT unnest(%s), %s, 'open'
            """,
            [ids, self.company.id],
        )
        cr.execute(
            """
            INSERT INTO relance_reminder (company_id, case_id, partner_id, level_id, channel, kind, state,
                                          needs_approval, date_planned, attempt, balance_total, user_id)
            SELECT %s, dunning.id, dunning.partner_id, %s, 'email', 'level', 'draft', TRUE, %s, 1, 100, %s
              FROM relance_case dunning WHERE dunning.partner_id = ANY(%s)
            """,
            [self.company.id, model.level_id.id, MONDAY, self.accountant.id, ids],
        )
        cr.execute("ANALYZE res_partner; ANALYZE relance_case; ANALYZE relance_reminder")
        self.env.invalidate_all()

    def queries(self, action):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        result = action()
        return self.env.cr.sql_log_count - before, result

    def test_five_thousand_rows_open_like_fifty(self):
        self.late(self.ladder("none"), "Injoignable", email=False, street=False)
        self.load(50)
        few, result = self.queries(self.read_list)
        self.assertEqual([group["__count"] for group in result["groups"]], [51, 1])
        self.load(4950)
        many, result = self.queries(self.read_list)
        self.assertEqual([group["__count"] for group in result["groups"]], [5002, 1])
        self.assertEqual(len(result["groups"][0]["__records"]), 80)
        self.assertLessEqual(many, few + 12)
        few, _result = self.queries(self.env["relance.today"].with_user(self.accountant).get_desk)
        self.assertLessEqual(few, 40)

    def test_a_page_asks_the_decision_about_its_own_payers(self):
        """Rows that are read again by their ids take no second look at the whole ledger."""
        partner, _invoice = self.late(self.ladder("none"), email=False, street=False)
        task = self.tasks(partner)
        self.env.invalidate_all()
        only = task._only([("id", "in", task.ids)])
        self.assertEqual(only, {"stuck": [partner.id]})
        self.assertEqual(list(task._only([("group", "=", "approve")])), ["approve"])
        self.assertEqual(set(task._only([])), set(task._sources()))


@tagged("post_install", "-at_install")
class TestTwoAccountants(RaceCase):
    @mute_logger("odoo.sql_db")
    def test_the_second_is_told_who_was_quicker(self):
        with self.registry_cursor() as env:
            level = env["relance.run"]._run(env.company, MONDAY).reminder_ids.level_id
            reminder = env["relance.reminder"].search([("partner_id", "=", self.partner_id)])
            reminder.write({"state": "draft", "needs_approval": True})
            self.reminder_id = reminder.id
            self.assertTrue(level)
        row = (self.reminder_id * 2**16 + self.env.company.id) * 2**5 + 1
        with self.registry_cursor() as first:
            self.assertIs(first["relance.today"].browse(row).action_approve(), True)
            first.flush_all()

            def second(env):
                # as the host calls it: what lost the race is tried again
                return retrying(lambda: env["relance.today"].browse(row).action_approve(), env)

            thread, outcome = self.in_thread(second)
            thread.join(0.5)
            self.assertTrue(thread.is_alive())  # it waits for the first one
            first.cr.commit()
            thread.join(20)
        self.assertFalse(thread.is_alive())
        self.assertNotIn("error", outcome)
        message = outcome["result"]["params"]["message"]
        self.assertRegex(message, r"was already approved by \S+.* on .* at \d")
        with self.registry_cursor() as env:
            reminder = env["relance.reminder"].browse(self.reminder_id)
            self.assertEqual(reminder.state, "ready")
            approvals = reminder.case_id.message_ids.filtered(lambda one: "pproved by" in (one.body or ""))
            self.assertEqual(len(approvals), 1)
