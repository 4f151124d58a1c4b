"""What salespersons are told about late payments, and orders that wait for a release."""

import json
from datetime import date

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged

from .common import MONDAY, RelanceCase
from .test_scale import ScaleCase

#: the smallest picture there is
SIGNATURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


class SaleCase(RelanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = new_test_user(
            cls.env,
            "seller",
            "sales_team.group_sale_salesman,relance_douce.group_relance_reader",
            name="Sara Vente",
            email="sara@exemple.test",
            lang="en_US",
        )
        cls.stranger = new_test_user(
            cls.env, "stranger", "sales_team.group_sale_salesman_all_leads", name="Simon Vente", lang="en_US"
        )
        cls.product = cls.env["product.product"].create({"name": "Chaise", "list_price": 100.0})
        cls.client = cls.customer("Client Exemple", user_id=cls.seller.id)

    @classmethod
    def order(cls, partner=None, amount=100.0, user=None, **values):
        partner = partner or cls.client
        return (
            cls.env["sale.order"]
            .create(
                {
                    "partner_id": partner.id,
                    "user_id": (user or cls.seller).id,
                    "require_signature": True,
                    "require_payment": False,
                    "order_line": [
                        Command.create(
                            {
                                "product_id": cls.product.id,
                                "price_unit": amount,
                                "tax_ids": [Command.clear()],
                            }
                        )
                    ],
                    **values,
                }
            )
            .with_user(user or cls.seller)
        )

    def late(self, days, partner=None, amount=1200.0, **values):
        return self.invoice(partner or self.client, MONDAY - self.days(days), amount, **values)

    def says(self, partner=None, user=None):
        return (partner or self.client).with_user(user or self.seller).relance_summary


@tagged("post_install", "-at_install")
@freeze_time("2026-03-02 10:00:00")
class TestSummary(SaleCase):
    def test_nothing_to_say(self):
        self.invoice(self.client, MONDAY)
        self.assertFalse(self.says())
        self.assertEqual(self.client.with_user(self.seller).relance_days_late, 0)

    def test_one_invoice(self):
        self.late(1)
        self.assertIn("One invoice late", self.says())
        self.assertIn("1,200.00", self.says())
        self.assertIn("by one day.", self.says())

    def test_several_with_stage_plan_and_pause(self):
        self.late(24)
        self.late(10, amount=50.0)
        self.live_day(MONDAY)
        plan_lines = self.line(self.late(40, amount=600.0))
        plan = self.env["relance.plan"]._create_for(plan_lines, 3, date(2026, 3, 12))
        plan.action_propose()
        said = self.says()
        self.assertIn("3 invoices late", said)
        self.assertIn("1,850.00", said)
        self.assertIn("the oldest by 40 days", said)
        self.assertIn(f"“{self.client.relance_level_id.name}”", said)
        self.assertIn("a payment plan is offered to him", said)
        plan.action_accept(signed_by="Paul Client")
        said = self.says()
        self.assertIn("next instalment of", said)
        self.assertIn("200.00\xa0€ promised for March 12, 2026", said)
        # what is under a plan that is kept worries nobody
        self.assertEqual(self.client.with_user(self.seller).relance_days_late, 24)
        self.client.relance_paused_until = date(2026, 3, 20)
        self.assertIn("no reminders until March 20, 2026", self.says())
        with freeze_time("2026-03-25 10:00:00"):
            plan._follow(self.company, date(2026, 3, 25))
            self.env.invalidate_all()
            self.assertIn("is late", self.says())
            self.assertNotIn("no reminders until", self.says())

    def test_currencies_are_never_added(self):
        self.late(24)
        dollar = self.env.ref("base.USD")
        dollar.active = True
        self.late(10, amount=300.0, currency_id=dollar.id)
        said = self.says()
        self.assertIn("1,200.00", said)
        self.assertIn("300.00", said)
        self.assertIn("2 invoices late", said)

    def test_in_the_language_of_the_reader(self):
        self.late(24)
        client = self.client.with_user(self.seller)
        self.assertIn("1\xa0200,00\xa0€", client.with_context(lang="fr_FR").relance_summary)
        self.assertIn("1,200.00\xa0€", client.with_context(lang="en_US").relance_summary)

    def test_contacts_and_payer(self):
        contact = self.env["res.partner"].create({"name": "Achat", "parent_id": self.client.id})
        self.late(24)
        self.assertEqual(self.says(contact), self.says())
        group = self.customer("Groupe SA", user_id=self.seller.id)
        other = self.customer("Autre magasin", user_id=self.manager.id)
        (self.client + other).relance_payer_id = group
        self.late(10, other, amount=500.0)
        for shop in (self.client, contact):
            self.assertIn("Groupe SA pays for this customer. 2 invoices late", self.says(shop))
            self.assertIn("1,700.00", self.says(shop))
        self.assertIn("2 invoices late", self.says(group))

    def test_own_customers_only(self):
        self.late(24)
        other = self.customer("Autre client", user_id=self.manager.id)
        self.late(10, other)
        self.assertFalse(self.says(other))
        self.assertTrue(self.says(other, self.accountant))
        with self.assertRaises(AccessError):
            self.says(user=self.stranger)
        # of a shop of hers, whose head office is not: its own invoices
        group = self.customer("Groupe SA", user_id=self.manager.id)
        (self.client + other).relance_payer_id = group
        said = self.says()
        self.assertIn("One invoice late", said)
        self.assertIn("1,200.00", said)
        self.assertFalse(self.says(group))
        self.assertIn("2 invoices late", self.says(user=self.accountant))

    def test_search(self):
        self.late(24)
        other = self.customer("Autre client", user_id=self.manager.id)
        self.late(40, other)
        contact = self.env["res.partner"].create({"name": "Achat", "parent_id": self.client.id})

        def found(user, days):
            domain = [("relance_days_late", ">", days), ("id", "in", (self.client + other + contact).ids)]
            return self.env["res.partner"].with_user(user).search(domain)

        self.assertEqual(found(self.seller, 0), self.client + contact)
        self.assertEqual(found(self.accountant, 0), self.client + other + contact)
        self.assertEqual(found(self.accountant, 24), other)
        group = self.customer("Groupe SA", user_id=self.manager.id)
        (self.client + other).relance_payer_id = group
        self.assertEqual(found(self.seller, 0), self.client + contact)
        self.assertEqual(found(self.accountant, 30), self.client + other + contact)

    def test_search_by_every_comparison(self):
        """What a person may choose in a filter of her own; who is not late has zero days."""
        self.late(24)
        other, calm = self.customer("Autre client"), self.customer("À jour")
        self.late(40, other)
        self.late(3, other)
        everybody = self.client + other + calm
        for user, hers in ((self.accountant, self.client + other), (self.seller, self.client)):
            for comparison, value, late in (
                ("=", 24, self.client),
                ("=", 3, self.env["res.partner"]),
                ("in", [24, 40], self.client + other),
                ("!=", 24, other),
                (">=", 24, self.client + other),
                (">", 24, other),
                ("<", 24, self.env["res.partner"]),
                ("<=", 24, self.client),
                (">=", 0, self.client + other),
                ("=", 0, self.env["res.partner"]),
                ("!=", 0, self.client + other),
                ("in", [0, 40], other),
            ):
                with_zero = comparison in ("<", "<=") or (comparison, value) in (
                    ("!=", 24),
                    (">=", 0),
                    ("=", 0),
                    ("in", [0, 40]),
                )
                found = (
                    self.env["res.partner"]
                    .with_user(user)
                    .search([("relance_days_late", comparison, value), ("id", "in", everybody.ids)])
                )
                expected = (late & hers) + (everybody - hers if with_zero else calm.browse())
                self.assertEqual(set(found), set(expected), (user.name, comparison, value))

    def test_other_company_is_another_story(self):
        self.late(24)
        company = self.env["res.company"].create({"name": "Autre société"})
        self.seller.company_ids += company
        self.assertFalse(self.client.with_user(self.seller).with_company(company).relance_summary)


@tagged("post_install", "-at_install")
class TestSummaryScale(ScaleCase, SaleCase):
    def test_queries_do_not_grow(self):
        """A page of customers, and of orders, whatever they owe."""
        with freeze_time("2026-03-02 10:00:00"):
            few = self.load(4, 2)
            many = self.load(60, 4)
            (few + many).user_id = self.seller
            orders = {
                pile: self.env["sale.order"].create([{"partner_id": one.id} for one in pile])
                for pile in (few, many)
            }
            for read in (
                lambda pile: pile.with_user(self.seller).read(["relance_summary", "relance_days_late"]),
                lambda pile: (
                    orders[pile].with_user(self.accountant).read(["relance_summary", "relance_hold"])
                ),
            ):
                self.company.relance_sale_policy = "block"
                small = self.queries(lambda: read(few))  # noqa: B023
                large = self.queries(lambda: read(many))  # noqa: B023
                self.assertLessEqual(large, small + 2)
                self.assertLessEqual(large, 40)
            domain = [("partner_invoice_id.relance_days_late", ">", 0)]
            found = self.queries(lambda: self.env["sale.order"].with_user(self.seller).search(domain))
            self.assertLessEqual(found, 25)
            self.assertEqual(self.env["sale.order"].search_count(domain), 64)


@tagged("post_install", "-at_install")
@freeze_time("2026-03-02 10:00:00")
class TestOrders(SaleCase):
    def block(self, days=30, tone=False):
        self.company.write(
            {"relance_sale_policy": "block", "relance_sale_days": days, "relance_sale_tone": tone}
        )

    def test_sentence_on_orders(self):
        self.late(24)
        order = self.order()
        self.assertEqual(order.relance_summary, self.says())
        self.assertEqual(order.relance_days_late, 24)
        self.company.relance_sale_policy = "none"
        self.env.invalidate_all()
        self.assertFalse(order.relance_summary)

    def test_who_gets_the_invoice_counts(self):
        buyer = self.customer("Acheteur", user_id=self.seller.id)
        self.late(24)
        self.assertFalse(self.order(buyer).relance_summary)
        self.assertTrue(self.order(buyer, partner_invoice_id=self.client.id).relance_summary)

    def test_a_warning_blocks_nothing(self):
        self.late(90)
        order = self.order()
        order.action_confirm()
        self.assertEqual(order.state, "sale")
        self.assertFalse(order.relance_hold)

    def test_without_a_right_on_reminders_nothing_is_seen(self):
        self.late(90)
        order = self.order(user=self.stranger)
        with self.assertRaises(AccessError):
            order.read(["relance_summary"])
        self.assertNotIn("relance_summary", order.get_view(view_type="form")["arch"])
        order.action_confirm()
        self.assertEqual(order.state, "sale")

    def test_held_by_days(self):
        self.block(days=30)
        self.late(30)
        order = self.order()
        self.assertFalse(order.relance_hold)
        self.late(31)
        self.env.invalidate_all()
        self.assertIn("Anne Comptable", order.relance_hold)
        with self.assertRaises(UserError) as caught:
            order.action_confirm()
        message = str(caught.exception)
        for part in (order.name, "Client Exemple", "2 invoices late", "Anne Comptable"):
            self.assertIn(part, message)
        self.assertEqual(order.state, "draft")

    def test_who_may_not_know_hears_no_amounts(self):
        self.block()
        self.late(90)
        order = self.order(user=self.stranger)
        with self.assertRaises(UserError) as caught:
            order.action_confirm()
        self.assertNotIn("1,200", str(caught.exception))
        self.assertIn("Anne Comptable", str(caught.exception))

    def test_held_by_stage(self):
        self.block(days=0, tone="friendly")
        self.late(24)
        order = self.order()
        self.live_day(MONDAY)
        self.assertEqual(self.client.relance_level_id.tone, "courtesy")
        self.assertFalse(order.relance_hold)
        self.live(date(2026, 3, 3), 8)
        self.assertEqual(self.client.relance_level_id.tone, "friendly")
        self.env.invalidate_all()
        self.assertTrue(order.relance_hold)

    def test_what_is_arranged_holds_nothing(self):
        self.block(days=5)
        lines = self.line(self.late(40))
        order = self.order()
        self.assertTrue(order.relance_hold)
        plan = self.env["relance.plan"]._create_for(lines, 3, date(2026, 3, 12))
        plan.action_propose()
        plan.action_accept(signed_by="Paul Client")
        self.env.invalidate_all()
        self.assertFalse(order.relance_hold)
        order.action_confirm()
        self.assertEqual(order.state, "sale")

    def test_accountant_releases_and_the_salesperson_confirms(self):
        self.block()
        self.late(90)
        order = self.order()
        with self.assertRaises(AccessError):
            order.action_relance_release()
        order.with_user(self.accountant).action_relance_release()
        self.assertIn("Anne Comptable", order.sudo().message_ids[0].body)
        self.env.invalidate_all()
        self.assertFalse(order.relance_hold)
        self.assertEqual(order.state, "draft")
        order.action_confirm()
        self.assertEqual(order.state, "sale")

    def test_release_is_for_what_was_on_the_table(self):
        self.block()
        self.late(90)
        order = self.order()
        order.with_user(self.accountant).action_relance_release()
        order.order_line.price_unit = 90
        self.env.invalidate_all()
        self.assertFalse(order.relance_hold)
        order.order_line.price_unit = 9000
        self.env.invalidate_all()
        self.assertTrue(order.relance_hold)
        order.order_line.price_unit = 100
        self.env.invalidate_all()
        self.assertFalse(order.relance_hold)
        # another customer is another risk
        other = self.customer("Autre client en retard")
        self.late(90, other)
        own = order.partner_invoice_id
        order.sudo().partner_invoice_id = other
        self.env.invalidate_all()
        self.assertTrue(order.relance_hold)
        order.sudo().partner_invoice_id = own
        self.env.invalidate_all()
        self.assertFalse(order.relance_hold)
        # neither a copy nor a quotation begun anew is released
        self.assertTrue(order.copy().relance_hold)
        order.action_cancel()
        order.action_draft()
        self.env.invalidate_all()
        self.assertTrue(order.relance_hold)
        with self.assertRaises(AccessError):
            order.relance_released_amount = 99999

    def test_manager_confirms_with_a_trace(self):
        self.block()
        self.late(90)
        self.manager.group_ids += self.env.ref("sales_team.group_sale_manager")
        order = self.order()
        order.with_user(self.manager).action_confirm()
        self.assertEqual(order.state, "sale")
        self.assertEqual(order.sudo().relance_released_by_id, self.manager)
        self.assertTrue(
            order.sudo().message_ids.filtered(lambda one: "Released by Paul Gérant" in (one.body or ""))
        )

    def test_what_is_paid_in_advance_or_free_is_not_held(self):
        self.block()
        self.late(90)
        self.assertFalse(self.order(amount=0.0).relance_hold)
        order = self.order(require_payment=True)
        self.assertTrue(order.relance_hold)
        provider = self.env["payment.provider"].search([("company_id", "=", self.company.id)], limit=1)
        method = self.env["payment.method"].with_context(active_test=False).search([], limit=1)
        self.env["payment.transaction"].create(
            {
                "provider_id": provider.id,
                "payment_method_id": method.id,
                "amount": 100.0,
                "currency_id": order.currency_id.id,
                "partner_id": self.client.id,
                "reference": "tour",
                "state": "done",
                "sale_order_ids": [Command.link(order.id)],
            }
        )
        self.env.invalidate_all()
        self.assertFalse(order.relance_hold)

    def test_settings(self):
        settings = (
            self.env["res.config.settings"]
            .with_user(self.env.ref("base.user_admin"))
            .create({"relance_sale_policy": "block", "relance_sale_days": 12})
        )
        settings.execute()
        self.assertEqual((self.company.relance_sale_policy, self.company.relance_sale_days), ("block", 12))


@tagged("post_install", "-at_install")
class TestSignature(SaleCase, HttpCase):
    def sign(self, order):
        order.sudo()._portal_ensure_token()
        response = self.url_open(
            f"/my/orders/{order.id}/accept",
            data=json.dumps(
                {
                    "jsonrpc": "2.0",
                    "method": "call",
                    "params": {
                        "access_token": order.sudo().access_token,
                        "name": "Paul Client",
                        "signature": SIGNATURE,
                    },
                }
            ),
            headers={"Content-Type": "application/json"},
        )
        return response.json()

    def test_signature_of_a_held_quotation_is_kept(self):
        self.company.write({"relance_sale_policy": "block", "relance_sale_days": 30})
        self.invoice(self.client, date(2025, 2, 3))
        order = self.order()
        order.sudo().state = "sent"
        answer = self.sign(order)
        self.assertIn("sign_ok", answer["result"]["redirect_url"])
        self.assertEqual((order.state, order.signed_by), ("sent", "Paul Client"))
        self.assertTrue(order.signature)
        # the customer reads that he signed, and nothing about debts
        page = self.url_open(answer["result"]["redirect_url"]).text
        self.assertIn("signed", page)
        self.assertNotIn("late", page.lower().split("your order has been signed")[1][:200])
        task = order.sudo().activity_ids
        self.assertEqual(task.user_id, self.accountant)
        order.with_user(self.accountant).action_relance_release()
        self.assertEqual(order.state, "sale")
        self.assertFalse(order.sudo().activity_ids)

    def test_signature_of_another_quotation_confirms_it(self):
        self.company.relance_sale_policy = "block"
        order = self.order()
        order.sudo().state = "sent"
        self.sign(order)
        self.assertEqual(order.state, "sale")


@tagged("post_install", "-at_install")
class TestSaleTours(SaleCase, HttpCase):
    def setUp(self):
        super().setUp()
        self.company.write({"relance_sale_policy": "block", "relance_sale_days": 30})
        # who may release is named: these, and nobody of the database
        self.accountant.lang = "en_US"
        self.accountant.group_ids += self.env.ref("sales_team.group_sale_salesman_all_leads")
        self.client.name = "Late customer"
        # long ago: whatever day the tour runs, it is overdue
        self.invoice(self.client, date(2025, 2, 3))

    def test_salesperson_sees_the_sentence_and_the_hold(self):
        order = self.order()
        self.start_tour(
            f"/odoo/res.partner/{self.client.id}", "relance_sale_salesperson_tour", login="seller"
        )
        self.assertEqual(order.state, "draft")

    def test_accountant_releases_and_confirms(self):
        order = self.order()
        self.start_tour(f"/odoo/sale.order/{order.id}", "relance_sale_accountant_tour", login="accountant")
        self.assertEqual(order.state, "sale")
        self.assertEqual(order.sudo().relance_released_by_id, self.accountant)
