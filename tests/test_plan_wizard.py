"""The negotiation of a payment plan: what is typed, what is drawn, what is refused."""

from datetime import date, timedelta
from decimal import Decimal

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from .common import RelanceCase


@tagged("post_install", "-at_install")
class NegotiationCase(RelanceCase):
    """A customer with two invoices, and an accountant on the phone with him."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.day = cls.company._relance_date()
        cls.moreau = cls.customer("Atelier Moreau", email="compta@moreau.test", phone="01 40 00 00 00")
        cls.julie = cls.env["res.partner"].create(
            {
                "name": "Julie Durand",
                "function": "Gérante",
                "type": "invoice",
                "parent_id": cls.moreau.id,
                "email": "julie@moreau.test",
                "phone": "+33 6 11 22 33 44",
            }
        )
        cls.old = cls.late(cls.moreau, 2400, days=60)
        cls.young = cls.late(cls.moreau, 1200, days=20)

    @classmethod
    def late(cls, partner, amount, days=30, **values):
        return cls.invoice(partner, cls.day - timedelta(days=days), amount, **values)

    def in_months(self, months, day=5):
        return fields.Date.add(self.day, months=months).replace(day=day)

    def wizard(self, action):
        self.assertEqual(action["res_model"], "relance.plan.negotiate")
        return self.env["relance.plan.negotiate"].with_user(self.accountant).browse(action["res_id"])

    def negotiate(self, moves, user=None):
        """The form of the negotiation over ``moves``, every day an open one."""
        form = Form(self.wizard(moves.with_user(user or self.accountant).action_negotiate_plan()))
        form.move_closed = False
        return form

    def rows(self, form):
        """[(date, amount)] of the lines on the screen."""
        rows = []
        for index in range(len(form.line_ids)):
            with form.line_ids.edit(index) as line:
                rows.append((fields.Date.to_date(line.date_due), line.amount))
        return rows

    def amounts(self, form):
        return [amount for _day, amount in self.rows(form)]

    def plan_of(self, action):
        self.assertEqual(action["res_model"], "relance.plan")
        return self.env["relance.plan"].with_user(self.accountant).browse(action["res_id"])

    def propose(self, form):
        return self.plan_of(form.save().action_propose())


@tagged("post_install", "-at_install")
class TestNegotiation(NegotiationCase):
    def test_it_opens_with_who_is_known_what_is_owed_and_a_balanced_offer(self):
        form = self.negotiate(self.old + self.young)
        self.assertEqual(form.contact_id, self.julie)
        self.assertEqual(
            (form.signer_name, form.signer_function, form.signer_email, form.signer_mobile),
            ("Julie Durand", "Gérante", "julie@moreau.test", "+33 6 11 22 33 44"),
        )
        self.assertFalse(form.signer_hint)
        self.assertEqual(form.amount_owed, 3600)
        self.assertEqual([offer["key"] for offer in form.offers], ["short", "balanced", "long"])
        self.assertEqual(self.amounts(form), [600] * 6)
        self.assertEqual(fields.Date.to_date(form.date_first), self.in_months(1))
        self.assertFalse(form.notice)
        self.assertIn("Do you agree?", form.recap)

    def test_500_a_month_is_a_plan_with_nothing_else_typed(self):
        form = self.negotiate(self.old + self.young)
        form.amount_each = 500
        self.assertEqual(
            self.rows(form),
            [(self.in_months(month), 500) for month in range(1, 8)] + [(self.in_months(8), 100)],
        )
        self.assertEqual(form.count, 8)
        plan = self.propose(form)
        self.assertEqual(plan.state, "proposed")
        self.assertEqual(plan.move_line_ids, self.line(self.old) + self.line(self.young))
        self.assertEqual(plan.line_ids.mapped("amount"), [500] * 7 + [100])
        self.assertEqual(plan.contact_id, self.julie)
        self.assertEqual(plan.user_id, self.accountant)

    def test_the_number_leads_where_it_was_typed_last(self):
        form = self.negotiate(self.old + self.young)
        form.amount_each = 500
        form.count = 7
        self.assertEqual(form.lead, "count")
        self.assertEqual(sum(map(Decimal, map(str, self.amounts(form)))), 3600)
        self.assertEqual(len(form.line_ids), 7)
        self.assertLessEqual(max(self.amounts(form)) - min(self.amounts(form)), 0.011)
        form.amount_each = 1000
        self.assertEqual(self.amounts(form), [1000, 1000, 1000, 600])

    def test_every_rhythm(self):
        form = self.negotiate(self.old)
        form.count = 3
        form.date_first = first = self.in_months(1, day=1)
        for every, days in (
            ("week", [first, first + timedelta(days=7), first + timedelta(days=14)]),
            ("fortnight", [first, first + timedelta(days=14), first + timedelta(days=28)]),
            ("month", [first, self.in_months(2, day=1), self.in_months(3, day=1)]),
            ("month_end", [self.in_months(month, day=1) - timedelta(days=1) for month in (2, 3, 4)]),
        ):
            form.every = every
            self.assertEqual([day for day, _amount in self.rows(form)], days, every)

    def test_months_without_payment(self):
        form = self.negotiate(self.old)
        form.count = 3
        skipped = self.in_months(2).month
        months = {number: dict(box) for number, box in form.months.items()}
        months[str(skipped)]["checked"] = True
        form.months = months
        self.assertEqual(
            [day for day, _amount in self.rows(form)],
            [self.in_months(1), self.in_months(3), self.in_months(4)],
        )
        form.months = {number: {**box, "checked": True} for number, box in months.items()}
        self.assertIn("At least one month", form.notice)
        with self.assertRaisesRegex(UserError, "At least one month"):
            form.save().action_propose()

    def test_closed_days_move_if_wished(self):
        form = self.negotiate(self.old)
        form.date_first = next(
            day
            for day in (self.day + timedelta(days=offset) for offset in range(10, 20))
            if day.weekday() == 5
        )
        form.every = "week"
        form.count = 2
        self.assertEqual({day.weekday() for day, _amount in self.rows(form)}, {5})
        form.move_closed = True
        self.assertEqual({day.weekday() for day, _amount in self.rows(form)}, {0})

    def test_what_he_pays_today_is_the_first_instalment(self):
        form = self.negotiate(self.old + self.young)
        form.amount_today = 600
        form.amount_each = 1000
        self.assertEqual(
            self.rows(form),
            [(self.day, 600)] + [(self.in_months(month), 1000) for month in (1, 2, 3)],
        )
        self.assertIn("today", form.recap)
        for offer in ("short", "balanced", "long"):
            form.offer = offer
            self.assertEqual(self.rows(form)[0], (self.day, 600))
            self.assertFalse(form.limit_notes, offer)
        # typed in the line, the field says the same
        with form.line_ids.edit(0) as line:
            line.amount = 900
        self.assertEqual(form.amount_today, 900)
        self.assertEqual(sum(self.amounts(form)), 3600)
        form.amount_today = 0
        self.assertGreater(self.rows(form)[0][0], self.day)
        self.assertEqual(sum(self.amounts(form)), 3600)

    def test_all_of_it_today(self):
        form = self.negotiate(self.old)
        form.amount_today = 2400
        self.assertEqual(self.rows(form), [(self.day, 2400)])
        self.assertFalse(form.notice)

    def test_one_click_takes_an_offer(self):
        form = self.negotiate(self.old + self.young)
        form.amount_each = 500
        form.offer = "long"
        self.assertEqual(self.amounts(form), [300] * 12)
        self.assertEqual([offer["key"] for offer in form.offers if offer["selected"]], ["long"])
        self.assertFalse(form.offer)
        form.offer = "short"
        self.assertEqual(self.amounts(form), [1200] * 3)

    def test_a_contested_invoice_leaves_the_plan_and_is_noted(self):
        form = self.negotiate(self.old + self.young)
        form.amount_each = 500
        with form.item_ids.edit(0) as item:
            self.assertEqual(item.name, self.old.name)
            item.agrees = False
        self.assertEqual(form.amount_owed, 1200)
        self.assertEqual(self.amounts(form), [500, 500, 200])
        plan = self.propose(form)
        self.assertEqual(plan.move_line_ids, self.line(self.young))
        self.assertIn(self.old.name, "".join(plan.message_ids.mapped("body")))

    def test_other_open_invoices_can_join(self):
        form = self.negotiate(self.young)
        self.assertEqual(form.amount_owed, 1200)
        with form.item_ids.edit(1) as item:
            self.assertEqual(item.name, self.old.name)
            item.agrees = True
        self.assertEqual(form.amount_owed, 3600)
        self.assertEqual(self.propose(form).amount_total, 3600)

    def test_nothing_left_to_agree_with(self):
        form = self.negotiate(self.young)
        with form.item_ids.edit(0) as item:
            item.agrees = False
        self.assertIn("at least one unpaid invoice", form.notice)
        with self.assertRaisesRegex(UserError, "at least one unpaid invoice|more than zero"):
            form.save().action_propose()

    def test_steps_can_be_skipped_and_what_was_said_is_kept(self):
        form = self.negotiate(self.young)
        form.cause = "customer"
        form.cause_note = "Un client paie tard"
        form.means = "cheques"
        form.means_note = "7 chèques"
        form.current_on_time = False
        form.waive_penalties = True
        form.waive_percent = 50
        form.link_channel = "letter"
        self.assertIn("50 %", form.recap)
        plan = self.plan_of(form.save().action_save_draft())
        self.assertEqual(plan.state, "draft")
        self.assertEqual(
            (plan.cause, plan.cause_note, plan.means, plan.means_note, plan.current_on_time),
            ("customer", "Un client paie tard", "cheques", "7 chèques", False),
        )
        self.assertEqual((plan.waive_penalties, plan.waive_percent, plan.link_channel), (True, 50, "letter"))

    def test_the_recap_says_it_all(self):
        form = self.negotiate(self.old + self.young)
        form.amount_each = 1000
        form.amount_today = 600
        form.means = "standing_transfer"
        form.waive_penalties = True
        for said in (
            "3,600.00",
            self.old.name,
            "600.00\xa0€ today",
            "3 times 1,000.00",
            "standing transfer",
            "current invoices",
            "give up the late-payment penalties",
            "julie@moreau.test",
        ):
            self.assertIn(said, form.recap)
        form.amount_each = -1
        self.assertFalse(form.recap, "what cannot be offered is not read aloud")

    def test_the_recap_speaks_the_language_of_who_reads_it(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.accountant.lang = "fr_FR"
        wizard = self.wizard(self.young.with_user(self.accountant).action_negotiate_plan())
        self.assertIn(
            "janv.", [box["label"] for box in wizard.with_context(lang="fr_FR")._month_boxes().values()]
        )

    def test_agreed_on_the_phone(self):
        form = self.negotiate(self.young)
        plan = self.plan_of(form.save().action_agree())
        self.assertEqual((plan.state, plan.signed_kind, plan.signed_by), ("active", "phone", "Julie Durand"))
        self.assertEqual(plan.message_log_ids.mapped("kind"), ["confirmation"], "one mail, not two")

    def test_a_second_click_finds_the_same_plan(self):
        wizard = self.negotiate(self.young).save()
        first, second = wizard.action_propose(), wizard.action_open_plan()
        self.assertEqual(first["res_id"], second["res_id"])
        self.assertEqual(self.plan_of(wizard.action_save_draft()), self.plan_of(first))


@tagged("post_install", "-at_install")
class TestByHand(NegotiationCase):
    def test_the_others_make_up_for_a_line_set_by_hand(self):
        form = self.negotiate(self.old + self.young)
        form.count = 4
        with form.line_ids.edit(1) as line:
            line.amount = 1200
        self.assertEqual(self.amounts(form), [900, 1200, 750, 750])
        with form.line_ids.edit(3) as line:
            line.amount = 300
        self.assertEqual(self.amounts(form)[1::2], [1200, 300], "what was set by hand stays")
        self.assertEqual(sum(self.amounts(form)), 3600)
        self.assertTrue(form.is_touched)

    def test_where_the_amount_leads_the_others_stay_what_he_can_pay(self):
        form = self.negotiate(self.old + self.young)
        form.amount_each = 500
        with form.line_ids.edit(2) as line:
            line.amount = 1000
        self.assertEqual(self.amounts(form), [500, 500, 1000, 500, 500, 500, 100])

    def test_what_was_set_by_hand_stays_when_the_terms_change(self):
        form = self.negotiate(self.old + self.young)
        form.count = 4
        with form.line_ids.edit(1) as line:
            line.amount = 1200
            line.kind = "goods"
            line.note = "Palettes"
        form.count = 6
        amounts = self.amounts(form)
        self.assertEqual((len(amounts), amounts[1], sum(amounts)), (6, 1200, 3600))
        plan = self.propose(form)
        self.assertEqual((plan.line_ids[1].kind, plan.line_ids[1].note), ("goods", "Palettes"))
        self.assertIn("(returned goods, Palettes)", form.recap)

    def test_a_date_set_by_hand_stays_and_the_lines_rise(self):
        form = self.negotiate(self.old)
        form.count = 4
        moved = self.in_months(3, day=20)
        with form.line_ids.edit(1) as line:
            line.date_due = moved
        self.assertEqual(
            [day for day, _amount in self.rows(form)],
            [self.in_months(1), self.in_months(3), moved, self.in_months(4)],
        )
        form.date_first = self.in_months(1, day=10)
        days = [day for day, _amount in self.rows(form)]
        self.assertIn(moved, days)
        self.assertEqual(days, sorted(set(days)))
        self.assertEqual(self.propose(form).state, "proposed")

    def test_a_line_more_and_a_line_less(self):
        form = self.negotiate(self.old)
        form.count = 4
        with form.line_ids.new():
            pass
        self.assertEqual(self.amounts(form), [480] * 5)
        self.assertEqual(self.rows(form)[-1][0], self.in_months(5))
        form.line_ids.remove(0)
        form.line_ids.remove(0)
        self.assertEqual(self.amounts(form), [800] * 3)
        self.assertEqual(form.count, 3)

    def test_drawing_again_forgets_what_was_set_by_hand(self):
        form = self.negotiate(self.old)
        form.count = 4
        with form.line_ids.edit(0) as line:
            line.amount = 900
        wizard = form.save()
        wizard.action_redraw()
        self.assertEqual(wizard.line_ids.mapped("amount"), [600] * 4)
        self.assertFalse(wizard.is_touched)

    def test_more_than_is_owed_in_one_line(self):
        form = self.negotiate(self.old)
        form.count = 4
        for amount in (5000, 2400, -10, 0):
            with form.line_ids.edit(0) as line:
                line.amount = amount
            self.assertTrue(form.notice, amount)
            self.assertEqual(self.amounts(form)[0], amount, "what was typed stays")
            wizard = form.save()
            with self.assertRaises(UserError):
                wizard.action_propose()
        with form.line_ids.edit(0) as line:
            line.amount = 300
        self.assertFalse(form.notice)
        self.assertEqual(self.amounts(form), [300, 700, 700, 700])


@tagged("post_install", "-at_install")
class TestWhoSpeaks(NegotiationCase):
    def test_an_address_that_is_not_on_file_is_hinted_at_and_added(self):
        form = self.negotiate(self.young)
        form.signer_name = "Marc Moreau"
        form.signer_email = "Marc@Moreau.test"
        self.assertIn("marc@moreau.test is not on file", form.signer_hint)
        form.signer_mobile = "06 99 99 99 99"
        self.assertIn("06 99 99 99 99 is not on file", form.signer_hint)
        form.signer_mobile = "06.11.22.33.44"
        self.assertNotIn("06.11", form.signer_hint, "the same number with its country")
        plan = self.propose(form)
        contact = plan.contact_id
        self.assertEqual(
            (contact.name, contact.email, contact.parent_id),
            ("Marc Moreau", "marc@moreau.test", self.moreau),
        )
        self.assertEqual(plan.message_log_ids.contact_id, contact)

    def test_another_contact_on_file(self):
        form = self.negotiate(self.young)
        form.signer_email = "compta@moreau.test"
        self.assertFalse(form.signer_hint)
        self.assertEqual(self.propose(form).contact_id, self.moreau)

    def test_what_is_no_address(self):
        form = self.negotiate(self.young)
        form.signer_email = "julie chez moreau"
        self.assertIn("no e-mail address", form.signer_hint)

    def test_choosing_a_contact_fills_in_what_is_known(self):
        form = self.negotiate(self.young)
        form.contact_id = self.moreau
        self.assertEqual((form.signer_name, form.signer_email), (False, "compta@moreau.test"))


@tagged("post_install", "-at_install")
class TestWhereFrom(NegotiationCase):
    def test_from_a_case(self):
        self.live_day(self.day)
        case = self.moreau.relance_case_id
        wizard = self.wizard(case.with_user(self.accountant).action_negotiate_plan())
        self.assertEqual(wizard.amount_owed, 3600)
        self.assertEqual(wizard.partner_id, self.moreau)

    def test_from_a_customer_what_is_overdue(self):
        to_come = self.late(self.moreau, 500, days=-20)
        wizard = self.wizard(self.moreau.with_user(self.accountant).action_negotiate_plan())
        self.assertEqual(wizard.amount_owed, 3600)
        self.assertEqual(
            wizard.item_ids.filtered(lambda item: not item.agrees).move_line_id, self.line(to_come)
        )
        self.propose(Form(wizard))
        self.assertEqual(self.moreau.relance_plan_count, 1)
        self.assertEqual(self.julie.relance_plan_count, 1)
        self.assertTrue(self.moreau.action_relance_plans()["res_id"])

    def test_from_a_customer_what_a_plan_may_cover(self):
        self.propose(self.negotiate(self.old))
        wizard = self.wizard(self.moreau.with_user(self.accountant).action_negotiate_plan())
        self.assertEqual(wizard.item_ids.move_line_id, self.line(self.young))
        self.propose(Form(wizard))
        with self.assertRaisesRegex(UserError, "already in plan"):
            self.moreau.with_user(self.accountant).action_negotiate_plan()

    def test_from_a_customer_who_owes_nothing(self):
        with self.assertRaisesRegex(UserError, "Nothing is open"):
            self.customer("Sans dette").with_user(self.accountant).action_negotiate_plan()

    def test_from_a_customer_with_two_currencies_one_plan_for_each(self):
        dollar = self.env.ref("base.USD")
        dollar.active = True
        other = self.late(self.moreau, 100, currency_id=dollar.id)
        wizard = self.wizard(self.moreau.with_user(self.accountant).action_negotiate_plan())
        self.assertEqual(wizard.amount_owed, 3600)
        self.assertIn(other.name, wizard.left_out)

    def test_establishments_of_one_company_share_a_plan(self):
        branch = self.customer("Atelier Moreau Lyon", company_registry="33417522100039", vat=False)
        self.moreau.company_registry = "33417522100021"
        here = self.late(branch, 400)
        form = self.negotiate(self.young + here)
        self.assertEqual(form.amount_owed, 1600)
        self.assertEqual(self.propose(form).amount_total, 1600)

    def test_renegotiation_replaces_the_plan_and_keeps_its_words(self):
        form = self.negotiate(self.old + self.young)
        form.cause = "season"
        form.current_on_time = False
        plan = self.plan_of(form.save().action_agree())
        self.pay(self.old, self.day, 600)
        wizard = self.wizard(plan.action_renegotiate())
        self.assertEqual(wizard.replaces_id, plan)
        self.assertEqual(wizard.amount_owed, 3000)
        self.assertEqual((wizard.cause, wizard.current_on_time), ("season", False))
        new = self.plan_of(Form(wizard).save().action_agree())
        self.assertEqual(new.replaces_id, plan)
        self.assertEqual((new.state, plan.state, plan.close_reason), ("active", "cancelled", "replaced"))

    def test_a_draft_is_drawn_again_in_place(self):
        plan = self.plan_of(self.negotiate(self.old).save().action_save_draft())
        plan.signer_function = "Directrice"
        form = Form(self.wizard(plan.action_redraw()))
        self.assertEqual(form.signer_function, "Directrice")
        self.assertEqual(self.amounts(form), plan.line_ids.mapped("amount"))
        form.amount_each = 1200
        self.assertEqual(self.propose(form), plan)
        self.assertEqual((plan.state, plan.line_ids.mapped("amount")), ("proposed", [1200, 1200]))
        with self.assertRaisesRegex(UserError, "is now"):
            plan.action_redraw()


@tagged("post_install", "-at_install")
class TestLimits(NegotiationCase):
    def test_beyond_the_limits_an_approval_never_a_silent_no(self):
        form = self.negotiate(self.old + self.young)
        form.count = 18
        self.assertIn("18 instalments", form.limit_notes)
        self.assertTrue(form.needs_approval)
        self.assertIn("confirmed here first", form.recap)
        plan = self.propose(form)
        self.assertEqual((plan.state, plan.approval_state), ("draft", "asked"))
        plan.with_user(self.manager).action_approve()
        self.assertEqual(plan.state, "proposed")

    def test_agreed_on_the_phone_beyond_the_limits_waits_for_the_manager_too(self):
        form = self.negotiate(self.old + self.young)
        form.count = 18
        plan = self.plan_of(form.save().action_agree())
        self.assertEqual((plan.state, plan.approval_state), ("draft", "asked"))

    def test_a_manager_needs_no_approval(self):
        form = Form(
            self.env["relance.plan.negotiate"]
            .with_user(self.manager)
            .browse(self.old.with_user(self.manager).action_negotiate_plan()["res_id"])
        )
        form.count = 18
        self.assertTrue(form.limit_notes)
        self.assertFalse(form.needs_approval)

    def test_a_discount_is_a_decision_of_its_own(self):
        form = self.negotiate(self.old)
        form.count = 4
        form.discount_amount = 400
        form.discount_reason = "Défaut reconnu"
        plan = self.propose(form)
        self.assertEqual((plan.state, plan.discount_state, plan.amount_total), ("draft", "asked", 2400))
        plan.with_user(self.manager).action_grant_discount()
        self.assertEqual(plan.amount_total, 2000)
        again = Form(self.wizard(plan.action_redraw()))
        self.assertEqual(again.amount_owed, 2000)
        again.amount_each = 500
        self.assertEqual(self.propose(again).line_ids.mapped("amount"), [500] * 4)

    def test_a_discount_needs_a_reason_and_leaves_something(self):
        for amount, reason in ((400, " "), (2400, "Tout"), (-5, "Moins")):
            form = self.negotiate(self.old)
            form.discount_amount = amount
            form.discount_reason = reason
            with self.assertRaises(UserError):
                form.save().action_propose()


@tagged("post_install", "-at_install")
class TestBadInput(NegotiationCase):
    """Refused with a sentence that says what to do; nothing that was typed is lost."""

    def test_terms_that_cannot_be(self):
        for field, value, sentence in (
            ("amount_each", -5, "more than zero"),
            ("amount_each", 0, "more than zero"),
            ("amount_each", 0.01, "more than 240 instalments"),
            ("count", 0, "at least one instalment"),
            ("count", -3, "at least one instalment"),
            ("count", 100000, "more than 240 instalments"),
            ("date_first", date(2020, 1, 6), "lies in the past"),
            ("date_first", False, "On which day"),
            ("amount_today", 5000, "first payment"),
            ("amount_today", -50, "first payment"),
        ):
            with self.subTest(field=field, value=value):
                form = self.negotiate(self.old)
                form.cause_note = "Dit au téléphone"
                form[field] = value
                self.assertIn(sentence, form.notice)
                self.assertEqual(form[field], value)
                wizard = form.save()
                with self.assertRaisesRegex(UserError, sentence), self.env.cr.savepoint():
                    wizard.action_propose()
                self.assertEqual((wizard[field], wizard.cause_note), (value, "Dit au téléphone"))
                self.assertFalse(self.env["relance.plan"].search([("partner_id", "=", self.moreau.id)]))

    def test_more_instalments_than_cents(self):
        form = self.negotiate(self.late(self.moreau, 0.05))
        form.count = 6
        self.assertIn("choose fewer instalments", form.notice)

    def test_two_lines_on_one_day(self):
        form = self.negotiate(self.old)
        form.count = 3
        with form.line_ids.edit(1) as line:
            line.date_due = self.in_months(1)
        self.assertIn("order the dates", form.notice)

    def test_a_line_without_a_day(self):
        form = self.negotiate(self.old)
        with form.line_ids.edit(1) as line:
            line.date_due = False
        self.assertEqual(self.rows(form)[1][0], self.in_months(2), "the day it had")
        form.months = {number: {**box, "checked": True} for number, box in form.months.items()}
        with form.line_ids.new():
            pass
        self.assertIn("At least one month", form.notice)

    def refuse(self, moves, sentence, user=None):
        with self.assertRaisesRegex(UserError, sentence):
            moves.with_user(user or self.accountant).action_negotiate_plan()

    def test_several_legal_persons(self):
        other = self.customer("Autre client", vat="FR40303265045")
        self.refuse(self.old + self.late(other, 100), "several legal persons")

    def test_several_currencies(self):
        dollar = self.env.ref("base.USD")
        dollar.active = True
        self.refuse(self.old + self.late(self.moreau, 100, currency_id=dollar.id), "one plan per currency")

    def test_several_companies(self):
        other = self.env["res.company"].create({"name": "Autre société"})
        self.env["account.chart.template"].try_loading("generic_coa", other, install_demo=False)
        self.accountant.company_ids += other
        there = self.env["account.move"].with_company(other)
        income = self.env["account.account"].search(
            [("account_type", "=", "income"), ("company_ids", "in", other.ids)], limit=1
        )
        move = there.create(
            {
                "move_type": "out_invoice",
                "partner_id": self.moreau.id,
                "invoice_date": self.day,
                "currency_id": self.company.currency_id.id,
                "invoice_line_ids": [
                    Command.create(
                        {"name": "x", "price_unit": 10, "account_id": income.id, "tax_ids": [Command.clear()]}
                    )
                ],
            }
        )
        move.action_post()
        both = (self.old + move).with_context(allowed_company_ids=(self.company + other).ids)
        self.refuse(both, "several companies")

    def test_paid_draft_assigned_and_foreign_papers(self):
        draft = self.late(self.moreau, 100, post=False)
        self.refuse(draft, "not posted")
        self.refuse(self.old + draft, "not posted")
        paid = self.late(self.moreau, 100)
        self.settle(paid, self.day)
        self.refuse(paid, f"{paid.name} is paid")
        self.refuse(self.old + paid, f"{paid.name} is paid")
        assigned = self.late(self.moreau, 100)
        assigned.relance_factor_id = self.customer("Factor SA")
        self.refuse(assigned, "Factor SA")
        self.refuse(self.credit_note(self.moreau, 50, self.day), "no customer invoice")
        bill = self.late(self.moreau, 100, move_type="in_invoice")
        self.refuse(bill, "no customer invoice")
        self.refuse(self.old + bill, "no customer invoice")

    def test_an_invoice_in_a_plan(self):
        plan = self.propose(self.negotiate(self.old))
        self.refuse(self.old, f"already in plan {plan.name}")

    def test_two_negotiations_of_one_invoice_the_second_is_told(self):
        first, second = self.negotiate(self.old), self.negotiate(self.old)
        self.propose(first)
        with self.assertRaisesRegex(UserError, "already in plan"):
            second.save().action_propose()

    def test_paid_while_they_talk(self):
        form = self.negotiate(self.old)
        self.settle(self.old, self.day)
        with self.assertRaisesRegex(UserError, "is paid"):
            form.save().action_propose()

    def test_partly_paid_while_they_talk(self):
        form = self.negotiate(self.old)
        self.pay(self.old, self.day, 400)
        with self.assertRaisesRegex(UserError, "add up to"):
            form.save().action_propose()

    def test_penalties_of_a_public_body(self):
        self.moreau.relance_audience = "public"
        form = self.negotiate(self.old)
        form.waive_penalties = True
        self.assertIn("L2192-14", form.notice)
        with self.assertRaisesRegex(UserError, "L2192-14"):
            form.save().action_propose()

    def test_without_the_right(self):
        self.moreau.user_id = self.salesperson
        for record in (self.old, self.moreau):
            with self.assertRaises(AccessError) as caught:
                record.with_user(self.salesperson).action_negotiate_plan()
            self.assertIn("Reminders: user", str(caught.exception))
        with self.assertRaises(AccessError):
            self.env["relance.plan.negotiate"].with_user(self.salesperson).create({})


@tagged("post_install", "-at_install")
class TestCurrencies(NegotiationCase):
    def negotiate_in(self, code, amount):
        currency = self.env["res.currency"].with_context(active_test=False).search([("name", "=", code)])
        currency.active = True
        self.env["res.currency.rate"].create(
            {
                "currency_id": currency.id,
                "name": date(2020, 1, 1),
                "rate": {"JPY": 160, "TND": 3.3}.get(code, 0.33),
            }
        )
        form = self.negotiate(self.late(self.moreau, amount, currency_id=currency.id))
        self.assertEqual(form.currency_id, currency)
        return currency, form

    def assert_exact(self, currency, form, total):
        """The lines add up to the smallest coin and are made of whole coins."""
        amounts = [Decimal(str(amount)) for amount in self.amounts(form)]
        self.assertEqual(sum(amounts), Decimal(str(total)))
        for amount in amounts:
            self.assertEqual(amount, amount.quantize(Decimal(1).scaleb(-currency.decimal_places)))
        self.assertFalse(form.notice)

    def test_without_decimals(self):
        currency, form = self.negotiate_in("JPY", 100001)
        for count in (2, 3, 7, 11):
            form.count = count
            self.assert_exact(currency, form, 100001)
        form.amount_each = 30000
        self.assertEqual(self.amounts(form), [30000, 30000, 30000, 10001])
        with form.line_ids.edit(0) as line:
            line.amount = 12345
        self.assert_exact(currency, form, 100001)
        self.assertEqual(self.propose(form).amount_total, 100001)

    def test_with_three_decimals(self):
        for code in ("TND", "KWD"):
            currency, form = self.negotiate_in(code, 1000.001)
            for count in (3, 7):
                form.count = count
                self.assert_exact(currency, form, 1000.001)
            form.amount_each = 333.333
            self.assert_exact(currency, form, 1000.001)
            self.assertAlmostEqual(self.propose(form).amount_total, 1000.001, 3)


@tagged("post_install", "-at_install")
class TestSmallWizards(NegotiationCase):
    def proposed(self):
        return self.propose(self.negotiate(self.young))

    def small(self, action):
        return Form(
            self.env[action["res_model"]].with_user(self.accountant).with_context(**action["context"])
        )

    def test_agreed_on_the_phone_says_who(self):
        plan = self.proposed()
        form = self.small(plan.action_open_agree_phone())
        self.assertEqual((form.signed_by, form.signed_function), ("Julie Durand", "Gérante"))
        form.signed_by = "Marc Moreau"
        form.save().action_confirm()
        self.assertEqual((plan.state, plan.signed_kind, plan.signed_by), ("active", "phone", "Marc Moreau"))

    def test_signed_on_paper_keeps_the_scan(self):
        plan = self.proposed()
        form = self.small(plan.action_open_agree_paper())
        form.scan = b"JVBERi0xLjQ="
        wizard = form.save()
        wizard.scan_name = "accord.pdf"
        wizard.action_confirm()
        self.assertEqual((plan.state, plan.signed_kind), ("active", "paper"))
        self.assertEqual((plan.scan_id.name, plan.scan_id.res_model), ("accord.pdf", "relance.plan"))

    def test_withdrawn_with_a_reason(self):
        plan = self.proposed()
        form = self.small(plan.action_open_withdraw())
        form.reason = "Il a tout payé"
        form.save().action_confirm()
        self.assertEqual(
            (plan.state, plan.close_reason, plan.close_note), ("cancelled", "withdrawn", "Il a tout payé")
        )

    def test_a_reader_sees_and_does_not_act(self):
        self.moreau.user_id = self.salesperson
        plan = self.proposed().with_user(self.salesperson)
        self.assertEqual(plan.state, "proposed")
        for action in ("action_open_moves", "action_open_case"):
            getattr(plan, action)()
        for action in ("action_cancel", "action_renew", "action_revise", "action_accept", "action_redraw"):
            with self.assertRaises(AccessError, msg=action):
                getattr(plan, action)()
