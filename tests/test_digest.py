"""Figures in Odoo's digest, and the tasks that say what waits."""

from datetime import date, datetime

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import MONDAY, RelanceCase
from .test_scale import ScaleCase

TUESDAY = date(2026, 3, 3)


class DigestCase(RelanceCase):
    def setUp(self):
        super().setUp()
        self.digest = self.env.ref("digest.digest_digest_default")

    def figure(self, name, user=None, start=MONDAY, end=TUESDAY, company=None, digest=None):
        digest = (
            (digest or self.digest)
            .with_user(user or self.accountant)
            .with_company(company or self.company)
            .with_context(
                start_datetime=datetime.combine(start, datetime.min.time()),
                end_datetime=datetime.combine(end, datetime.min.time()),
            )
        )
        digest.invalidate_recordset()
        return digest[f"kpi_relance_{name}_value"]


@tagged("post_install", "-at_install")
@freeze_time("2026-03-02 10:00:00")
class TestDigest(DigestCase):
    def test_on_by_default(self):
        for name in ("overdue", "recovered", "to_approve"):
            self.assertTrue(self.digest[f"kpi_relance_{name}"])

    def test_overdue_as_of_now(self):
        client = self.customer()
        self.invoice(client, MONDAY - self.days(1), 1000.0)
        self.invoice(client, MONDAY, 500.0)
        dollar = self.env.ref("base.USD")
        dollar.active = True
        self.env["res.currency.rate"].create(
            {"currency_id": dollar.id, "name": "2025-01-01", "rate": 2.0, "company_id": self.company.id}
        )
        self.invoice(client, MONDAY - self.days(9), 300.0, currency_id=dollar.id)
        self.assertEqual(self.figure("overdue"), 1150.0)

    def test_recovered_is_money_on_reminded_invoices(self):
        client = self.customer()
        reminded, credited, other, early = (
            self.invoice(client, MONDAY - self.days(days), 100.0 * days) for days in (3, 4, 5, 6)
        )
        self.settle(early, MONDAY - self.days(1))
        self.line(other).no_followup = True
        self.live_day(MONDAY)
        self.assertEqual(self.figure("recovered"), 0)
        self.settle(reminded, MONDAY, 120.0)
        self.pay(reminded, MONDAY, 80.0)
        note = self.credit_note(client, 400.0, MONDAY)
        (self.line(note) + self.line(credited)).reconcile()
        self.settle(other, MONDAY)
        self.env.flush_all()
        # rows of this transaction bear the moment at which it began
        self.env.cr.execute("UPDATE account_partial_reconcile SET create_date = %s", ["2026-03-02 15:00:00"])
        self.assertEqual(self.figure("recovered"), 200.0)
        self.assertEqual(self.figure("recovered", start=TUESDAY, end=date(2026, 3, 4)), 0)
        # a payment that is undone was none
        self.line(reminded).remove_move_reconcile()
        self.assertEqual(self.figure("recovered"), 0)

    def test_to_approve(self):
        for name in ("A", "B"):
            line = self.line(self.invoice(self.customer(name), MONDAY - self.days(50)))
            line.write(
                {
                    "relance_level_id": self.levels["attentive"].id,
                    "relance_level_date": MONDAY - self.days(30),
                }
            )
        self.run_day(MONDAY)
        self.assertEqual(self.figure("to_approve"), 2)

    def test_only_for_who_has_the_right(self):
        for user in (self.salesperson, self.outsider):
            for name in ("overdue", "recovered", "to_approve"):
                with self.assertRaises(AccessError):
                    self.figure(name, user)
        # and in his companies
        other = self.env["res.company"].create({"name": "Autre société"})
        theirs = self.env["digest.digest"].create({"name": "Autre", "company_id": other.id})
        with self.assertRaises(AccessError):
            self.figure("overdue", digest=theirs)
        self.invoice(self.customer(), MONDAY - self.days(1), 1000.0)
        self.accountant.company_ids += other
        self.assertEqual(self.figure("overdue", digest=theirs), 0)

    def test_the_mail(self):
        self.invoice(self.customer(), MONDAY - self.days(1), 4320.0)
        kpis = {kpi["kpi_name"]: kpi for kpi in self.digest._compute_kpis(self.company, self.accountant)}
        overdue = kpis["kpi_relance_overdue"]
        self.assertIn("4.3k", overdue["kpi_col1"]["value"])
        xmlid, _menu = overdue["kpi_action"].split("?")
        self.assertTrue(self.env.ref(xmlid))
        names = {kpi["kpi_name"] for kpi in self.digest._compute_kpis(self.company, self.outsider)}
        self.assertFalse({name for name in names if "relance" in name})


