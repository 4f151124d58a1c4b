"""What happens to a plan: payments as they come, on real books, and what it says of them each day.

Every history is a table. A row is a day, what happened on it, and what is expected after it:
the instalments (“paid 400 · late 150 · pending 0”), the plan (“active 550”: state and what was
received) and what the decision says of each covered invoice that is open (“plan”, or “free”
where reminders may go on; nothing where nothing is owed). Before and after each row time passes
as it does in the house, and after each the books are asked whether the plan says what they say.
"""

from collections import Counter, namedtuple
from datetime import date, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import MONDAY, RelanceCase

#: three Mondays four weeks apart
FIRST, SECOND, THIRD = date(2026, 3, 16), date(2026, 4, 13), date(2026, 5, 11)
DUE = date(2026, 2, 20)

Row = namedtuple("Row", "day action lines plan reason", defaults=("",))

#: what may happen to a plan, with figures that say to which invoice and how much
EVENT = st.one_of(
    st.tuples(st.just("days"), st.integers(1, 12)),
    st.tuples(st.just("pay"), st.tuples(st.integers(0, 3), st.integers(1, 130))),
    st.tuples(st.just("both"), st.integers(1, 130)),
    st.tuples(st.just("credit"), st.tuples(st.integers(0, 3), st.integers(1, 100))),
    st.tuples(st.just("undo"), st.integers(0, 9)),
    st.tuples(st.just("unmatch"), st.integers(0, 3)),
    st.tuples(st.just("match"), st.integers(0, 9)),
    st.tuples(st.just("reset"), st.integers(0, 3)),
)


class PlanBooks(RelanceCase):
    """A customer with one invoice of 1 200, an accountant on the phone, and days that pass."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # what is printed is tested elsewhere; printing takes a second each time
        cls.startClassPatcher(
            patch.object(
                cls.env.registry["relance.plan"], "_render_agreement", lambda self: b"%PDF-1.4 agreement"
            )
        )
        cls.startClassPatcher(
            patch.object(
                cls.env.registry["relance.plan.message"],
                "_render_letters",
                lambda self: dict.fromkeys(self.ids, b"%PDF-1.4 letter"),
            )
        )
        cls.client = cls.customer()
        cls.one = cls.invoice(cls.client, DUE, 1200.0)

    def setUp(self):
        super().setUp()
        clock = freeze_time(self.noon(MONDAY))
        self.clock = clock.start()
        self.addCleanup(clock.stop)
        self.matched_before = {}

    # -- days that pass ---------------------------------------------------------------------
    def day_of(self, text):
        """“03-16” as a day of 2026, unless it is a day already."""
        return text if isinstance(text, date) else date.fromisoformat(f"2026-{text}")

    def now_day(self):
        return self.company._relance_date()

    def go(self, day):
        """To 11 o'clock of ``day``: the scheduled action passes."""
        self.clock.move_to(self.noon(self.day_of(day)))
        return self.follow()

    def follow(self, company=None):
        """What the scheduled action does, at this moment."""
        company = company or self.company
        today = company._relance_date()
        messages = self.env["relance.plan"]._follow(company, today)
        for _once in range(9):
            if not self.env["relance.plan.message"]._send_batch(company, datetime.now()):
                break
        return messages

    def pass_days(self, until):
        """Every day up to ``until``, the scheduled action once on each."""
        until = self.day_of(until)
        day = self.company._relance_date()
        while day < until:
            day += timedelta(days=1)
            self.go(day)

    # -- the plan -----------------------------------------------------------------------------
    def agree(self, moves=None, parts=None, until="active", **values):
        """A plan as the accountant draws it, up to the state ``until``.

        :param moves: invoices or journal items it covers
        :param parts: list of (amount, day); default three of 400
        """
        moves = self.one if moves is None else moves
        lines = moves if moves._name == "account.move.line" else self.open_lines(moves)
        parts = parts or [(400, FIRST), (400, SECOND), (400, THIRD)]
        plans = self.env["relance.plan"].with_user(self.accountant).with_company(lines.company_id)
        plan = plans._create_from(
            lines,
            [{"date_due": self.day_of(day), "amount": amount} for amount, day in parts],
            **values,
        )
        self.matched_before[plan.id] = self.matched(plan)
        if until != "draft":
            plan.action_propose()
        if until == "active":
            plan.action_accept(signed_by="Jeanne Client")
        return plan

    def open_lines(self, moves):
        return self.line(moves).filtered(lambda line: not line.reconciled).sorted("date_maturity")

    # -- payments -------------------------------------------------------------------------------
    def register(self, moves, amount=None, day=None, user=None, **values):
        """The host's button “Pay” on these invoices, by a person who knows nothing of plans."""
        wizard = (
            self.env["account.payment.register"]
            .with_user(user or self.outsider)
            .with_context(active_model="account.move", active_ids=moves.ids)
            .create(
                {
                    "payment_date": day or self.now_day(),
                    "journal_id": self.bank.id,
                    **({"amount": amount} if amount else {}),
                    **values,
                }
            )
        )
        return wizard._create_payments().sudo()

    def transfer(self, amount, *moves, day=None, currency=None, foreign=None):
        """A bank statement line matched with these invoices, in this order."""
        lines = self.env["account.move.line"].union(*(self.open_lines(move) for move in moves))
        statement = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.bank.id,
                "date": day or self.now_day(),
                "payment_ref": "Virement",
                "amount": amount,
                "partner_id": moves[0].partner_id.id,
                "counterpart_account_id": lines[:1].account_id.id,
                **({"foreign_currency_id": currency.id, "amount_currency": foreign} if currency else {}),
            }
        )
        item = statement.move_id.line_ids.filtered(lambda line: line.account_id == lines[:1].account_id)
        (item + lines).reconcile()
        return statement

    def match(self, statement, lines):
        """A bank line that waited: its suspense item becomes the customer's, and is matched."""
        item = statement.move_id.line_ids.filtered(
            lambda line: line.account_id == self.bank.suspense_account_id
        )
        statement.move_id.button_draft()
        item.account_id = lines[:1].account_id or self.receivable
        statement.move_id.action_post()
        (item + lines).reconcile()

    def credit(self, move, amount, day=None, post=True):
        """A credit note over part of an invoice, matched with it."""
        note = self.credit_note(
            move.partner_id, amount, day or self.now_day(), currency_id=move.currency_id.id
        )
        (self.line(note) + self.open_lines(move)).reconcile()
        return note

    def entry(self, move, amount, account=None):
        """An entry by hand that takes ``amount`` off the invoice: a write-off, a set-off."""
        entry = self.env["account.move"].create(
            {
                "move_type": "entry",
                "date": self.now_day(),
                "line_ids": [
                    Command.create(
                        {
                            "name": "Extourne",
                            "account_id": self.receivable.id,
                            "partner_id": move.partner_id.id,
                            "credit": amount,
                        }
                    ),
                    Command.create(
                        {"name": "Extourne", "account_id": (account or self.income).id, "debit": amount}
                    ),
                ],
            }
        )
        entry.action_post()
        (self.line(entry) + self.open_lines(move)).reconcile()
        return entry

    def online_payment(self, day):
        """The customer pays by the link; his bank has not answered yet."""
        return self.env["payment.transaction"].create(
            {
                "provider_id": self.env["payment.provider"].search([], limit=1).id,
                "payment_method_id": self.env["payment.method"]
                .with_context(active_test=False)
                .search([], limit=1)
                .id,
                "reference": f"TX-{day}",
                "amount": 400,
                "currency_id": self.one.currency_id.id,
                "partner_id": self.client.id,
                "invoice_ids": [Command.set(self.one.ids)],
                "state": "pending",
                "last_state_change": self.noon(day),
            }
        )

    # -- what is expected -------------------------------------------------------------------------
    def told(self, plan):
        """The instalments in words."""
        return " · ".join(
            f"{line.state} {line.amount_paid:g}"
            for line in plan.line_ids.sorted(lambda line: (line.sequence, line.id))
        )

    def reasons(self, plan):
        """What the decision says of each covered item that is open: “plan” or “free”."""
        company = plan.company_id
        decision = self.env["relance.decision"]
        rows = decision._decide(company, company._relance_date(), plan.sudo().claim_ids.debtor_id)
        rows = {row.move_line_id: row.reason for row in rows}
        found = (rows.get(line.id) for line in plan.sudo().claim_ids.move_line_id)
        return " ".join("plan" if reason == "plan" else "free" for reason in found if reason)

    def expect(self, plan, lines=None, state=None, reason=None, where=""):
        plan = plan.sudo()
        self.follow(plan.company_id)
        if lines is not None:
            self.assertEqual(self.told(plan), lines, where)
        if state is not None:
            self.assertEqual(f"{plan.state} {plan.amount_paid:g}", state, where)
        if reason is not None:
            self.assertEqual(self.reasons(plan), reason, where)
        self.check(plan, where)

    def tell(self, plan, rows):
        """Live through these rows; what happens may be a function that takes no argument."""
        for number, row in enumerate(map(lambda one: Row(*one), rows), 1):
            where = f"row {number}, {row.day}"
            self.go(row.day)
            if row.action:
                row.action()
            self.expect(plan, row.lines, row.plan, row.reason, where)

    # -- what always holds ----------------------------------------------------------------------
    def matched(self, plan):
        """What the books match with each covered item, by the entry it comes from."""
        discounts = plan.sudo().discount_move_ids
        return {
            claim.id: Counter(
                {
                    move.id: sum(Decimal(str(partial.debit_amount_currency)) for partial in partials)
                    for move, partials in claim.move_line_id.matched_credit_ids.grouped(
                        lambda partial: partial.credit_move_id.move_id
                    ).items()
                    if move not in discounts
                }
            )
            for claim in plan.sudo().claim_ids
        }

    def received(self, plan):
        """Matched with the covered items since the plan was drawn, by the books alone."""
        before = self.matched_before[plan.id]
        return {
            # Counter drops what is no more than before
            claim: sum((now - before[claim]).values(), Decimal(0))
            for claim, now in self.matched(plan).items()
        }

    def snapshot(self, plan):
        plan = plan.sudo()
        return (
            plan.read(["state", "amount_paid", "amount_left", "next_date", "date_closed", "date_notice"]),
            plan.line_ids.read(
                ["state", "amount_paid", "amount_left", "date_paid", "date_settled", "by_money"]
            ),
            plan.claim_ids.read(["amount_paid", "live", "tolerated", "move_line_id"]),
            plan.message_log_ids.sorted("id").read(["kind", "state"]),
            len(plan.message_ids),
            len(plan.activity_ids),
        )

    def check(self, plan, where=""):
        """Plan and books agree, and looking again changes nothing."""
        plan = plan.sudo()
        received = self.received(plan)
        # an invoice that is being corrected says nothing, and what is over is history
        if plan.state != "cancelled" and not plan.has_lost_claims:
            for claim in plan.claim_ids:
                self.assertEqual(Decimal(f"{claim.amount_paid:.3f}"), received[claim.id], where)
            total = sum(received.values())
            self.assertEqual(Decimal(f"{plan.amount_paid:.3f}"), total, where)
            imputed = sum(Decimal(f"{line.amount_paid:.3f}") for line in plan.line_ids)
            self.assertEqual(imputed, min(total, Decimal(f"{plan.amount_total:.3f}")), where)
        for line in plan.line_ids:
            self.assertGreaterEqual(line.amount_paid, 0, where)
            self.assertLessEqual(line.amount_paid, line.amount, where)
            if line.state == "pending":
                self.assertEqual(line.amount_paid, 0, where)
            expected = max(line.date_due, plan.date_start or line.date_due)
            if line.state in ("pending", "partial") and plan.state == "active":
                self.assertGreaterEqual(expected, self.now_day(), where)
            if line.state == "late":
                self.assertLess(expected, self.now_day(), where)
            self.assertLessEqual(line.amount_money, line.amount_paid, where)
            self.assertEqual(bool(line.date_settled), line.state == "paid", where)
        if plan.state in ("kept", "broken", "cancelled"):
            self.assertFalse(
                plan.line_ids.filtered(lambda line: line.state in ("pending", "partial", "late"))
            )
            self.assertFalse(plan.claim_ids.filtered("live"), where)
        if plan.state == "kept":
            self.assertLessEqual(set(plan.line_ids.mapped("state")), {"paid", "cancelled"}, where)
            self.assertTrue(any(plan.line_ids.mapped("amount_money")), where)
        before = self.snapshot(plan)
        plan._refresh()
        self.follow(plan.company_id)
        self.env.invalidate_all()
        self.assertEqual(self.snapshot(plan), before, f"{where}: looking again changed something")

    def kinds(self, plan, *states):
        """What was said about this plan, in order."""
        messages = plan.sudo().message_log_ids.sorted("id")
        return [one.kind for one in messages if one.state in (states or ("sent",))]


