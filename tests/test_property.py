"""Whatever happens in whatever order, the rules of conduct hold."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.tests import tagged

from .common import MONDAY, RelanceCase

EVENT = st.one_of(
    st.tuples(st.just("days"), st.integers(1, 9)),
    st.tuples(st.just("invoice"), st.integers(-12, 25)),
    st.tuples(st.just("part"), st.integers(1, 99)),
    st.tuples(st.just("pay"), st.integers(0, 5)),
    st.tuples(st.just("pause"), st.integers(1, 10)),
    st.tuples(st.just("approve"), st.booleans()),
)


@tagged("post_install", "-at_install")
class TestConduct(RelanceCase):
    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(st.lists(EVENT, min_size=4, max_size=14))
    def test_any_history(self, events):
        with self.env.cr.savepoint() as savepoint:
            self._live_through(events)
            savepoint.rollback()
            self.env.invalidate_all()

    def _live_through(self, events):
        customer = self.customer("Client quelconque", email="quelconque@client.test")
        invoices = [self.invoice(customer, MONDAY - timedelta(days=2))]
        day, approve = MONDAY, True
        for kind, value in events:
            if kind == "days":
                for _once in range(value):
                    self._day(day, approve)
                    day += timedelta(days=1)
            elif kind == "invoice":
                invoices.append(self.invoice(customer, day + timedelta(days=value)))
            elif kind in ("part", "pay"):
                still = [one for one in invoices if one.amount_residual > 1]
                if still:
                    one = still[value % len(still)]
                    self.settle(one, day, one.amount_residual * (value / 100 if kind == "part" else 1))
            elif kind == "pause":
                customer.relance_paused_until = day + timedelta(days=value)
            else:
                approve = value
        self._check(customer, invoices)

    def _day(self, day, approve):
        self.run_day(day)
        if approve:
            self.env["relance.reminder"].search([("state", "=", "draft")]).action_approve()
        self.send(day)

    def _check(self, customer, invoices):
        reminders = self.reminders(customer)
        sent = reminders.filtered(lambda one: one.state == "sent").sorted("contact_date")
        days = [one.contact_date for one in sent]
        # one message per payer and day
        self.assertEqual(len(days), len(set(days)))
        # five days between claims, six claims in thirty days
        claims = [one.contact_date for one in sent if not one.is_service]
        for first, second in zip(claims, claims[1:], strict=False):
            self.assertGreaterEqual((second - first).days, 5)
        for start in claims:
            window = [one for one in claims if 0 <= (one - start).days < 30]
            self.assertLessEqual(len(window), 6)
        for one in sent:
            # only within the week, and no level without its invoices
            self.assertLess(one.contact_date.weekday(), 5)
            self.assertTrue(one.line_ids)
            self.assertEqual(one.level_id.delay_days, max(one.line_ids.level_id.mapped("delay_days")))
            for line in one.line_ids:
                age = (one.contact_date - line.date_maturity).days
                self.assertGreater(line.amount_residual, 0)
                if line.level_id.delay_days >= 0:
                    self.assertGreaterEqual(age, 2)
                else:
                    self.assertLessEqual(age, 0)
        for invoice in invoices:
            steps = [
                line.level_id.delay_days for one in sent for line in one.line_ids if line.move_id == invoice
            ]
            # every level at most once, and upwards
            self.assertEqual(steps, sorted(set(steps)))
            if invoice.amount_residual == 0:
                live = reminders.filtered(lambda one: one.state in ("draft", "ready"))
                self.assertNotIn(invoice, live.line_ids.move_id)
        # at most one live reminder of each kind
        live = reminders.filtered(lambda one: one.state in ("draft", "ready"))
        kinds = live.mapped("needs_approval")
        self.assertEqual(len(kinds), len(set(kinds)))