@tagged("post_install", "-at_install")
@freeze_time("2026-03-02 10:00:00")
class TestTasks(DigestCase):
    def tasks(self, user=None):
        """(summary, number) of what ``user`` is asked for on runs."""
        return (
            self.env["mail.activity"]
            .search([("res_model", "=", "relance.run"), ("user_id", "=", (user or self.accountant).id)])
            .mapped("summary")
        )

    def waiting(self, count, tone="attentive"):
        """Reminders of ``tone`` to approve."""
        previous = {"attentive": "friendly", "firm": "attentive"}[tone]
        invoices = self.env["account.move"]
        for number in range(count):
            invoice = self.invoice(self.customer(f"{tone} {number}"), MONDAY - self.days(50))
            self.line(invoice).write(
                {
                    "relance_level_id": self.levels[previous].id,
                    "relance_level_date": MONDAY - self.days(30),
                }
            )
            invoices += invoice
        return invoices

    def drafts(self):
        return self.env["relance.reminder"].search([("state", "=", "draft")], order="id")

    def approvals(self):
        self.levels["attentive"].approval = "user"
        self.levels["firm"].approval = "manager"

    def test_one_task_per_person_and_company(self):
        self.approvals()
        self.waiting(3)
        self.waiting(1, "firm")
        self.run_day(MONDAY)
        self.assertEqual(len(self.drafts()), 4)
        self.assertEqual(self.tasks(), ["3 reminders to approve"])
        decides = self.drafts()._responsible_manager()
        self.assertTrue(decides.has_group("relance_douce.group_relance_manager"))
        self.assertEqual(self.tasks(decides), ["One reminder to approve"])
        # the second run of the day, and the one of the next, ask nothing anew
        self.run_day(MONDAY)
        self.waiting(1)
        self.run_day(TUESDAY)
        self.assertEqual(self.tasks(), ["4 reminders to approve"])

    def test_closed_when_nothing_waits(self):
        self.approvals()
        invoices = self.waiting(3)
        self.run_day(MONDAY)
        first, second, third = self.drafts()
        first.with_user(self.accountant).action_approve()
        self.assertEqual(self.tasks(), ["2 reminders to approve"])
        second.with_user(self.accountant).action_cancel(MONDAY + self.days(9), "Congés")
        self.assertEqual(self.tasks(), ["One reminder to approve"])
        self.settle(invoices.filtered(lambda one: one == third.line_ids.move_id), MONDAY)
        self.assertEqual(self.tasks(), [])
        first.with_user(self.accountant).action_undo()
        self.run_day(MONDAY)
        self.assertEqual(self.tasks(), ["One reminder to approve"])

    def test_done_by_hand_is_asked_again_by_the_next_run_only(self):
        self.approvals()
        self.waiting(2)
        self.run_day(MONDAY)
        self.env["mail.activity"].search([("res_model", "=", "relance.run")]).action_done()
        self.drafts()[0].action_approve()
        self.assertEqual(self.tasks(), [])
        self.run_day(TUESDAY)
        self.assertEqual(self.tasks(), ["One reminder to approve"])

    def test_letters_to_post(self):
        client = self.customer(relance_channel="letter")
        self.invoice(client, MONDAY - self.days(3))
        self.run_day(MONDAY)
        self.assertEqual(self.tasks(), ["One letter to post"])
        self.send(MONDAY)
        self.assertEqual(self.tasks(), ["One letter to post"])
        self.reminders(client).with_user(self.accountant).action_mark_posted(MONDAY)
        self.assertEqual(self.tasks(), [])

    def test_who_is_asked(self):
        runs = self.env["relance.run"]
        nobody = self.env["res.users"]
        self.assertEqual(runs._who_acts(self.company, "user", self.manager), self.manager)
        # in charge, and without the right to approve
        self.assertEqual(runs._who_acts(self.company, "user", self.salesperson), self.accountant)
        self.assertEqual(
            runs._who_acts(self.company, "manager", self.accountant).has_group(
                "relance_douce.group_relance_manager"
            ),
            True,
        )
        self.company.relance_user_id = False
        self.assertIn(runs._who_acts(self.company, "user", nobody), self.company._relance_managers())

    def test_whoever_was_chosen_to_approve_is_asked(self):
        self.company.relance_approver_id = self.manager
        self.approvals()
        self.waiting(2)
        run = self.run_day(MONDAY)
        self.assertEqual((self.tasks(self.manager), self.tasks()), (["2 reminders to approve"], []))
        # posting is no approval
        self.assertEqual(run._who_acts(self.company, "user", self.env["res.users"]), self.accountant)

    def test_in_the_language_of_who_does_it(self):
        run = self.run_day(MONDAY)
        self.accountant.lang = "fr_FR"
        with self.env.cr.savepoint():
            self.assertTrue(run._task_summary("post", self.accountant, 2).startswith("2 "))

    def test_no_mail_about_a_task(self):
        self.approvals()
        self.waiting(1)
        before = self.env["mail.mail"].search_count([])
        self.run_day(MONDAY)
        self.assertEqual(self.env["mail.mail"].search_count([]), before)


@tagged("post_install", "-at_install")
class TestDigestScale(DigestCase, ScaleCase):
    def test_queries_do_not_grow(self):
        self.load(4, 2)
        self.live_day(MONDAY)

        def all_figures():
            for name in ("overdue", "recovered", "to_approve"):
                self.figure(name)

        few = self.queries(all_figures)
        self.load(40, 4)
        self.live_day(TUESDAY)
        many = self.queries(all_figures)
        self.assertLessEqual(many, few)
        self.assertLessEqual(many, 25)

    def test_approving_many_follows_the_task_once(self):
        self.levels["courtesy"].approval = "user"
        self.levels["friendly"].approval = "user"

        def approve(count):
            partners = self.load(count, 1)
            self.run_day(MONDAY)
            drafts = self.env["relance.reminder"].search(
                [("partner_id", "in", partners.ids), ("state", "=", "draft")]
            )
            self.assertEqual(len(drafts), count)
            return self.queries(drafts.with_user(self.accountant).action_approve)

        few, many = approve(3), approve(40)
        self.assertLessEqual(many, few + 5)