@tagged("post_install", "-at_install")
class TestHistories(PlanBooks):
    """What happened, as a table."""

    # -- as agreed, or nearly so -------------------------------------------------------------------

    def test_on_time_by_bank(self):
        plan = self.agree()

        def pay():
            self.transfer(400, self.one)

        self.tell(
            plan,
            [
                ("03-02", None, "pending 0 · pending 0 · pending 0", "active 0", "plan"),
                ("03-16", pay, "paid 400 · pending 0 · pending 0", "active 400", "plan"),
                ("04-13", pay, "paid 400 · paid 400 · pending 0", "active 800", "plan"),
                ("05-11", pay, "paid 400 · paid 400 · paid 400", "active 1200", ""),
                ("05-12", None, "paid 400 · paid 400 · paid 400", "kept 1200", ""),
            ],
        )
        self.assertEqual(plan.sudo().line_ids.mapped("date_paid"), [FIRST, SECOND, THIRD])
        self.assertFalse(plan.activity_ids)

    def test_on_time_by_the_button_of_the_host(self):
        plan = self.agree()

        def pay():
            self.register(self.one, 400)

        self.tell(
            plan,
            [
                ("03-16", pay, "paid 400 · pending 0 · pending 0", "active 400", "plan"),
                ("04-13", pay, "paid 400 · paid 400 · pending 0", "active 800", "plan"),
                ("05-11", pay, "paid 400 · paid 400 · paid 400", "active 1200", ""),
                ("05-12", None, "paid 400 · paid 400 · paid 400", "kept 1200", ""),
            ],
        )

    def test_in_small_parts(self):
        plan = self.agree()

        def pay(amount):
            return lambda: self.transfer(amount, self.one)

        self.tell(
            plan,
            [
                ("03-09", pay(150), "partial 150 · pending 0 · pending 0", "active 150", "plan"),
                ("03-16", pay(100), "partial 250 · pending 0 · pending 0", "active 250", "plan"),
                ("03-17", None, "late 250 · pending 0 · pending 0", "active 250", "plan"),
                ("03-18", pay(100), "late 350 · pending 0 · pending 0", "active 350", "plan"),
                ("03-19", pay(90), "paid 400 · partial 40 · pending 0", "active 440", "plan"),
            ],
        )

    def test_early_and_all_the_rest_at_once(self):
        plan = self.agree()

        def pay(amount):
            return lambda: self.transfer(amount, self.one)

        self.tell(
            plan,
            [
                ("03-05", pay(400), "paid 400 · pending 0 · pending 0", "active 400", "plan"),
                ("03-20", pay(800), "paid 400 · paid 400 · paid 400", "active 1200", ""),
                # that was a Friday: thanks are given on the next working day
                ("03-21", None, "paid 400 · paid 400 · paid 400", "active 1200", ""),
                ("03-22", None, "paid 400 · paid 400 · paid 400", "active 1200", ""),
                ("03-23", None, "paid 400 · paid 400 · paid 400", "kept 1200", ""),
            ],
        )

    def test_late_and_then_made_up(self):
        plan = self.agree()

        def pay():
            self.transfer(400, self.one)

        self.tell(
            plan,
            [
                ("03-16", None, "pending 0 · pending 0 · pending 0", "active 0", "plan"),
                ("03-17", None, "late 0 · pending 0 · pending 0", "active 0", "plan"),
                ("03-20", pay, "paid 400 · pending 0 · pending 0", "active 400", "plan"),
                ("04-13", pay, "paid 400 · paid 400 · pending 0", "active 800", "plan"),
                ("05-12", None, "paid 400 · paid 400 · late 0", "active 800", "plan"),
                ("05-13", pay, "paid 400 · paid 400 · paid 400", "active 1200", ""),
                ("05-14", None, "paid 400 · paid 400 · paid 400", "kept 1200", ""),
            ],
        )

    def test_booked_later_than_it_was_paid(self):
        """The bank is entered on Wednesday; the money was there on Monday."""
        plan = self.agree()

        def enter():
            self.transfer(400, self.one, day=FIRST)

        self.tell(
            plan,
            [
                ("03-17", None, "late 0 · pending 0 · pending 0", "active 0", "plan"),
                ("03-18", enter, "paid 400 · pending 0 · pending 0", "active 400", "plan"),
            ],
        )
        line = plan.sudo().line_ids[0]
        self.assertEqual((line.date_paid, line.date_settled), (FIRST, date(2026, 3, 18)))

    def test_more_than_the_instalment(self):
        plan = self.agree()

        def pay(amount):
            return lambda: self.transfer(amount, self.one)

        self.tell(
            plan,
            [
                ("03-16", pay(500), "paid 400 · partial 100 · pending 0", "active 500", "plan"),
                ("04-13", pay(300), "paid 400 · paid 400 · pending 0", "active 800", "plan"),
            ],
        )

    def test_more_than_all_that_is_owed(self):
        plan = self.agree()

        def pay():
            self.transfer(1500, self.one)

        self.tell(
            plan,
            [
                ("03-16", pay, "paid 400 · paid 400 · paid 400", "active 1200", ""),
                ("03-17", None, "paid 400 · paid 400 · paid 400", "kept 1200", ""),
            ],
        )

    def test_one_transfer_for_two_invoices(self):
        two = self.invoice(self.client, DUE, 800.0)
        plan = self.agree(self.one + two, [(500, "03-16"), (500, "04-13"), (500, "05-11"), (500, "06-08")])

        def both():
            self.transfer(1500, self.one, two)

        def rest():
            self.register((self.one + two).filtered("amount_residual"))

        self.tell(
            plan,
            [
                ("03-16", both, "paid 500 · paid 500 · paid 500 · pending 0", "active 1500", "plan"),
                ("03-17", rest, "paid 500 · paid 500 · paid 500 · paid 500", "active 2000", ""),
                ("03-18", None, "paid 500 · paid 500 · paid 500 · paid 500", "kept 2000", ""),
            ],
        )
        self.assertEqual(len(set(plan.sudo().line_ids[:3].mapped("date_paid"))), 1)

    def test_one_payment_of_the_host_for_two_invoices(self):
        two = self.invoice(self.client, DUE, 800.0)
        plan = self.agree(self.one + two, [(1000, "03-16"), (1000, "04-13")])
        self.go("03-16")
        self.register(self.one + two, 1300, group_payment=True)
        self.assertEqual(len(plan.sudo()._progress()[plan.id]["payments"]), 1)
        self.expect(plan, "paid 1000 · partial 300", "active 1300", "plan")

    def test_another_covered_invoice(self):
        """He pays the younger one first: the instalment is paid all the same."""
        two = self.invoice(self.client, DUE + timedelta(days=5), 800.0)
        plan = self.agree(self.one + two, [(500, "03-16"), (500, "04-13"), (1000, "05-11")])

        def pay(amount, move):
            return lambda: self.transfer(amount, move)

        self.tell(
            plan,
            [
                ("03-16", pay(500, two), "paid 500 · pending 0 · pending 0", "active 500", "plan plan"),
                ("04-13", pay(300, two), "paid 500 · partial 300 · pending 0", "active 800", "plan"),
                ("04-13", pay(200, self.one), "paid 500 · paid 500 · pending 0", "active 1000", "plan"),
            ],
        )

    def test_an_invoice_that_is_not_covered(self):
        other = self.invoice(self.client, DUE, 400.0)
        plan = self.agree()

        def pay():
            self.transfer(400, other)

        self.tell(
            plan,
            [
                ("03-16", pay, "pending 0 · pending 0 · pending 0", "active 0", "plan"),
                ("03-17", None, "late 0 · pending 0 · pending 0", "active 0", "plan"),
            ],
        )
        # and what is not covered goes on as usual
        third = self.invoice(self.client, DUE, 300.0)
        self.assertNotEqual(self.reason(third, self.now_day()), "plan")

    def test_money_that_nobody_matched_yet(self):
        """A transfer without invoice is no progress before somebody matches it."""
        plan = self.agree()
        self.go("03-16")
        statement = self.bank_line(400, FIRST, self.client)
        self.expect(plan, "pending 0 · pending 0 · pending 0", "active 0", "plan")
        self.go("03-18")
        self.expect(plan, "late 0 · pending 0 · pending 0", "active 0", "plan")
        self.match(statement, self.line(self.one))
        self.expect(plan, "paid 400 · pending 0 · pending 0", "active 400", "plan")
        self.assertEqual(plan.sudo().line_ids[0].date_paid, FIRST)

    # -- a few cents are no reason to break with anybody -------------------------------------------

    def after(self, amount, percent=2.0, fees=0.0):
        """The first instalment of 400 after ``amount`` came in."""
        with self.env.cr.savepoint() as savepoint:
            self.company.write({"relance_short_percent": percent, "relance_bank_fees": fees})
            plan = self.agree()
            self.go(FIRST)
            self.transfer(amount, self.one)
            self.check(plan, f"{amount} with {percent} % or {fees}")
            line = plan.sudo().line_ids[0]
            found = f"{line.state} {line.amount_paid:g}"
            savepoint.rollback()
            self.env.invalidate_all()
        self.clock.move_to(self.noon(MONDAY))
        return found

    def test_how_short_is_short(self):
        self.assertEqual(self.after(394), "paid 394")  # 1.5 %
        self.assertEqual(self.after(392.01), "paid 392.01")
        self.assertEqual(self.after(392), "partial 392")  # 2 %: not less than 2 %
        self.assertEqual(self.after(388), "partial 388")  # 3 %
        self.assertEqual(self.after(399.99, percent=0), "partial 399.99")
        self.assertEqual(self.after(388, percent=5), "paid 388")

    def test_fees_that_banks_keep(self):
        self.assertEqual(self.after(388, fees=15), "paid 388")
        self.assertEqual(self.after(384, fees=15), "partial 384")
        self.assertEqual(self.after(388, percent=0, fees=15), "paid 388")

    def test_never_half_of_what_was_agreed(self):
        """Whatever somebody typed into the settings."""
        self.assertEqual(self.after(190, fees=500), "partial 190")
        self.assertEqual(self.after(200, fees=500), "partial 200")
        self.assertEqual(self.after(190, percent=80), "partial 190")

    def test_the_next_payment_makes_up_for_it(self):
        plan = self.agree()

        def pay(amount):
            return lambda: self.transfer(amount, self.one)

        self.tell(
            plan,
            [
                ("03-16", pay(394), "paid 394 · pending 0 · pending 0", "active 394", "plan"),
                ("04-13", pay(406), "paid 400 · paid 400 · pending 0", "active 800", "plan"),
                ("05-11", pay(400), "paid 400 · paid 400 · paid 400", "active 1200", ""),
                ("05-12", None, "paid 400 · paid 400 · paid 400", "kept 1200", ""),
            ],
        )

    def test_kept_but_for_the_fees(self):
        """Three times 6 are missing: the plan is kept, the rest is left in peace and reported."""
        plan = self.agree()

        def pay():
            self.transfer(394, self.one)

        self.tell(
            plan,
            [
                ("03-16", pay, "paid 394 · pending 0 · pending 0", "active 394", "plan"),
                ("04-13", pay, "paid 394 · paid 394 · pending 0", "active 788", "plan"),
                ("05-11", pay, "paid 394 · paid 394 · paid 394", "active 1182", "plan"),
                ("05-12", None, "paid 394 · paid 394 · paid 394", "kept 1182", "plan"),
                (
                    "05-13",
                    lambda: self.entry(self.one, 18),
                    "paid 400 · paid 400 · paid 400",
                    "kept 1200",
                    "",
                ),
            ],
        )
        self.assertEqual(self.one.amount_residual, 0)
        self.assertEqual(plan.sudo().activity_ids.user_id, self.accountant)

    def test_a_kept_plan_stays_kept_under_other_settings(self):
        plan = self.agree(parts=[(1200, FIRST)])
        self.go(FIRST)
        self.transfer(1190, self.one)
        self.go("03-17")
        self.expect(plan, "paid 1190", "kept 1190", "plan")
        self.company.relance_short_percent = 0
        self.go("03-18")
        self.expect(plan, "paid 1190", "kept 1190", "plan")

    # -- what came in goes away again --------------------------------------------------------------

    def test_unmatched_and_matched_again(self):
        plan = self.agree()
        self.go(FIRST)
        statement = self.transfer(400, self.one)
        line = self.line(self.one)
        item = line.matched_credit_ids.credit_move_id
        paid, late = "paid 400 · pending 0 · pending 0", "late 0 · pending 0 · pending 0"
        self.tell(
            plan,
            [
                ("03-17", None, paid, "active 400", "plan"),
                ("03-17", line.remove_move_reconcile, late, "active 0", "plan"),
                ("03-18", lambda: (item + line).reconcile(), paid, "active 400", "plan"),
                ("03-19", statement.action_undo_reconciliation, late, "active 0", "plan"),
                ("03-20", lambda: self.match(statement, line), paid, "active 400", "plan"),
            ],
        )

    def test_undone_before_it_was_due(self):
        plan = self.agree()
        self.go("03-09")
        statement = self.transfer(600, self.one)
        self.expect(plan, "paid 400 · partial 200 · pending 0", "active 600", "plan")
        self.go("03-10")
        statement.action_undo_reconciliation()
        self.expect(plan, "pending 0 · pending 0 · pending 0", "active 0", "plan")

    def test_payment_reset_and_cancelled(self):
        plan = self.agree()
        self.go(FIRST)
        payment = self.register(self.one, 400)
        paid, late = "paid 400 · pending 0 · pending 0", "late 0 · pending 0 · pending 0"
        self.tell(
            plan,
            [
                ("03-16", None, paid, "active 400", "plan"),
                # the host keeps what is matched with a draft
                ("03-18", payment.action_draft, paid, "active 400", "plan"),
                ("03-18", payment.action_cancel, late, "active 0", "plan"),
                ("03-19", lambda: self.register(self.one, 400), paid, "active 400", "plan"),
            ],
        )

    def test_payment_reset_and_posted_again(self):
        plan = self.agree()
        self.go(FIRST)
        payment = self.register(self.one, 400)
        payment.action_draft()
        payment.action_post()
        self.expect(plan, "paid 400 · pending 0 · pending 0", "active 400", "plan")
        # another amount makes other items: the host unmatches them
        payment.action_draft()
        payment.amount = 300
        payment.action_post()
        self.expect(plan, "pending 0 · pending 0 · pending 0", "active 0", "plan")
        item = payment.move_id.line_ids.filtered(lambda line: line.account_id == self.receivable)
        (item + self.line(self.one)).reconcile()
        self.expect(plan, "partial 300 · pending 0 · pending 0", "active 300", "plan")

    def test_rejected_by_the_bank(self):
        """The books of the host keep a rejected payment until somebody unmatches it."""
        plan = self.agree()
        self.go(FIRST)
        payment = self.register(self.one, 400)
        payment.is_sent = True
        self.go("03-17")
        payment.with_user(self.accountant).action_reject()
        self.assertEqual(payment.state, "rejected")
        self.expect(plan, "paid 400 · pending 0 · pending 0", "active 400", "plan")
        self.go("03-18")
        self.line(self.one).remove_move_reconcile()
        self.expect(plan, "late 0 · pending 0 · pending 0", "active 0", "plan")

    def test_refunded(self):
        """We sent the money back: the transfer out takes the transfer in."""
        plan = self.agree()
        self.go(FIRST)
        self.transfer(400, self.one)
        item = self.line(self.one).matched_credit_ids.credit_move_id

        def refund():
            out = self.bank_line(-400, self.now_day(), self.client)
            item.remove_move_reconcile()
            self.match(out, item)

        def pay():
            self.transfer(400, self.one)

        self.tell(
            plan,
            [
                ("03-17", None, "paid 400 · pending 0 · pending 0", "active 400", "plan"),
                ("03-19", refund, "late 0 · pending 0 · pending 0", "active 0", "plan"),
                ("03-23", pay, "paid 400 · pending 0 · pending 0", "active 400", "plan"),
            ],
        )

    def test_kept_until_the_last_payment_bounced(self):
        plan = self.agree(waive_penalties=True)
        self.go(FIRST)
        self.transfer(800, self.one)
        self.go("04-13")
        bounced = self.transfer(400, self.one)
        self.go("04-14")
        self.expect(plan, "paid 400 · paid 400 · paid 400", "kept 1200", "")
        self.assertTrue(plan.sudo().waiver_due)

        def bounce():
            bounced.action_undo_reconciliation()

        def pay():
            self.transfer(400, self.one)

        self.tell(
            plan,
            [
                ("04-16", bounce, "paid 400 · paid 400 · pending 0", "active 800", "plan"),
                ("05-12", None, "paid 400 · paid 400 · late 0", "active 800", "plan"),
            ],
        )
        self.assertFalse(plan.sudo().waiver_due)
        self.assertFalse(plan.sudo().date_closed)
        self.assertIn(self.accountant, plan.sudo().activity_ids.user_id)
        self.tell(
            plan,
            [
                ("05-13", pay, "paid 400 · paid 400 · paid 400", "active 1200", ""),
                ("05-14", None, "paid 400 · paid 400 · paid 400", "kept 1200", ""),
            ],
        )
        self.assertTrue(plan.sudo().waiver_due)
        self.assertEqual(self.kinds(plan).count("thanks"), 1)
        self.assertEqual(self.kinds(plan, "void").count("thanks"), 1)

    def test_kept_until_an_early_payment_bounced_long_after(self):
        plan = self.agree()
        self.go(FIRST)
        bounced = self.transfer(400, self.one)
        self.go("03-20")
        self.transfer(800, self.one)
        self.go("06-01")
        self.expect(plan, "paid 400 · paid 400 · paid 400", "kept 1200", "")
        bounced.action_undo_reconciliation()
        self.expect(plan, "paid 400 · paid 400 · late 0", "active 800", "plan")

    def test_bounced_while_another_plan_covers_what_was_left(self):
        """A kept plan cannot go on where a newer one took over: people are told, nothing fails."""
        plan = self.agree(parts=[(1200, FIRST)])
        self.go(FIRST)
        statement = self.transfer(1180, self.one)
        self.go("03-17")
        self.expect(plan, "paid 1180", "kept 1180", "plan")
        newer = self.agree(parts=[(20, "03-20")], until="draft")
        newer.with_user(self.manager).action_propose()
        newer.action_accept(signed_by="Jeanne Client")
        self.go("03-18")
        statement.action_undo_reconciliation()
        self.assertEqual(self.one.amount_residual, 1200)
        self.assertEqual(newer.state, "active")
        self.assertNotEqual(plan.sudo().state, "active")
        self.assertTrue(plan.sudo().activity_ids)
        self.expect(newer, "pending 0", "active 0", "plan")

    def test_an_earlier_payment_undone(self):
        """What was paid before the plan is none of its business, and no progress when it returns."""
        earlier = self.transfer(300, self.one, day=date(2026, 2, 25))
        plan = self.agree(parts=[(300, FIRST), (300, SECOND), (300, THIRD)])
        line = self.line(self.one)
        item = line.matched_credit_ids.credit_move_id
        told = "paid 300 · pending 0 · pending 0", "active 300", "plan"
        self.tell(
            plan,
            [
                ("03-16", lambda: self.transfer(300, self.one), *told),
                ("03-17", item.remove_move_reconcile, *told),
                ("03-18", lambda: (item + line).reconcile(), *told),
                # the bank widget throws the journal items away and makes new ones
                ("03-19", earlier.action_undo_reconciliation, *told),
                ("03-20", lambda: self.match(earlier, line), *told),
            ],
        )

    def test_an_earlier_payment_undone_leaves_more_than_the_plan(self):
        """The plan is kept; what is owed beside it is reminded again, not forgiven."""
        earlier = self.transfer(300, self.one, day=date(2026, 2, 25))
        plan = self.agree(parts=[(900, FIRST)])
        self.go("03-10")
        earlier.action_undo_reconciliation()
        self.expect(plan, "pending 0", "active 0", "plan")
        self.go(FIRST)
        self.transfer(900, self.one)
        self.go("03-17")
        self.expect(plan, "paid 900", "kept 900", "free")
        self.assertEqual(self.one.amount_residual, 300)
        self.assertTrue(plan.sudo().activity_ids, "somebody should know")

    def test_the_earlier_payment_pays_more_of_it(self):
        """Part of an earlier transfer lay on another invoice; now all of it counts here."""
        other = self.invoice(self.client, DUE, 500.0)
        self.transfer(700, other, self.one, day=date(2026, 2, 25))
        self.assertEqual((other.amount_residual, self.one.amount_residual), (0, 1000))
        plan = self.agree(parts=[(500, FIRST), (500, SECOND)])
        item = self.line(self.one).matched_credit_ids.credit_move_id
        self.go("03-10")
        item.remove_move_reconcile()
        self.expect(plan, "pending 0 · pending 0", "active 0", "plan")
        (item + self.line(self.one)).reconcile()
        self.assertEqual(self.one.amount_residual, 500)
        self.expect(plan, "paid 500 · pending 0", "active 500", "plan")

    # -- settled by something else than money ------------------------------------------------------

    def test_credit_note_over_an_instalment(self):
        plan = self.agree()
        self.tell(
            plan,
            [
                (
                    "03-10",
                    lambda: self.credit(self.one, 400),
                    "paid 400 · pending 0 · pending 0",
                    "active 400",
                    "plan",
                ),
                ("03-11", None, "paid 400 · pending 0 · pending 0", "active 400", "plan"),
                (
                    "04-13",
                    lambda: self.transfer(800, self.one),
                    "paid 400 · paid 400 · paid 400",
                    "active 1200",
                    "",
                ),
                ("04-14", None, "paid 400 · paid 400 · paid 400", "kept 1200", ""),
            ],
        )
        self.assertEqual(plan.sudo().line_ids.mapped("by_money"), [False, True, True])
        self.assertNotIn("receipt", self.kinds(plan))

    def test_everything_credited(self):
        plan = self.agree()
        paid = "paid 400 · paid 400 · paid 400"
        self.tell(
            plan,
            [
                ("03-10", lambda: self.credit(self.one, 1200), paid, "active 1200", ""),
                ("03-11", None, paid, "cancelled 1200", ""),
            ],
        )
        self.assertEqual(plan.sudo().close_reason, "settled")
        self.assertFalse({"thanks", "receipt"} & {*self.kinds(plan, "sent", "ready", "void")})

    def test_everything_written_off(self):
        plan = self.agree()
        self.go("03-10")
        self.entry(self.one, 1200)
        self.go("03-11")
        self.expect(plan, "paid 400 · paid 400 · paid 400", "cancelled 1200", "")
        self.assertEqual(plan.sudo().close_reason, "settled")

    def test_debt_that_changes_while_offered(self):
        """Whoever made the offer hears that it cannot be signed any more."""
        earlier = self.transfer(300, self.one, day=date(2026, 2, 25))
        plan = self.agree(parts=[(900, FIRST)], until="proposed")
        self.go("03-03")
        line = self.line(self.one)
        item = line.matched_credit_ids.credit_move_id
        earlier.action_undo_reconciliation()
        self.expect(plan, "pending 0", "proposed 0", "plan")
        self.assertEqual(plan.sudo().activity_ids.user_id, self.accountant)
        with self.assertRaisesRegex(UserError, "changed"):
            plan.action_accept(signed_by="Jeanne Client")
        self.assertFalse(item.exists())
        self.match(earlier, line)
        self.assertFalse(plan.sudo().activity_ids)
        plan.action_accept(signed_by="Jeanne Client")
        self.expect(plan, "pending 0", "active 0", "plan")

    def test_everything_credited_while_offered(self):
        """Nobody signs for a debt that is gone."""
        plan = self.agree(until="proposed")
        self.go("03-03")
        self.credit(self.one, 1200)
        self.expect(plan, "paid 400 · paid 400 · paid 400", "proposed 1200", "")
        with self.assertRaises(UserError):
            plan.action_accept(signed_by="Jeanne Client")

    def test_paid_but_for_a_credit_note_at_the_end(self):
        """He paid 1 100 of 1 200 himself: that is a plan that was kept."""
        plan = self.agree(parts=[(1200, FIRST)], waive_penalties=True)
        self.tell(
            plan,
            [
                ("03-10", lambda: self.transfer(1100, self.one), "partial 1100", "active 1100", "plan"),
                ("03-16", lambda: self.credit(self.one, 100), "paid 1200", "active 1200", ""),
                ("03-17", None, "paid 1200", "kept 1200", ""),
            ],
        )
        self.assertTrue(plan.sudo().waiver_due)

    def test_credit_note_taken_back(self):
        plan = self.agree()
        self.go("03-10")
        note = self.credit(self.one, 500)
        self.expect(plan, "paid 400 · partial 100 · pending 0", "active 500", "plan")
        self.go("03-18")
        note.button_draft()
        self.expect(plan, "paid 400 · partial 100 · pending 0", "active 500", "plan")
        note.button_cancel()
        self.expect(plan, "late 0 · pending 0 · pending 0", "active 0", "plan")

    def test_payment_that_closes_the_invoice_with_a_difference(self):
        """The host books 1 190 and writes 10 off in the same entry."""
        plan = self.agree(parts=[(600, FIRST), (600, SECOND)])
        self.go(FIRST)
        self.register(
            self.one,
            1190,
            payment_difference_handling="reconcile",
            writeoff_account_id=self.income.id,
        )
        self.assertEqual(self.one.amount_residual, 0)
        self.expect(plan, "paid 600 · paid 600", "active 1200", "")
        self.go("03-17")
        self.expect(plan, "paid 600 · paid 600", "kept 1200", "")

    def test_returned_goods(self):
        plan = self.agree(until="draft")
        plan.line_ids[1].write({"kind": "goods", "note": "Palettes"})
        plan.action_propose()
        plan.action_accept(signed_by="Jeanne Client")

        def pay():
            self.transfer(400, self.one)

        def returned():
            self.credit(self.one, 400)

        self.tell(
            plan,
            [
                ("03-16", pay, "paid 400 · pending 0 · pending 0", "active 400", "plan"),
                ("04-13", returned, "paid 400 · paid 400 · pending 0", "active 800", "plan"),
                ("05-11", pay, "paid 400 · paid 400 · paid 400", "active 1200", ""),
                ("05-12", None, "paid 400 · paid 400 · paid 400", "kept 1200", ""),
            ],
        )

    def discounted(self):
        plan = self.agree(until="draft")
        plan.sudo()._ask_discount(200, "Livraison en retard")
        plan.with_user(self.manager).action_grant_discount()
        self.assertEqual(plan.line_ids.mapped("amount"), [400, 400, 200])
        return plan

    def book_discount(self, plan):
        note = plan.sudo().discount_move_ids
        note.action_post()
        (self.line(note) + self.line(self.one)).reconcile()

    def test_discount_of_the_plan_is_no_payment(self):
        plan = self.discounted()
        plan.action_propose()
        plan.action_accept(signed_by="Jeanne Client")

        def book():
            self.book_discount(plan)

        def pay(amount):
            return lambda: self.transfer(amount, self.one)

        self.tell(
            plan,
            [
                ("03-10", book, "pending 0 · pending 0 · pending 0", "active 0", "plan"),
                ("03-16", pay(400), "paid 400 · pending 0 · pending 0", "active 400", "plan"),
                ("04-13", pay(600), "paid 400 · paid 400 · paid 200", "active 1000", ""),
                ("04-14", None, "paid 400 · paid 400 · paid 200", "kept 1000", ""),
            ],
        )

    def test_discount_booked_before_the_signature(self):
        """The credit note that the offer itself speaks of is no change of the debt."""
        plan = self.discounted()
        plan.action_propose()
        self.book_discount(plan)
        plan.action_accept(signed_by="Jeanne Client")
        self.expect(plan, "pending 0 · pending 0 · pending 0", "active 0", "plan")

    def test_discount_booked_before_the_offer(self):
        plan = self.discounted()
        self.book_discount(plan)
        plan.action_propose()
        plan.action_accept(signed_by="Jeanne Client")
        self.expect(plan, "pending 0 · pending 0 · pending 0", "active 0", "plan")

    def test_kept_while_the_credit_note_of_the_discount_is_a_draft(self):
        """What is open is the discount: nobody is asked for it."""
        plan = self.discounted()
        plan.action_propose()
        plan.action_accept(signed_by="Jeanne Client")
        self.go(FIRST)
        self.transfer(1000, self.one)
        self.go("03-17")
        self.expect(plan, "paid 400 · paid 400 · paid 200", "kept 1000", "plan")

    # -- the host rewrites what the plan covers ----------------------------------------------------

    def test_reset_to_draft_and_posted_again(self):
        plan = self.agree()
        self.go(FIRST)
        self.transfer(400, self.one)
        self.go("03-18")
        self.one.with_user(self.outsider).button_draft()
        self.assertTrue(plan.sudo().has_lost_claims)
        self.expect(plan, "paid 400 · pending 0 · pending 0", "active 400", "")
        self.assertTrue(plan.sudo().activity_ids)

        def post():
            self.one.with_user(self.outsider).action_post()

        self.tell(
            plan,
            [
                # nothing ends, nothing is said, while the invoice is being corrected
                ("04-20", None, "paid 400 · late 0 · pending 0", "active 400", ""),
                ("04-21", post, "paid 400 · late 0 · pending 0", "active 400", "plan"),
            ],
        )
        self.assertFalse(plan.sudo().activity_ids)
        self.assertNotIn("notice", self.kinds(plan))

    def test_posted_again_with_other_items(self):
        """Another due date may make other journal items: the plan finds the invoice again."""
        plan = self.agree()
        self.go("03-05")
        self.one.button_draft()
        self.one.invoice_date_due = date(2026, 2, 28)
        self.one.action_post()
        self.assertEqual(plan.sudo().move_line_ids, self.line(self.one))
        self.go(FIRST)
        self.transfer(400, self.one)
        self.expect(plan, "paid 400 · pending 0 · pending 0", "active 400", "plan")

    def test_posted_again_smaller_and_paid(self):
        """Nothing is owed any more: he kept what was left of the plan, and missed nothing."""
        self.company.relance_bank_stale_days = 0
        plan = self.agree()
        self.go("03-05")
        self.one.button_draft()
        self.one.invoice_line_ids.price_unit = 400.0
        self.one.action_post()
        self.go(FIRST)
        self.transfer(400, self.one)
        self.expect(plan, "paid 400 · cancelled 0 · cancelled 0", "active 400", "")
        self.assertTrue(plan.sudo().activity_ids, "a person should look at it")
        self.go("03-17")
        self.expect(plan, "paid 400 · cancelled 0 · cancelled 0", "kept 400", "")

    def test_posted_again_larger(self):
        """The instalments stay as they were agreed; somebody looks at what is more."""
        plan = self.agree(parts=[(1200, FIRST)])
        self.go("03-05")
        self.one.button_draft()
        self.one.invoice_line_ids.price_unit = 1300.0
        self.one.action_post()
        self.assertEqual(plan.sudo().activity_ids.user_id, self.accountant)
        self.go(FIRST)
        self.transfer(1200, self.one)
        self.go("03-17")
        self.expect(plan, "paid 1200", "kept 1200", "free")

    def test_cancelled_and_deleted(self):
        plan = self.agree()
        self.go("03-05")
        self.one.button_draft()
        self.one.button_cancel()
        self.expect(plan, "pending 0 · pending 0 · pending 0", "active 0", "")
        self.pass_days("03-30")
        self.assertEqual(plan.state, "active")
        self.assertFalse({"nudge", "notice", "broken"} & {*self.kinds(plan)})
        self.one.button_draft()
        self.one.name = "/"
        self.one.with_context(force_delete=True).unlink()
        self.assertTrue(plan.sudo().has_lost_claims)
        plan.action_cancel("Facture annulée")
        self.assertEqual(plan.state, "cancelled")

    def test_one_instalment_of_an_invoice(self):
        """Only the second half is covered; the host pays the first half first."""
        term = self.env["account.payment.term"].create(
            {
                "name": "Moitié, moitié",
                "line_ids": [
                    Command.create({"value": "percent", "value_amount": 50, "nb_days": days})
                    for days in (10, 40)
                ],
            }
        )
        move = self.invoice(
            self.client, DUE, 1000.0, dated=date(2026, 1, 10), invoice_payment_term_id=term.id
        )
        first, second = self.open_lines(move)
        plan = self.agree(second, [(250, FIRST), (250, SECOND)])
        self.go(FIRST)
        rows = {row.move_line_id: row.reason for row in self.decide(FIRST, self.client)}
        self.assertEqual(rows[second.id], "plan")
        self.assertNotEqual(rows[first.id], "plan")
        self.register(move, 300)
        self.expect(plan, "pending 0 · pending 0", "active 0", "plan")
        self.register(move, 450)
        self.expect(plan, "paid 250 · pending 0", "active 250", "plan")
        statement = self.transfer(250, move)
        self.expect(plan, "paid 250 · paid 250", "active 500", "")
        statement.action_undo_reconciliation()
        self.expect(plan, "paid 250 · pending 0", "active 250", "plan")

    # -- before the signature and after the end ----------------------------------------------------

    def test_paid_while_it_was_offered(self):
        plan = self.agree(until="proposed")

        def pay(amount):
            return lambda: self.transfer(amount, self.one)

        def sign():
            plan.action_accept(signed_by="Jeanne Client")

        self.tell(
            plan,
            [
                ("03-03", pay(500), "paid 400 · partial 100 · pending 0", "proposed 500", "plan"),
                ("03-04", sign, "paid 400 · partial 100 · pending 0", "active 500", "plan"),
                ("03-16", pay(300), "paid 400 · paid 400 · pending 0", "active 800", "plan"),
            ],
        )

    def test_paid_while_it_was_drawn(self):
        plan = self.agree(until="draft")
        self.go("03-03")
        self.transfer(100, self.one)
        plan.action_propose()
        self.expect(plan, "partial 100 · pending 0 · pending 0", "proposed 100", "plan")
        plan.action_accept(signed_by="Jeanne Client")
        self.expect(plan, "partial 100 · pending 0 · pending 0", "active 100", "plan")

    def test_offer_that_expires(self):
        plan = self.agree(until="proposed")
        self.tell(
            plan,
            [
                ("03-09", None, "pending 0 · pending 0 · pending 0", "proposed 0", "plan"),
                ("03-10", None, "cancelled 0 · cancelled 0 · cancelled 0", "cancelled 0", "free"),
            ],
        )

    def test_signed_after_the_first_day_had_passed(self):
        """He signs on Thursday what was to begin on Wednesday: he missed nothing yet."""
        plan = self.agree(parts=[(400, "03-04"), (800, SECOND)], until="proposed")
        self.go("03-05")
        plan.action_accept(signed_by="Jeanne Client")
        self.expect(plan, "pending 0 · pending 0", "active 0", "plan")
        self.assertNotIn("nudge", self.kinds(plan, "ready", "sent"))
        self.go("03-06")
        self.expect(plan, "late 0 · pending 0", "active 0", "plan")

    def test_broken_and_then_paid(self):
        plan = self.agree()
        self.pass_days("03-31")
        self.expect(plan, "late 0 · pending 0 · pending 0", "active 0", "plan")
        self.pass_days("04-01")

        def pay(amount):
            return lambda: self.transfer(amount, self.one)

        self.tell(
            plan,
            [
                ("04-01", None, "cancelled 0 · cancelled 0 · cancelled 0", "broken 0", "free"),
                ("04-02", pay(500), "paid 400 · cancelled 100 · cancelled 0", "broken 500", "free"),
                ("04-03", pay(700), "paid 400 · paid 400 · paid 400", "broken 1200", ""),
                ("04-07", None, "paid 400 · paid 400 · paid 400", "broken 1200", ""),
            ],
        )
        self.assertFalse({"receipt", "thanks"} & {*self.kinds(plan)})

    def test_broken_paid_and_undone(self):
        plan = self.agree()
        self.pass_days("04-01")
        self.go("04-02")
        statement = self.transfer(1200, self.one)
        self.expect(plan, "paid 400 · paid 400 · paid 400", "broken 1200", "")
        self.go("04-03")
        statement.action_undo_reconciliation()
        self.expect(plan, "cancelled 0 · cancelled 0 · cancelled 0", "broken 0", "free")

    def test_withdrawn(self):
        plan = self.agree()
        self.go(FIRST)
        self.transfer(400, self.one)
        self.go("03-17")
        plan.action_cancel("Accord retiré")
        self.expect(plan, "paid 400 · cancelled 0 · cancelled 0", "cancelled 400", "free")
        self.go("03-18")
        self.transfer(800, self.one)
        self.expect(plan, "paid 400 · cancelled 0 · cancelled 0", "cancelled 400", "")

    def test_renegotiated(self):
        plan = self.agree()
        self.go(FIRST)
        self.transfer(400, self.one)
        self.go("04-10")
        days = ("04-20", "05-18", "06-15", "07-13")
        newer = self.agree(parts=[(200, day) for day in days], until="proposed", replaces_id=plan.id)
        self.expect(plan, "paid 400 · pending 0 · pending 0", "active 400", "plan")
        # paid before he signs the new one: both count it
        self.go("04-13")
        self.transfer(200, self.one)
        self.expect(plan, "paid 400 · partial 200 · pending 0", "active 600", "plan")
        self.expect(newer, "paid 200 · pending 0 · pending 0 · pending 0", "proposed 200", "plan")
        newer.action_accept(signed_by="Jeanne Client")
        self.expect(plan, "paid 400 · cancelled 200 · cancelled 0", "cancelled 600", "plan")
        self.assertEqual(plan.sudo().close_reason, "replaced")
        self.assertEqual(plan.sudo().replaced_by_ids, newer.sudo())
        self.go("05-18")
        self.transfer(600, self.one)
        self.expect(newer, "paid 200 · paid 200 · paid 200 · paid 200", "active 800", "")
        self.go("05-19")
        self.expect(newer, "paid 200 · paid 200 · paid 200 · paid 200", "kept 800", "")
        self.expect(plan, "paid 400 · cancelled 200 · cancelled 0", "cancelled 600", "")

    def test_renegotiated_after_it_broke(self):
        plan = self.agree()
        self.pass_days("04-01")
        self.assertEqual(plan.state, "broken")
        newer = self.agree(parts=[(600, "04-13"), (600, "05-11")], replaces_id=plan.id)
        self.go("04-13")
        self.transfer(600, self.one)
        self.expect(newer, "paid 600 · pending 0", "active 600", "plan")
        # the old one says what the books say, and stays broken
        self.expect(plan, "paid 400 · cancelled 200 · cancelled 0", "broken 600", "plan")

    # -- other currencies, other companies, other people, other ways to pay ------------------------

    def currency(self, name, rates):
        currency = self.env.ref(f"base.{name}")
        currency.active = True
        currency.rate_ids.unlink()
        for day, rate in rates.items():
            self.env["res.currency.rate"].create(
                {"currency_id": currency.id, "name": day, "rate": rate, "company_id": self.company.id}
            )
        return currency

    def dollars(self):
        return self.currency("USD", {"2026-01-01": 1.10, "2026-03-10": 1.25, "2026-04-10": 0.80})

    def drawn(self, move, count):
        """Even instalments as the wizard draws them."""
        plans = self.env["relance.plan"].with_user(self.manager)
        plan = plans._create_for(self.line(move), count, FIRST)
        self.matched_before[plan.id] = self.matched(plan)
        plan.action_propose()
        plan.action_accept(signed_by="Jeanne Client")
        return plan

    def test_dollars_paid_in_dollars(self):
        """The rate moves between every two payments: in dollars nothing is lost or won."""
        dollar = self.dollars()
        move = self.invoice(self.client, DUE, 1200.0, currency_id=dollar.id)
        plan = self.agree(move)
        self.assertEqual((plan.currency_id, plan.amount_total), (dollar, 1200))

        def by_bank(euros):
            return lambda: self.transfer(euros, move, currency=dollar, foreign=400)

        def by_button():
            self.register(move, 400, currency_id=dollar.id)

        self.tell(
            plan,
            [
                ("03-16", by_bank(320), "paid 400 · pending 0 · pending 0", "active 400", "plan"),
                ("04-13", by_button, "paid 400 · paid 400 · pending 0", "active 800", "plan"),
                ("05-11", by_bank(500), "paid 400 · paid 400 · paid 400", "active 1200", ""),
                ("05-12", None, "paid 400 · paid 400 · paid 400", "kept 1200", ""),
            ],
        )
        self.assertEqual(move.payment_state, "paid")

    def test_dollars_paid_in_euros_and_undone(self):
        dollar = self.dollars()
        move = self.invoice(self.client, DUE, 1200.0, currency_id=dollar.id)
        plan = self.agree(move)
        self.go(FIRST)
        euros = self.transfer(320, move)
        self.expect(plan, "paid 400 · pending 0 · pending 0", "active 400", "plan")
        self.go(SECOND)
        self.transfer(1000, move)
        self.expect(plan, "paid 400 · paid 400 · paid 400", "active 1200", "")
        self.go("04-14")
        self.expect(plan, "paid 400 · paid 400 · paid 400", "kept 1200", "")
        # the host takes back the exchange difference too
        self.go("04-15")
        euros.action_undo_reconciliation()
        self.expect(plan, "paid 400 · paid 400 · pending 0", "active 800", "plan")

    def test_euros_paid_in_dollars(self):
        dollar = self.dollars()
        plan = self.agree()
        self.go(FIRST)
        self.register(self.one, 500, currency_id=dollar.id)
        self.expect(plan, "paid 400 · pending 0 · pending 0", "active 400", "plan")

    def test_bank_fees_in_another_currency(self):
        dollar = self.dollars()
        self.company.relance_bank_fees = 20
        move = self.invoice(self.client, DUE, 1200.0, currency_id=dollar.id)
        plan = self.agree(move)
        self.go(FIRST)
        # 20 EUR were 22 USD on the day of the agreement
        self.transfer(303.2, move, currency=dollar, foreign=379)
        self.expect(plan, "paid 379 · pending 0 · pending 0", "active 379", "plan")

    def test_yens(self):
        yen = self.currency("JPY", {"2026-01-01": 160})
        move = self.invoice(self.client, DUE, 100000, currency_id=yen.id)
        plan = self.drawn(move, 3)
        self.assertEqual(plan.line_ids.mapped("amount"), [33333, 33333, 33334])

        def pay(amount):
            return lambda: self.register(move, amount, currency_id=yen.id)

        self.tell(
            plan,
            [
                ("03-16", pay(33333), "paid 33333 · pending 0 · pending 0", "active 33333", "plan"),
                ("04-16", pay(33000), "paid 33333 · paid 33000 · pending 0", "active 66333", "plan"),
                ("05-15", pay(33667), "paid 33333 · paid 33333 · paid 33334", "active 100000", ""),
                ("05-18", None, "paid 33333 · paid 33333 · paid 33334", "kept 100000", ""),
            ],
        )

    def test_thousandths(self):
        dinar = self.currency("KWD", {"2026-01-01": 0.35})
        move = self.invoice(self.client, DUE, 1000, currency_id=dinar.id)
        plan = self.drawn(move, 3)
        self.assertEqual(plan.line_ids.mapped("amount"), [333.333, 333.333, 333.334])
        self.go(FIRST)
        self.register(move, 333.333, currency_id=dinar.id)
        self.expect(plan, "paid 333.333 · pending 0 · pending 0", "active 333.333", "plan")
        self.register(move, 666.667, currency_id=dinar.id)
        self.expect(plan, "paid 333.333 · paid 333.333 · paid 333.334", "active 1000", "")

    def test_another_company(self):
        """Each company follows its own plans."""
        other = self.env["res.company"].create({"name": "Deux", "country_id": self.env.ref("base.fr").id})
        self.env["account.chart.template"].try_loading("fr", other, install_demo=False)
        self.accountant.company_ids += other
        there = self.env["account.journal"].search(
            [("type", "=", "bank"), ("company_id", "=", other.id)], limit=1
        )
        elsewhere = (
            self.env["account.move"]
            .with_company(other)
            .create(
                {
                    "move_type": "out_invoice",
                    "partner_id": self.client.id,
                    "invoice_date": date(2026, 1, 20),
                    "invoice_payment_term_id": False,
                    "invoice_date_due": DUE,
                    "invoice_line_ids": [Command.create({"name": "x", "price_unit": 600, "tax_ids": []})],
                }
            )
        )
        elsewhere.action_post()
        here = self.agree()
        plan = self.agree(elsewhere, [(300, FIRST), (300, SECOND)])
        self.assertEqual(plan.company_id, other)

        def pay():
            wizard = (
                self.env["account.payment.register"]
                .with_company(other)
                .with_context(active_model="account.move", active_ids=elsewhere.ids)
                .create({"payment_date": self.now_day(), "journal_id": there.id, "amount": 300})
            )
            wizard._create_payments()

        self.go(FIRST)
        pay()
        self.expect(plan, "paid 300 · pending 0", "active 300", "plan")
        self.expect(here, "pending 0 · pending 0 · pending 0", "active 0", "plan")
        self.go("04-14")
        self.assertEqual(self.told(here.sudo()), "late 0 · late 0 · pending 0")
        self.assertEqual(self.told(plan.sudo()), "paid 300 · pending 0")
        self.follow(other)
        self.expect(plan, "paid 300 · late 0", "active 300", "plan")
        pay()
        self.expect(plan, "paid 300 · paid 300", "active 600", "")
        self.go("04-15")
        self.assertEqual(plan.state, "active")
        self.follow(other)
        self.expect(plan, "paid 300 · paid 300", "kept 600", "")
        self.assertEqual(here.state, "active")

    def test_establishments_of_one_legal_person(self):
        branch = self.customer(
            "Client Exemple Lille", vat=False, company_registry="33417522100056", email="lille@client.test"
        )
        theirs = self.invoice(branch, DUE, 800.0)
        plan = self.agree(self.one + theirs, [(1000, FIRST), (1000, SECOND)])

        def pay(amount, move):
            return lambda: self.transfer(amount, move)

        self.tell(
            plan,
            [
                ("03-16", pay(800, theirs), "partial 800 · pending 0", "active 800", "plan"),
                ("03-16", pay(200, self.one), "paid 1000 · pending 0", "active 1000", "plan"),
                ("04-13", pay(1000, self.one), "paid 1000 · paid 1000", "active 2000", ""),
                ("04-14", None, "paid 1000 · paid 1000", "kept 2000", ""),
            ],
        )

    def test_payment_without_journal_entry(self):
        """Where banks have no outstanding account, money counts once the bank says so."""
        self.bank.inbound_payment_method_line_ids.payment_account_id = False
        plan = self.agree()
        self.bank_line(1, date(2026, 3, 12))
        self.go(FIRST)
        # what the host's own accounting applications say instead of “paid”
        in_payment = patch.object(
            self.env.registry["account.move"], "_get_invoice_in_payment_state", lambda self: "in_payment"
        )
        with in_payment:
            payment = self.register(self.one, 400)
            self.assertFalse(payment.move_id)
            self.assertEqual((payment.state, self.one.payment_state), ("in_process", "in_payment"))
            # on its way: nothing is claimed, and nobody is told that he missed it
            self.expect(plan, "pending 0 · pending 0 · pending 0", "active 0", "")
            self.go("03-18")
            self.expect(plan, "late 0 · pending 0 · pending 0", "active 0", "")
            self.assertNotIn("nudge", self.kinds(plan, "sent", "ready"))
            statement = self.transfer(400, self.one)
            self.expect(plan, "paid 400 · pending 0 · pending 0", "active 400")
            statement.action_undo_reconciliation()
            payment.is_sent = True
            payment.action_reject()
            self.assertEqual(self.one.payment_state, "not_paid")
            self.expect(plan, "late 0 · pending 0 · pending 0", "active 0", "plan")
            self.go("03-19")
            self.assertIn("nudge", self.kinds(plan))

    def test_online_payment_under_way(self):
        plan = self.agree()
        self.go(FIRST)
        transaction = self.online_payment(FIRST)
        self.go("03-18")
        self.expect(plan, "late 0 · pending 0 · pending 0", "active 0", "plan")
        self.assertNotIn("nudge", self.kinds(plan, "ready", "sent"))
        transaction.state = "cancel"
        self.go("03-19")
        self.assertIn("nudge", self.kinds(plan))

    # -- whatever happens in whatever order, the plan says what the books say ---------------------
    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.lists(EVENT, min_size=4, max_size=12))
    def test_any_history(self, events):
        with self.env.cr.savepoint() as savepoint:
            self.clock.move_to(self.noon(MONDAY))
            self.live_through(events)
            savepoint.rollback()
            self.env.invalidate_all()

    def live_through(self, events):
        two = self.invoice(self.client, DUE + timedelta(days=3), 800.0)
        moves = [self.one, two]
        # an earlier payment, which may be undone later
        statements = [self.transfer(200, two, day=date(2026, 2, 25))]
        plan = self.agree(self.one + two, [(600, FIRST), (600, SECOND), (600, THIRD)])
        for number, (kind, value) in enumerate(events):
            self.happen(kind, value, moves, statements)
            self.follow()
            self.check(plan, f"event {number} of {events}")

    def happen(self, kind, value, moves, statements):
        if kind == "days":
            self.go(self.now_day() + timedelta(days=value))
        elif kind == "pay":
            which, share = value
            if lines := self.open_lines(moves[which % 2]):
                statements.append(self.transfer(6.0 * share, lines.move_id))
        elif kind == "both":
            if all(self.open_lines(move) for move in moves):
                statements.append(self.transfer(12.0 * value, *moves))
        elif kind == "credit":
            which, share = value
            if self.open_lines(moves[which % 2]):
                self.credit(moves[which % 2], share)
        elif kind == "undo":
            statements[value % len(statements)].action_undo_reconciliation()
        elif kind == "unmatch":
            self.line(moves[value % 2]).remove_move_reconcile()
        elif kind == "match":
            statement = statements[value % len(statements)]
            lines = self.open_lines(moves[0] + moves[1])
            waits = statement.move_id.line_ids.account_id & self.bank.suspense_account_id
            if waits and lines:
                self.match(statement, lines)
        else:
            move = moves[value % 2]
            move.button_draft()
            move.action_post()


