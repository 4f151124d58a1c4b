"""The page of a case: one payer, one screen, by one decision and a fixed number of queries."""

from datetime import timedelta

import lxml.html

from odoo.exceptions import AccessError
from odoo.tests import Form, HttpCase, tagged

from .common import MONDAY
from .test_log import HOSTILE, LogCase

PAGE = ("overview", "step_reason", "next_level_id", "step_date", "contact_id", "policy_id", "live_plan_id")


def plain(html):
    """The text of a page, with ordinary spaces."""
    return " ".join(lxml.html.fromstring(str(html)).text_content().replace("\ufeff", "").split())


class CaseCase(LogCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # the words of the tests
        cls.env = cls.env(context={**cls.env.context, "lang": "en_US"})
        cls.dollar = cls.env.ref("base.USD")
        cls.dollar.active = True

    def page(self, case, user=None):
        """The case as the page reads it: nothing in memory."""
        self.env.flush_all()
        self.env.invalidate_all()
        return case.with_user(user or self.accountant).with_context(lang="en_US")

    def events(self, case, user=None):
        """The timeline as a list of texts, newest first."""
        root = lxml.html.fromstring(str(self.page(case, user).timeline))
        return [" ".join(item.text_content().split()) for item in root.iter("li")]


@tagged("post_install", "-at_install")
class TestPage(CaseCase):
    def test_open_by_establishment_and_currency(self):
        office = self.customer("Siège Dauphiné", city="Grenoble")
        voiron = self.customer("Magasin", city="Voiron", relance_payer_id=office.id)
        allevard = self.customer("Magasin", city="Allevard", relance_payer_id=office.id)
        self.invoice(office, MONDAY - self.days(10), 1000)
        self.invoice(voiron, MONDAY - self.days(20), 500)
        self.invoice(voiron, MONDAY + self.days(20), 250)
        self.invoice(allevard, MONDAY - self.days(5), 70, currency_id=self.dollar.id)
        self.credit_note(voiron, 100, MONDAY - self.days(3))
        self.run_day(MONDAY)
        case = office.relance_case_id
        html = self.page(case).overview
        root = lxml.html.fromstring(str(html))
        names = [" ".join(th.text_content().split()) for th in root.xpath("//th[@scope='rowgroup']")]
        self.assertEqual(names, ["Siège Dauphiné, Grenoble", "Magasin, Allevard", "Magasin, Voiron"])
        sums = [
            plain(lxml.html.tostring(row, encoding="unicode")) for row in root.find_class("o_relance_sums")
        ]
        self.assertEqual(
            sums,
            [
                "Total overdue 1,000.00 € 1,000.00 €",
                "Total overdue $ 70.00 $ 70.00",
                "Total overdue 500.00 € to match -100.00 € 650.00 €",
                "All establishments overdue 1,500.00 € to match -100.00 € 1,650.00 €",
                "All establishments overdue $ 70.00 $ 70.00",
            ],
        )

    def test_one_customer_needs_no_heading(self):
        customer = self.customer()
        self.invoice(customer, MONDAY - self.days(10))
        self.run_day(MONDAY)
        root = lxml.html.fromstring(str(self.page(customer.relance_case_id).overview))
        self.assertFalse(root.xpath("//th[@scope='rowgroup']"))
        self.assertEqual(len(root.find_class("o_relance_sums")), 1)

    def test_next_step_and_why(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        soon = self.invoice(customer, MONDAY + self.days(40))
        self.run_day(MONDAY)
        case = customer.relance_case_id
        page = self.page(case)
        self.assertIn("already being prepared", page.step_reason)
        self.assertEqual(page.next_level_id, self.levels["courtesy"])
        self.assertIn(late.name, page.overview)
        # what is another sentence stands at its invoice
        self.assertIn(soon.name, page.overview)
        self.assertIn("is planned for", plain(page.overview))
        self.send(MONDAY)
        self.today = MONDAY + self.days(1)
        page = self.page(case)
        self.assertEqual(page.level_id, self.levels["courtesy"])
        self.assertEqual(page.next_level_id, self.levels["friendly"])
        self.assertGreater(page.step_date, self.today)
        case.with_user(self.accountant).action_pause(MONDAY + self.days(30), "Vacances")
        self.today = MONDAY + self.days(20)
        self.assertIn("paused until", self.page(case).step_reason)

    def test_who_is_spoken_to(self):
        customer = self.customer(phone="04 76 00 00 00")
        clerk = self.env["res.partner"].create(
            {
                "name": "Julie",
                "parent_id": customer.id,
                "email": "julie@client.test",
                "phone": "06 00 00 00 00",
            }
        )
        customer.relance_contact_id = clerk
        self.invoice(customer, MONDAY - self.days(10))
        self.run_day(MONDAY)
        page = self.page(customer.relance_case_id)
        self.assertEqual(page.contact_id, clerk)
        self.assertEqual((page.contact_email, page.contact_phone), ("julie@client.test", "06 00 00 00 00"))

    def test_settled_case_shows_nothing_of_what_came_after(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        self.run_day(MONDAY)
        self.send(MONDAY)
        case = customer.relance_case_id
        self.pay(late, MONDAY)
        self.assertEqual(case.state, "settled")
        other = self.invoice(customer, MONDAY - self.days(9))
        page = self.page(case)
        self.assertNotIn(other.name, page.overview)
        self.assertFalse(page.step_reason)
        self.assertEqual(page.contact_id, customer)
        self.assertIn("Settled", self.events(case)[0])

    def test_plan_under_way(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        case = self.log(customer).case_id
        plan = self.env["relance.plan"]._create_for(self.line(late), 3, MONDAY + self.days(10))
        self.assertFalse(self.page(case).live_plan_id, "a draft is nobody's promise")
        plan.action_propose()
        page = self.page(case)
        self.assertEqual(page.live_plan_id, plan)
        self.assertIn("valid until", page.live_plan_note)
        plan.action_accept(signed_by="Julie")
        self.assertIn("400.00", self.page(case).live_plan_note.replace("\u00a0", " "))
        self.assertIn(f"Payment plan {plan.name} agreed", " ".join(self.events(case)))

    def test_links_only_for_those_who_may_open_invoices(self):
        customer = self.customer(user_id=self.salesperson.id)
        late = self.invoice(customer, MONDAY - self.days(10))
        self.run_day(MONDAY)
        case = customer.relance_case_id
        link = f"/odoo/dunning-cases/{case.id}/account.move/{late.id}"
        self.assertIn(link, self.page(case).overview)
        own = self.page(case, self.salesperson)
        self.assertIn(late.name, own.overview)
        self.assertNotIn("href", own.overview)

    def test_salesperson_sees_her_own_only(self):
        other = self.customer()
        self.invoice(other, MONDAY - self.days(10))
        self.run_day(MONDAY)
        case = self.page(other.relance_case_id, self.salesperson)
        for name in (*PAGE, "timeline"):
            with self.assertRaises(AccessError, msg=name):
                case.read([name])

    def test_the_open_invoices_of_a_case_are_for_its_readers(self):
        late = self.invoice(self.customer("Discret"), MONDAY - self.days(10))
        self.live_day(MONDAY)
        case = self.reminders(late.partner_id).case_id
        action = case.with_user(self.accountant).action_open_lines()
        self.assertEqual(action["domain"], [("id", "in", late.ids)])
        for user in (self.salesperson, self.outsider):
            self.env.invalidate_all()
            with self.assertRaises(AccessError):
                case.with_user(user).action_open_lines()

    def test_two_companies(self):
        other = self.env["res.company"].create({"name": "Autre Maison"})
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        self.run_day(MONDAY)
        mine = customer.relance_case_id
        theirs = self.env["relance.case"].create({"partner_id": customer.id, "company_id": other.id})
        both = self.page(mine + theirs, self.env.user)
        self.assertIn(late.name, both[0].overview)
        self.assertNotIn(late.name, both[1].overview)

    def test_hostile_text(self):
        customer = self.customer(HOSTILE, city=HOSTILE)
        shop = self.customer(f"<b>{HOSTILE}", relance_payer_id=customer.id)
        self.invoice(customer, MONDAY - self.days(10), ref=HOSTILE)
        self.invoice(shop, MONDAY - self.days(10))
        case = self.log(customer, note=f"{HOSTILE}\nSeconde ligne").case_id
        page = self.page(case)
        for html in (page.overview, page.timeline):
            self.assertNotIn("<script", html)
        self.assertIn(HOSTILE, plain(page.timeline).replace("\u00a0", " ").replace("  ", " ") or "")
        self.assertIn("\nSeconde ligne", page.timeline)

    def test_queries_do_not_grow(self):
        """Neither with the invoices nor with the history."""
        few, many = self.customer("Peu"), self.customer("Beaucoup")
        self.invoice(few, MONDAY - self.days(10))
        shops = [self.customer(f"Magasin {n}", relance_payer_id=many.id) for n in range(6)]
        for number in range(30):
            self.invoice(shops[number % 6], MONDAY - self.days(10 + number))
        for partner, contacts in ((few, 3), (many, 40)):
            for number in range(contacts):
                contact = self.log(partner, date=MONDAY - self.days(number), note=f"Appel {number}")
            contact.line_ids[0]._hold(MONDAY + self.days(1), "Patience")

        def queries(case):
            page = self.page(case)
            before = self.env.cr.sql_log_count
            page.read([*PAGE, "timeline", "duration_tracking"])
            return self.env.cr.sql_log_count - before

        small = queries(few.relance_case_id)
        self.assertEqual(len(self.events(many.relance_case_id)), 41)
        self.assertLessEqual(queries(many.relance_case_id), small + 1)
        # a page of several cases takes one decision
        self.assertLessEqual(queries(few.relance_case_id + many.relance_case_id), small + 3)


@tagged("post_install", "-at_install")
class TestTimeline(CaseCase):
    def test_newest_first_with_who_and_when(self):
        customer = self.customer()
        self.invoice(customer, MONDAY - self.days(10))
        self.run_day(MONDAY)
        self.send(MONDAY)
        case = customer.relance_case_id
        self.today = MONDAY + self.days(3)
        self.log(customer, "call_in", note="Il attend un avoir.")
        undone = self.log(customer, "visit", date=MONDAY + self.days(1))
        undone.with_user(self.accountant).action_undo()
        first, second, third = self.events(case)
        self.assertRegex(first, r"^03/05/2026.*Incoming call · Anne Comptable")
        self.assertIn("Il attend un avoir.", first)
        self.assertRegex(second, r"^03/03/2026.*Visit · Anne Comptable Contact undone by Anne Comptable")
        self.assertRegex(third, r"^03/02/2026 \S+.*Anne Comptable E-mail · Client Exemple · INV/\S+: 1,200")
        root = lxml.html.fromstring(str(self.page(case).timeline))
        self.assertEqual(len(root.find_class("o_relance_faded")), 1)

    def test_holds_and_pauses(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        # it was spoken about: the case stays when nothing is planned
        case = self.log(customer, date=MONDAY - self.days(10)).case_id
        self.run_day(MONDAY)
        reminder = self.reminders(customer, state="ready")
        reminder.with_user(self.accountant).action_cancel(MONDAY + self.days(4), "Avoir à venir")
        tracked = case.with_user(self.accountant).with_context(tracking_disable=False)
        self.env.cr.precommit.run()
        tracked.action_pause(MONDAY + self.days(30), "Vacances")
        self.env.cr.precommit.run()
        tracked.action_resume()
        self.env.cr.precommit.run()
        told = " | ".join(self.events(case))
        self.assertIn("Paused until 03/06/2026 · Anne Comptable", told)
        self.assertIn(f"{late.name} Avoir à venir", told)
        self.assertIn("Paused until 04/01/2026 · Anne Comptable Vacances", told)
        self.assertIn("The pause ended · Anne Comptable", told)
        self.assertIn("not sent: Left alone until", told)
        holds = self.env["relance.hold"].search([("partner_id", "=", customer.id)])
        holds.with_user(self.accountant).action_release()
        holds.with_user(self.accountant).flush_recordset()
        self.assertIn("Dunning goes on · Anne Comptable", " | ".join(self.events(case)))

    def test_not_approved_in_time(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(60))
        self.line(late).write(
            {"relance_level_id": self.levels["friendly"].id, "relance_level_date": MONDAY - self.days(40)}
        )
        self.run_day(MONDAY)
        case = self.reminders(customer, state="draft").case_id
        self.assertIn("waits for approval", self.events(case)[0])
        self.run_day(MONDAY + self.days(20))
        self.assertIn("Not approved in time", " ".join(self.events(case)))

    def test_what_did_not_arrive(self):
        customer = self.customer()
        self.invoice(customer, MONDAY - self.days(10))
        self.run_day(MONDAY)
        self.send(MONDAY)
        reminder = self.reminders(customer)
        reminder.delivery_state = "bounced"
        self.assertIn("did not arrive", self.events(reminder.case_id)[0])

    def test_plan_messages(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        case = self.log(customer).case_id
        plan = self.env["relance.plan"]._create_for(self.line(late), 3, MONDAY + self.days(10))
        plan.action_propose()
        told = self.events(case)
        self.assertTrue([text for text in told if text.endswith(f"Client Exemple · {plan.name}")], told)
        self.assertTrue([text for text in told if "3 instalments" in text], told)

    def test_earlier_case_keeps_its_own_history(self):
        customer = self.customer()
        late = self.invoice(customer, MONDAY - self.days(10))
        old = self.log(customer, note="Ancien").case_id
        self.pay(late, MONDAY)
        self.invoice(customer, MONDAY - self.days(9))
        new = self.log(customer, note="Nouveau").case_id
        self.assertNotEqual(old, new)
        self.assertNotIn("Ancien", " ".join(self.events(new)))
        self.assertNotIn("Nouveau", " ".join(self.events(old)))


@tagged("post_install", "-at_install")
class TestDuration(CaseCase):
    """Time per level, as the host tracks it, also where levels change in bulk."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, "tracking_disable": False})

    def backdate(self, case, days):
        """This case, and what was tracked of it, ``days`` earlier."""
        self.env.cr.precommit.run()
        self.env.flush_all()
        self.env.cr.execute(
            """
            UPDATE relance_case SET create_date = create_date - %(days)s WHERE id = %(case)s;
            UPDATE mail_tracking_value SET create_date = create_date - %(days)s
             WHERE mail_message_id IN (SELECT id FROM mail_message
                                        WHERE model = 'relance.case' AND res_id = %(case)s)
            """,
            {"days": timedelta(days=days), "case": case.id},
        )
        self.env.invalidate_all()

    def spent(self, case):
        """Level → whole days."""
        self.env.cr.precommit.run()
        self.env.flush_all()
        self.env.invalidate_all()
        levels = {level.id: tone for tone, level in self.levels.items()}
        return {
            levels[int(level)]: round(seconds / 86400)
            for level, seconds in case.duration_tracking.items()
            if int(level)
        }

    def climb(self, partners, *tones):
        for tone in tones:
            for case in partners.relance_case_id:
                case.open_line_ids.relance_level_id = self.levels[tone]
            partners.relance_case_id._refresh()
            for case in partners.relance_case_id:
                self.backdate(case, 7)

    def load(self, count):
        partners = self.env["res.partner"]
        for number in range(count):
            partner = self.customer(f"Client {number}")
            self.invoice(partner, MONDAY - self.days(10))
            partners += partner
        self.run_day(MONDAY)
        return partners

    def test_time_per_level(self):
        partners = self.load(3)
        self.climb(partners, "friendly", "attentive")
        for case in partners.relance_case_id:
            self.assertEqual(self.spent(case), {"friendly": 7, "attentive": 7})
            self.assertEqual(len(case.message_ids.tracking_value_ids), 2)

    def test_bulk(self):
        def queries(partners, tone):
            cases = self.env["relance.case"].search([("partner_id", "in", partners.ids)])
            for case in cases:
                case.open_line_ids.relance_level_id = self.levels[tone]
            self.env.cr.precommit.run()
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            cases._refresh()
            self.env.cr.precommit.run()
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        few, many = self.load(3), self.load(25)
        small = queries(few, "friendly")
        self.assertLessEqual(queries(many, "friendly"), small + 3)
        for case in many.relance_case_id:
            [value] = case.message_ids.tracking_value_ids
            self.assertEqual(value.new_value_integer, self.levels["friendly"].id)

    def test_only_our_own_fields_are_tracked(self):
        """Tracking comes with related fields of customers: it would decide at every write."""
        self.assertEqual(
            set(self.env["relance.case"]._track_get_fields()),
            {"state", "level_id", "user_id", "paused_until", "pause_reason"},
        )

    def test_merged_cases_keep_their_own_time(self):
        partners = self.load(2)
        self.climb(partners[0], "friendly")
        self.climb(partners, "attentive")
        keep, gone = partners.relance_case_id
        gone.message_post(body="A note")
        self.env["relance.case"]._merge_cases_of(partners, partners[0])
        self.assertEqual(self.spent(keep), {"friendly": 7, "attentive": 7})
        self.assertEqual(self.spent(gone), {"attentive": 7})
        self.assertIn("A note", " ".join(keep.message_ids.mapped("body")))

    def test_ladder_of_the_policy(self):
        partners = self.load(1)
        page = self.page(partners.relance_case_id)
        self.assertEqual(page.policy_id, self.policy)
        with Form(page) as form:
            self.assertEqual(form.policy_id, self.policy)


@tagged("post_install", "-at_install")
class TestCaseTour(CaseCase, HttpCase):
    def test_page(self):
        (self.accountant + self.salesperson).lang = "en_US"
        office = self.customer("Head office on the page", lang="en_US", city="Grenoble")
        shop = self.customer("Shop on the page", city="Voiron", relance_payer_id=office.id, lang="en_US")
        late = self.invoice(office, MONDAY - timedelta(days=300))
        self.invoice(shop, MONDAY - timedelta(days=300))
        self.today = MONDAY
        case = self.log(office, note="Spoke to <b>Julie</b>").case_id
        self.start_tour(f"/odoo/dunning-cases/{case.id}", "relance_case_page_tour", login="accountant")
        self.assertTrue(late)