@tagged("post_install", "-at_install")
class TestMessages(PlanBooks):
    """Who is told what, when, and how often."""

    def agree(self, *args, **values):
        plan = super().agree(*args, **values)
        # a bank is in use, and entered every evening
        self.bank_line(1, MONDAY)
        self.bank_is_entered = True
        return plan

    def go(self, day):
        if getattr(self, "bank_is_entered", False):
            self.company.relance_bank_entered_until = self.day_of(day)
        return super().go(day)

    def diary(self, plan):
        """[(kind, day it left)] in order, without what the agreement itself sent."""
        messages = plan.sudo().message_log_ids.filtered("contact_date")
        return [
            (one.kind, f"{one.contact_date:%m-%d}")
            for one in messages.sorted("id")
            if one.kind not in ("proposal", "confirmation")
        ]

    def test_as_agreed(self):
        plan = self.agree()
        self.pass_days(FIRST)
        self.transfer(400, self.one)
        self.pass_days("04-10")
        self.transfer(400, self.one)  # a Friday, before it is due
        self.pass_days(THIRD)
        self.transfer(400, self.one)
        self.pass_days("05-14")
        self.assertEqual(
            self.diary(plan),
            [
                # three days before
                ("upcoming", "03-13"),
                ("receipt", "03-17"),
                ("upcoming", "04-10"),
                ("receipt", "04-13"),
                ("upcoming", "05-08"),
                ("thanks", "05-12"),
            ],
        )
        self.assertEqual(plan.state, "kept")
        self.assertEqual(
            self.env["mail.mail"].sudo().search_count([("recipient_ids", "in", self.client.ids)]),
            len(plan.sudo().message_log_ids),
        )

    def test_no_reminder_of_what_is_paid(self):
        plan = self.agree()
        self.go("03-04")
        self.transfer(400, self.one)
        self.pass_days("03-20")
        self.assertEqual(self.diary(plan), [("receipt", "03-05")])

    def test_one_receipt_for_one_transfer(self):
        plan = self.agree()
        self.go("03-06")
        self.transfer(800, self.one)  # a Friday
        self.pass_days("03-12")
        self.assertEqual(self.diary(plan), [("receipt", "03-09")])
        receipt = plan.sudo().message_log_ids.filtered(lambda one: one.kind == "receipt")
        self.assertEqual(receipt.line_ids, plan.sudo().line_ids[:2])
        self.assertIn("800", receipt.amount_text)

    def test_nothing_is_acknowledged_on_a_holiday(self):
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Jour férié",
                "calendar_id": self.company.resource_calendar_id.id,
                "company_id": self.company.id,
                "date_from": self.noon(date(2026, 3, 17), hour=0),
                "date_to": self.noon(date(2026, 3, 17), hour=23),
            }
        )
        plan = self.agree(parts=[(400, FIRST), (800, "03-18")])
        self.pass_days(FIRST)
        self.transfer(400, self.one)
        self.pass_days("03-17")
        self.transfer(800, self.one)
        self.go("03-17")
        self.assertNotIn("receipt", self.kinds(plan, "ready", "sent"))
        self.pass_days("03-19")
        self.assertEqual(self.diary(plan)[-1], ("thanks", "03-18"))
        self.assertIn("1\N{NO-BREAK SPACE}200", self.last(plan).amount_text)

    def last(self, plan):
        return plan.sudo().message_log_ids.sorted("id")[-1:]

    def test_receipt_names_money_only(self):
        """What a credit note settled is not acknowledged as a payment."""
        plan = self.agree()
        self.go("03-09")
        self.credit(self.one, 300)
        self.transfer(100, self.one)
        self.go("03-10")
        self.assertEqual(self.diary(plan), [("receipt", "03-10")])
        self.assertIn("100", self.last(plan).amount_text)

    def test_receipt_is_overtaken_and_given_again(self):
        plan = self.agree()
        self.go("03-09")
        statement = self.transfer(400, self.one)
        self.go("03-10")
        self.assertEqual(self.diary(plan), [("receipt", "03-10")])
        self.go("03-11")
        statement.action_undo_reconciliation()
        self.assertEqual(self.kinds(plan, "void"), ["receipt"])
        self.go("03-13")
        self.match(statement, self.line(self.one))
        self.pass_days("03-20")
        self.assertEqual(
            self.diary(plan), [("receipt", "03-10"), ("upcoming", "03-13"), ("receipt", "03-16")]
        )

    def test_the_other_receipt_is_not_given_twice(self):
        """Two transfers, one receipt; one of them bounces: the other was acknowledged already."""
        plan = self.agree()
        self.go("03-09")
        self.transfer(400, self.one)
        bounced = self.transfer(400, self.one)
        self.go("03-10")
        self.assertEqual(self.diary(plan), [("receipt", "03-10")])
        bounced.action_undo_reconciliation()
        self.pass_days("03-13")
        self.assertEqual(self.diary(plan), [("receipt", "03-10")])

    def test_receipt_that_waits_is_not_sent_for_money_that_went(self):
        plan = self.agree()
        self.go("03-09")
        statement = self.transfer(400, self.one)
        # the scheduled action passes before the office opens
        self.clock.move_to(self.noon(date(2026, 3, 10), hour=5))
        self.follow()
        self.assertIn("receipt", self.kinds(plan, "ready"))
        statement.action_undo_reconciliation()
        self.go("03-10")
        self.assertNotIn("receipt", self.kinds(plan))

    def test_missed(self):
        plan = self.agree()
        self.pass_days("04-15")
        self.assertEqual(
            self.diary(plan),
            [
                ("upcoming", "03-13"),
                ("nudge", "03-17"),
                # five days of grace after the friendly word, then eight of notice
                ("notice", "03-23"),
                ("broken", "04-01"),
            ],
        )
        self.assertEqual(plan.state, "broken")
        self.assertNotEqual(self.reason(self.one, self.now_day()), "plan")

    def test_missed_on_a_friday(self):
        plan = self.agree(parts=[(400, "03-13"), (800, SECOND)])
        self.pass_days("03-18")
        self.assertEqual(self.diary(plan), [("upcoming", "03-10"), ("nudge", "03-16")])

    def test_paid_on_the_weekend_after(self):
        """The word was ready on Saturday; by Monday there is nothing to say, this time."""
        plan = self.agree(parts=[(400, "03-13"), (800, "05-11")])
        self.pass_days("03-14")
        self.assertIn("nudge", self.kinds(plan, "ready"))
        statement = self.transfer(400, self.one)
        self.pass_days("03-17")
        self.assertEqual(self.diary(plan), [("upcoming", "03-10"), ("receipt", "03-16")])
        # and when the payment bounces, he hears of it like everybody else
        statement.action_undo_reconciliation()
        self.pass_days("03-18")
        self.assertEqual(self.diary(plan)[-1], ("nudge", "03-18"))
        self.pass_days("04-03")
        self.assertEqual(plan.state, "broken")

    def test_reminder_before_is_given_though_a_payment_came_and_went(self):
        plan = self.agree(parts=[(400, "03-17"), (800, "05-11")])
        # ready on Saturday, paid on the same day, bounced on Monday after the office opened
        self.pass_days("03-14")
        self.assertIn("upcoming", self.kinds(plan, "ready"))
        statement = self.transfer(400, self.one)
        self.go("03-16")
        self.assertNotIn("upcoming", self.kinds(plan))
        statement.action_undo_reconciliation()
        self.go("03-17")
        self.assertEqual(self.diary(plan)[-1], ("upcoming", "03-17"))

    def test_second_missed_instalment_has_its_own_word_and_notice(self):
        plan = self.agree(parts=[(400, "03-16"), (400, "03-30"), (400, "04-27")])
        self.pass_days("03-24")
        self.assertEqual(self.diary(plan)[-1], ("notice", "03-23"))
        self.transfer(400, self.one)
        self.pass_days("04-07")
        # the notice for the first one is no notice for the second
        self.assertEqual(plan.state, "active")
        self.assertEqual(
            self.diary(plan)[3:],
            [("receipt", "03-25"), ("upcoming", "03-27"), ("nudge", "03-31"), ("notice", "04-06")],
        )
        self.pass_days("04-14")
        self.assertEqual(plan.state, "active")
        self.pass_days("04-15")
        self.assertEqual(plan.state, "broken")

    def test_nothing_is_missed_while_the_bank_is_old(self):
        plan = self.agree()
        self.pass_days("03-05")
        # from now on nobody enters the bank
        self.bank_is_entered = False
        self.pass_days("03-31")
        self.assertNotIn("nudge", self.kinds(plan, "ready", "sent"))
        self.assertEqual(self.told(plan.sudo()), "late 0 · pending 0 · pending 0")
        for action in (plan.action_break, plan.action_send_notice):
            with self.assertRaisesRegex(UserError, "too old"):
                action()
        self.bank_is_entered = True
        self.pass_days("04-01")
        self.assertEqual(self.diary(plan)[-1], ("nudge", "04-01"))

    def test_bank_gets_old_between_the_word_and_the_end(self):
        plan = self.agree()
        self.pass_days("03-24")
        self.assertEqual(self.diary(plan)[-1], ("notice", "03-23"))
        self.bank_is_entered = False
        self.company.relance_bank_entered_until = date(2026, 3, 18)
        self.pass_days("04-10")
        self.assertEqual(plan.state, "active")
        self.bank_is_entered = True
        self.go("04-11")
        self.assertEqual(plan.state, "broken")

    def test_bank_gets_old_over_the_weekend(self):
        """Ready on Saturday, out of date on Monday: a payment may have arrived."""
        plan = self.agree(parts=[(400, "03-13"), (800, "05-11")])
        self.pass_days("03-04")
        self.bank_is_entered = False
        self.pass_days("03-14")
        self.assertIn("nudge", self.kinds(plan, "ready"))
        self.pass_days("03-16")
        self.assertNotIn("nudge", self.kinds(plan))
        self.bank_is_entered = True
        self.go("03-17")
        self.assertIn("nudge", self.kinds(plan))

    def test_online_payment_begins_before_the_word_leaves(self):
        plan = self.agree(parts=[(400, "03-13"), (800, "05-11")])
        self.pass_days("03-14")
        self.assertIn("nudge", self.kinds(plan, "ready"))
        self.online_payment(date(2026, 3, 15))
        self.pass_days("03-17")
        self.assertNotIn("nudge", self.kinds(plan))

    def test_a_notice_that_never_left_is_none(self):
        """The letter lies in the print queue: the time of the notice has not begun."""
        self.client.email = False
        plan = self.agree()
        self.pass_days("03-17")
        nudge = plan.sudo().message_log_ids.filtered(lambda one: one.kind == "nudge")
        nudge.with_user(self.accountant).action_mark_posted()
        self.pass_days("04-03")
        notice = plan.sudo().message_log_ids.filtered(lambda one: one.kind == "notice")
        self.assertEqual(notice.mapped("state"), ["ready"])
        self.assertEqual(plan.state, "active")
        notice.with_user(self.accountant).action_mark_posted()
        self.pass_days("04-11")
        self.assertEqual(plan.state, "active")
        self.pass_days("04-12")
        self.assertEqual(plan.state, "broken")

    def test_ends_by_a_person_where_the_policy_says_so(self):
        self.policy.plan_break = "manual"
        plan = self.agree()
        self.pass_days("04-15")
        self.assertEqual(plan.state, "active")
        self.assertEqual(
            self.diary(plan),
            [("upcoming", "03-13"), ("nudge", "03-17"), ("upcoming", "04-10"), ("nudge", "04-14")],
        )
        self.assertIn(self.accountant, plan.sudo().activity_ids.user_id)
        # who says “done” is not asked again every hour
        plan.sudo().activity_ids.unlink()
        self.pass_days("04-17")
        self.assertFalse(plan.sudo().activity_ids)
        self.pass_days("04-30")
        self.assertIn(self.accountant, plan.sudo().activity_ids.user_id)
        with self.assertRaisesRegex(UserError, "Give notice"):
            plan.action_break()
        plan.action_send_notice()
        self.pass_days("05-08")
        with self.assertRaisesRegex(UserError, "runs until"):
            plan.action_break()
        self.go("05-11")
        plan.action_break()
        self.assertEqual(plan.state, "broken")
        self.go("05-12")
        self.assertEqual([kind for kind, _day in self.diary(plan)[-2:]], ["notice", "broken"])

    def test_a_question_is_gone_when_the_payment_answers_it(self):
        self.policy.plan_break = "manual"
        plan = self.agree()
        self.pass_days("03-23")
        self.assertEqual(plan.sudo().activity_ids.user_id, self.accountant)
        self.transfer(400, self.one)
        self.assertFalse(plan.sudo().activity_ids)

    def test_without_notice_where_the_policy_says_so(self):
        self.policy.plan_notice_days = 0
        plan = self.agree()
        self.pass_days("03-24")
        self.assertEqual(self.diary(plan)[1:], [("nudge", "03-17"), ("broken", "03-23")])

    def test_another_policy_tomorrow_changes_nothing(self):
        plan = self.agree()
        self.policy.write({"plan_grace_days": 0, "plan_notice_days": 0, "plan_break": "manual"})
        self.pass_days("04-01")
        self.assertEqual(self.diary(plan)[1:], [("nudge", "03-17"), ("notice", "03-23"), ("broken", "04-01")])

    def consumer(self, **values):
        person = self.customer(
            "Madame Exemple",
            is_company=False,
            vat=False,
            company_registry=False,
            **{"email": "mme@client.test", **values},
        )
        self.assertNotIn(person.relance_audience, ("business", "public", "legal_person"))
        self.theirs = self.invoice(person, DUE, 1200.0)
        return self.agree(self.theirs)

    def test_a_consumer_loses_nothing_by_itself(self):
        plan = self.consumer()
        self.pass_days("04-15")
        self.assertEqual(plan.state, "active")
        self.assertFalse({"notice", "broken"} & {*self.kinds(plan, "ready", "sent")})
        self.assertEqual(plan.sudo().activity_ids.user_id, self.accountant)
        with self.assertRaisesRegex(UserError, "30 days"):
            plan.action_break()

    def test_a_consumer_after_thirty_days_of_notice(self):
        plan = self.consumer()
        self.pass_days("03-18")
        plan.action_send_notice()
        with self.assertRaisesRegex(UserError, "already given"):
            plan.action_send_notice()
        self.pass_days("04-17")  # day 30
        with self.assertRaisesRegex(UserError, "runs until"):
            plan.action_break()
        self.pass_days("04-18")  # thirty whole days are over
        plan.action_break()
        self.assertEqual(plan.state, "broken")

    def test_a_consumer_whose_notice_lies_in_the_print_queue(self):
        plan = self.consumer(email=False)
        self.pass_days("03-18")
        plan.action_send_notice()
        self.assertEqual(self.kinds(plan, "ready")[-1], "notice")
        self.go("05-01")
        with self.assertRaises(UserError):
            plan.action_break()
        self.assertEqual(plan.state, "active")

    def test_a_consumer_who_pays_after_the_notice_needs_a_new_one(self):
        plan = self.consumer()
        self.pass_days("03-18")
        plan.action_send_notice()
        self.pass_days("03-20")
        self.transfer(400, self.theirs)
        self.pass_days("04-22")
        self.assertEqual(self.told(plan.sudo()), "paid 400 · late 0 · pending 0")
        with self.assertRaisesRegex(UserError, "30 days"):
            plan.action_break()

    def test_nothing_is_said_twice(self):
        """Hourly, and twice in the same minute: the same messages."""
        plan = self.agree()
        for day in ("03-13", "03-17", "03-23"):
            self.go(day)
            before = plan.sudo().message_log_ids
            for hour in (9, 10, 14, 16):
                self.clock.move_to(self.noon(self.day_of(day), hour=hour))
                self.follow()
            self.assertEqual(plan.sudo().message_log_ids, before)
        self.assertEqual(self.diary(plan), [("upcoming", "03-13"), ("nudge", "03-17"), ("notice", "03-23")])

    def test_thanks_name_what_no_receipt_named(self):
        plan = self.agree()
        self.pass_days(FIRST)
        self.transfer(400, self.one)
        self.pass_days("03-19")
        self.transfer(800, self.one)
        self.pass_days("03-25")
        self.assertEqual(self.diary(plan), [("upcoming", "03-13"), ("receipt", "03-17"), ("thanks", "03-20")])
        thanks = plan.sudo().message_log_ids.filtered(lambda one: one.kind == "thanks")
        self.assertIn("800", thanks.amount_text)
