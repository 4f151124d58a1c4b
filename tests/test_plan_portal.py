"""The customer's side of a payment plan over plain HTTP: who sees what, and what cannot be done."""

import base64
import logging
import re
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from lxml import html

from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tests.common import JsonRpcException

from .common import MONDAY
from .test_plan import FIRST, SIGNATURE, PlanCase

SCRIPT = "<script>alert(1)</script>"
WORDS = "deux mille euros"


class PortalCase(PlanCase, HttpCase):
    """A customer with a portal user; a stranger with another one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.payer.write({"lang": "en_US", "name": "Customer of the portal"})
        cls.julie = new_test_user(
            cls.env, "julie", "base.group_portal", name="Julie Martin", password="julie1234"
        )
        cls.julie.partner_id.write({"parent_id": cls.payer.id, "lang": "en_US"})
        cls.stranger = new_test_user(cls.env, "stranger", "base.group_portal", password="stranger1234")
        cls.stranger.lang = "en_US"

    def offer(self, **values):
        values = {"signer_name": "Julie Martin", "signer_function": "Manager", **values}
        return self.proposed(**values).sudo()

    def consumer_offer(self):
        consumer = self.customer("Paul Person", is_company=False, vat=False, lang="fr_FR")
        return self.offer(moves=self.invoice(consumer, MONDAY - timedelta(days=20), 2000.0))

    def url(self, plan, suffix="", token=True):
        return plan.get_portal_url(suffix=suffix) if token else f"/my/plans/{plan.id}{suffix}"

    def page(self, plan, **options):
        """The page of ``plan`` as a tree."""
        return self.tree(self.url_open(self.url(plan, **options)))

    def tree(self, response):
        return html.fromstring(response.content)

    def text(self, tree):
        # as it is read: in one line
        return " ".join(tree.text_content().split())

    def ask(self, plan, action, **values):
        return self.make_jsonrpc_request(
            f"/my/plans/{plan.id}/{action}", {"access_token": plan.access_token, **values}
        )

    def answers(self, plan, **values):
        return {
            "offer": plan._offer_hash(),
            "name": "Julie Martin",
            "function": "Manager",
            "authority": True,
            "signature": SIGNATURE,
            **values,
        }

    def sign(self, plan, **values):
        return self.ask(plan, "sign", **self.answers(plan, **values))

    def assertRefused(self, answer, *words, stale=False):
        self.assertNotIn("redirect", answer)
        for word in words:
            self.assertIn(word, " ".join(answer["error"].split()))
        self.assertEqual(answer["stale"], stale)


@tagged("post_install", "-at_install")
class TestPlanPages(PortalCase):
    # -- who sees it -------------------------------------------------------------------------
    def test_a_visitor_with_the_link_reads_everything(self):
        plan = self.offer(waive_penalties=True)
        tree = self.page(plan)
        text = self.text(tree)
        for part in (
            plan.name,
            "offers you to pay 2,000.00 € in 4 instalments",
            "9 March 2026",
            "9 June 2026",
            "500.00 €",
            self.older.name,
            self.younger.name,
            "Valid until 9 March 2026",
            "we give up all late-payment penalties",
            "5 days later, we give you 8 days",
            self.accountant.name,
        ):
            self.assertIn(part, text)
        links = tree.xpath("//a/@href")
        self.assertIn(self.older.get_portal_url(), links)
        self.assertEqual(
            tree.xpath("//button/@data-plan-open")[:3], ["plan_sign", "plan_counter", "plan_decline"]
        )
        self.assertEqual(tree.xpath("//input[@name='offer']/@value"), [plan._offer_hash()])
        # every field has its label
        for field in tree.xpath(
            "//form[@data-plan-action]//*[self::input[@id] or self::textarea or self::select]"
        ):
            self.assertTrue(tree.xpath(f"//label[@for='{field.get('id')}']"), field.get("id"))

    def test_the_page_speaks_the_language_of_the_customer(self):
        self.payer.lang = "fr_FR"
        plan = self.offer()
        response = self.url_open(self.url(plan))
        self.assertIn("/fr/my/plans/", response.url)
        self.assertEqual(self.tree(response).get("lang"), "fr-FR")
        self.assertIn("9 mars 2026", self.text(self.tree(response)))
        # he may choose another one
        self.opener.cookies.set("frontend_lang", "en_US")
        self.assertEqual(self.page(plan).get("lang"), "en-US")

    def test_the_language_is_shown_without_cookies_too(self):
        plan = self.offer()
        for code, lang in (("fr_FR", "fr-FR"), ("en_US", "en-US")):
            self.payer.lang = code
            for accepted in ("fr", "en"):
                self.opener.cookies.clear()
                with patch.object(self.opener.cookies, "extract_cookies"):
                    response = self.url_open(self.url(plan), headers={"Accept-Language": accepted})
                self.assertEqual(self.tree(response).get("lang"), lang, (code, accepted))

    def test_wrong_missing_and_foreign_links(self):
        plan = self.offer()
        wrong = self.url_open(f"/my/plans/{plan.id}?access_token=wrong")
        self.assertEqual(wrong.status_code, 404)
        self.assertIn("This link does not work", wrong.text)
        self.assertNotIn(plan.name, wrong.text)
        # whether there is such a plan is not told
        nobody = self.url_open("/my/plans/999999999?access_token=wrong")
        self.assertEqual(
            (nobody.status_code, nobody.url.split("/")[-1].split("?")[1]), (404, "access_token=wrong")
        )
        missing = self.url_open(f"/my/plans/{plan.id}")
        self.assertIn("/web/login", missing.url)
        for suffix in ("/agreement", "/pay"):
            response = self.url_open(f"/my/plans/{plan.id}{suffix}?access_token=wrong")
            self.assertEqual(response.status_code, 404)
        for action in ("sign", "code", "decline", "counter"):
            answer = self.make_jsonrpc_request(f"/my/plans/{plan.id}/{action}", {"access_token": "wrong"})
            self.assertIn("open it again", answer["error"])
        self.assertEqual(plan.state, "proposed")

    def test_another_customer_is_sent_home(self):
        plan = self.offer()
        self.authenticate("stranger", "stranger1234")
        response = self.url_open(self.url(plan, token=False))
        self.assertTrue(response.url.endswith("/my"), response.url)
        self.assertNotIn(plan.name, response.text)
        self.assertNotIn(plan.name, self.url_open("/my/plans").text)
        answer = self.make_jsonrpc_request(f"/my/plans/{plan.id}/sign", self.answers(plan))
        self.assertIn("open it again", answer["error"])
        self.assertEqual(plan.state, "proposed")

    def test_portal_user_lists_and_opens_her_plans(self):
        plan = self.offer()
        draft = self.plan(moves=self.invoice(self.payer, MONDAY, 300.0))
        self.authenticate("julie", "julie1234")
        listed = self.text(self.tree(self.url_open("/my/plans")))
        self.assertIn(plan.name, listed)
        self.assertIn("To sign", listed)
        self.assertNotIn(draft.name, listed)
        self.assertIn(plan.name, self.text(self.page(plan, token=False)))
        self.assertTrue(self.url_open(self.url(draft, token=False)).url.endswith("/my"))
        counters = self.make_jsonrpc_request(
            "/my/counters", {"counters": ["plan_count", "plan_to_sign_count"]}
        )
        self.assertEqual(counters, {"plan_count": 1, "plan_to_sign_count": 1})
        self.assertIn("/my/plans", self.url_open("/my").text)

    def test_an_empty_list_says_what_plans_are_for(self):
        self.authenticate("stranger", "stranger1234")
        self.assertIn("talk to us", self.url_open("/my/plans").text)

    def test_invoices_of_a_kept_plan_are_not_overdue_at_home(self):
        self.julie.partner_id.parent_id = False
        invoices = self.invoice(self.julie.partner_id, MONDAY - timedelta(days=20), 600.0)
        other = self.invoice(self.julie.partner_id, MONDAY - timedelta(days=20), 60.0)
        self.authenticate("julie", "julie1234")

        def overdue():
            return self.make_jsonrpc_request("/my/counters", {"counters": ["overdue_invoice_count"]})

        self.assertEqual(overdue()["overdue_invoice_count"], 2)
        self.active(moves=invoices)
        self.assertEqual(overdue()["overdue_invoice_count"], 1)
        self.assertTrue(other)

    # -- what it says in each state -------------------------------------------------------------
    def test_a_draft_shows_no_figures(self):
        plan = self.offer()
        url = self.url(plan)
        plan.action_revise()
        text = self.text(self.tree(self.url_open(url)))
        self.assertIn("We are working on this plan", text)
        self.assertNotIn("500.00", text)
        self.assertNotIn(self.older.name, text)

    def test_an_expired_offer_says_what_to_do(self):
        plan = self.offer()
        with freeze_time(f"{MONDAY + timedelta(days=8)} 10:00:00"):
            response = self.url_open(self.url(plan))
            self.assertEqual(response.status_code, 410)
            self.assertIn("This offer has expired", response.text)
            self.assertIn("9 March 2026", response.text)
            self.assertNotIn("500.00", response.text)
            self.assertRefused(self.sign(plan), "expired")
            for suffix in ("/pay", "/agreement"):
                self.assertEqual(self.url_open(self.url(plan, suffix)).status_code, 410)
            # the night after it is closed
            self.env["relance.plan"]._follow(self.company, MONDAY + timedelta(days=8))
            self.assertIn("This offer expired on 10 March 2026", self.text(self.page(plan)))

    def test_links_to_closed_plans_expire(self):
        plan = self.offer()
        self.ask(plan, "decline", reason="no")
        self.assertIn("You declined this offer on 2 March 2026", self.text(self.page(plan)))
        with freeze_time(f"{MONDAY + timedelta(days=61)} 10:00:00"):
            response = self.url_open(self.url(plan))
            self.assertEqual(response.status_code, 410)
            self.assertIn("This link has expired", response.text)
            self.authenticate("julie", "julie1234")
            self.assertIn("You declined this offer", self.text(self.page(plan, token=False)))

    def test_each_end_has_its_words(self):
        plan = self.offer()
        plan.action_cancel()
        self.assertIn("We withdrew this plan on 2 March 2026", self.text(self.page(plan)))
        plan = self.offer()
        plan.action_accept(signed_by="Julie Martin")
        self.assertIn("Agreed on 2 March 2026: 2,000.00", self.text(self.page(plan)))
        renewed = self.plan(replaces_id=plan.id).sudo()
        renewed.action_propose()
        renewed.action_accept(signed_by="Julie Martin")
        tree = self.page(plan)
        self.assertIn("replaced by a new one", self.text(tree))
        self.assertIn(self.url(renewed), tree.xpath("//a/@href"))
        renewed._set_broken()
        text = self.text(self.page(renewed))
        self.assertIn("This plan ended on 2 March 2026", text)
        self.assertIn("2,000.00 € is due now", text)

    def test_an_active_plan_shows_how_it_stands(self):
        plan = self.offer()
        plan.action_accept(signed_by="Julie Martin")
        self.settle(self.older, MONDAY, 700.0)
        plan.invalidate_recordset()
        tree = self.page(plan)
        text = self.text(tree)
        self.assertIn("700.00 € received, 1,300.00 € left", text)
        self.assertIn("Partly paid 200.00 € received", text)
        self.assertEqual(tree.xpath("//*[@role='progressbar']/@aria-valuenow"), ["35"])
        self.assertIn(self.url(plan, "/pay"), tree.xpath("//a/@href"))
        self.assertFalse(tree.xpath("//form[@data-plan-action]"))

    def test_what_is_late_is_said(self):
        plan = self.offer()
        plan.action_accept(signed_by="Julie Martin")
        day = MONDAY + timedelta(days=45)
        self.env["relance.plan"]._follow(self.company, day)
        with freeze_time(f"{day} 10:00:00"):
            text = self.text(self.page(plan))
        self.assertIn("Late instalment 500.00 € due on 9 March 2026 In all, 1,000.00 € is late.", text)

    def test_what_we_collect_is_not_asked_for(self):
        plan = self.offer(means="direct_debit")
        plan.action_accept(signed_by="Julie Martin")
        tree = self.page(plan)
        self.assertIn("You have nothing to do", self.text(tree))
        self.assertNotIn(self.url(plan, "/pay"), tree.xpath("//a/@href"))

    def test_everything_typed_is_escaped(self):
        self.payer.name = f"Shop {SCRIPT}"
        self.accountant.name = f"Anne {SCRIPT}"
        plan = self.offer(signer_name=SCRIPT, means_note=SCRIPT)
        self.ask(plan, "counter", count=20, first_date=str(FIRST), every="month", reason=SCRIPT)
        source = self.url_open(self.url(plan)).text
        self.assertNotIn(SCRIPT, source)
        self.assertIn("&lt;script&gt;alert(1)", source)
        self.sign(plan, name=SCRIPT, function=SCRIPT)
        self.assertEqual(plan.signed_by, SCRIPT)
        self.assertNotIn(SCRIPT, self.url_open(self.url(plan)).text)
        # the chatter neither
        self.assertNotIn(SCRIPT, "".join(str(body) for body in plan.message_ids.mapped("body")))

    # -- the document ---------------------------------------------------------------------------
    def test_agreement_before_and_after_the_signature(self):
        plan = self.offer()
        response = self.url_open(self.url(plan, "/agreement"))
        self.assertEqual(response.headers["Content-Type"], "application/pdf")
        self.assertEqual(response.content[:4], b"%PDF")
        self.assertIn(".pdf", response.headers["Content-Disposition"])
        self.sign(plan)
        self.assertEqual(self.url_open(self.url(plan, "/agreement")).content, plan.agreement_id.raw)

    def test_a_server_that_cannot_print_says_so(self):
        plan = self.offer()
        with patch.object(type(plan), "_render_agreement", lambda self: None):
            self.assertIn("try again later", self.url_open(self.url(plan, "/agreement")).text)


@tagged("post_install", "-at_install")
class TestPlanAnswers(PortalCase):
    # -- signing ------------------------------------------------------------------------------
    def test_a_visitor_signs_with_evidence(self):
        plan = self.offer()
        offer = plan._offer_hash()
        answer = self.sign(plan)
        self.assertIn(f"/my/plans/{plan.id}", answer["redirect"])
        self.assertEqual((plan.state, plan.signed_kind), ("active", "portal"))
        self.assertEqual((plan.signed_by, plan.signed_function), ("Julie Martin", "Manager"))
        self.assertTrue(plan.signed_authority)
        self.assertTrue(plan.signed_ip)
        self.assertEqual(plan.signed_hash, offer)
        self.assertTrue(plan.signature)
        self.assertTrue(plan.agreement_id)
        page = self.text(self.tree(self.url_open(answer["redirect"])))
        self.assertIn("Thank you, the plan is agreed.", page)
        self.assertIn("Signed online by Julie Martin", page)

    def test_a_second_click_changes_nothing(self):
        plan = self.offer()
        answers = self.answers(plan)
        first = self.ask(plan, "sign", **answers)
        signed_on, agreement = plan.signed_on, plan.agreement_id
        second = self.ask(plan, "sign", **{**answers, "name": "Somebody else"})
        self.assertEqual(first, second)
        self.assertEqual((plan.signed_by, plan.signed_on), ("Julie Martin", signed_on))
        self.assertEqual(plan.agreement_id, agreement)
        self.assertEqual(len(plan.message_log_ids.filtered(lambda one: one.kind == "confirmation")), 1)

    def test_what_is_missing_is_said(self):
        plan = self.offer()
        for values, words in (
            ({"name": "  "}, "name of who signs"),
            ({"function": ""}, "Enter your function"),
            ({"authority": False}, "Please confirm that you may sign for Customer of the portal"),
            ({"authority": "yes"}, "Please confirm"),
            ({"signature": ""}, "draw your signature"),
            ({"signature": "bm8gcGljdHVyZQ=="}, "draw your signature"),
            ({"signature": "not base64"}, "draw your signature"),
            ({"signature": 5}, "draw your signature"),
            ({"signature": base64.b64encode(b"\x89PNG" + b"x" * 600_000).decode()}, "draw your signature"),
            ({"signature": base64.b64encode(b"\x89PNG but no picture").decode()}, "image"),
        ):
            with self.subTest(values):
                self.assertRefused(self.sign(plan, **values), words)
        self.assertEqual(plan.state, "proposed")
        self.assertFalse(plan.signed_authority)

    def test_withdrawn_or_changed_while_he_reads(self):
        plan = self.offer()
        answers = self.answers(plan)
        plan.current_on_time = False
        self.assertRefused(self.ask(plan, "sign", **answers), "was changed meanwhile", stale=True)
        self.assertRefused(self.sign(plan, offer=None), "was changed meanwhile")
        plan.action_revise()
        self.assertRefused(self.ask(plan, "sign", **answers), "withdrawn", stale=True)
        plan.action_propose()
        plan.action_cancel()
        self.assertRefused(self.ask(plan, "sign", **answers), "withdrawn", stale=True)
        self.assertFalse(plan.signed_on)

    def test_a_payment_meanwhile_changes_the_offer_or_not(self):
        """What was paid counts for the plan; a credit that we gave does not change it either."""
        plan = self.offer()
        self.settle(self.older, MONDAY, 100.0)
        self.assertIn("redirect", self.sign(plan))
        self.assertEqual(plan.amount_paid, 100.0)

    def test_whoever_is_no_merchant_writes_the_sum(self):
        plan = self.consumer_offer()
        tree = self.page(plan)
        self.assertTrue(tree.xpath("//input[@name='figures']"))
        self.assertFalse(tree.xpath("//input[@name='authority' or @name='function']"))
        values = {"function": "", "authority": False, "figures": "2 000,00 €", "words": WORDS}
        self.assertRefused(self.sign(plan, **{**values, "figures": "200"}), "2 000,00 €")
        self.assertRefused(self.sign(plan, **{**values, "words": "mille euros"}), WORDS)
        self.assertRefused(self.sign(plan, **{**values, "words": ""}), WORDS)
        self.assertEqual(plan.state, "proposed")
        self.assertIn("redirect", self.sign(plan, **values))
        self.assertEqual((plan.signed_sum, plan.signed_words), ("2 000,00 €", WORDS))
        self.assertFalse(plan.signed_authority)

    def test_a_merchant_writes_no_sum(self):
        plan = self.offer()
        self.assertFalse(self.page(plan).xpath("//input[@name='figures']"))
        self.sign(plan, figures="1", words="one")
        self.assertEqual((plan.state, plan.signed_sum), ("active", False))

    def test_database_errors_are_not_swallowed(self):
        """The host tries a request again that lost a race; a sentence would end it."""
        plan = self.offer()
        calls = []

        def accept(self, *args, **kwargs):
            calls.append(1)
            if len(calls) == 1:
                self.env.cr.execute("SELECT 1/0")
            return True

        with patch.object(type(plan), "_accept", accept), self.assertLogs("odoo", level="ERROR"):
            with self.assertRaises(JsonRpcException):
                self.sign(plan)

    # -- the one-time code ----------------------------------------------------------------------
    def code_offer(self, **values):
        self.policy.plan_needs_code = True
        return self.offer(signer_mobile="06 12 34 56 78", **values)

    def sent_code(self):
        sms = self.env["sms.sms"].search([], order="id desc", limit=1)
        return re.search(r"\b\d{6}\b", sms.body)[0]

    def another_minute(self, plan):
        plan.code_until -= timedelta(minutes=2)

    def test_code_by_sms(self):
        plan = self.code_offer()
        logged = []
        handler = logging.Handler(logging.DEBUG)
        handler.emit = lambda record: logged.append(record.getMessage())
        logging.getLogger("odoo").addHandler(handler)
        self.addCleanup(logging.getLogger("odoo").removeHandler, handler)
        answer = self.ask(plan, "code")
        self.assertIn("by SMS to •• 5678", answer["message"])
        sms = self.env["sms.sms"].search([], order="id desc", limit=1)
        self.assertEqual((sms.number, sms.state), ("+33612345678", "outgoing"))
        code = self.sent_code()
        self.assertRefused(self.sign(plan, code=""), "not the code")
        self.assertIn("redirect", self.sign(plan, code=f" {code[:3]} {code[3:]} "))
        self.assertTrue(plan.signed_with_code)
        self.assertNotIn(code, "".join(str(body) for body in plan.message_ids.mapped("body")))
        self.assertFalse([line for line in logged if code in line])

    def test_code_by_mail_leaves_nothing_behind(self):
        plan = self.code_offer(signer_email="julie@client.test")
        plan.signer_mobile = False
        answer = self.ask(plan, "code")
        self.assertIn("by e-mail to ju••@client.test", answer["message"])
        mail = self.env["mail.mail"].search([], order="id desc", limit=1)
        self.assertEqual((mail.email_to, mail.auto_delete), ("julie@client.test", True))
        self.assertFalse(mail.model)
        code = re.search(r"\b\d{6}\b", mail.body_html)[0]
        self.assertIn("redirect", self.sign(plan, code=code))

    def test_code_in_the_language_of_the_customer(self):
        self.payer.lang = "fr_FR"
        plan = self.code_offer()
        sentence = plan.with_context(lang="fr_FR")._code_text("123456")
        with patch.object(type(plan), "_code_text", lambda self, code: f"{self.env.lang} {sentence} {code}"):
            self.ask(plan, "code")
        self.assertIn("fr_FR", self.env["sms.sms"].search([], order="id desc", limit=1).body)

    def test_nobody_to_send_a_code_to(self):
        plan = self.code_offer(signer_email=False)
        plan.signer_mobile = False
        self.payer.email = False
        self.assertRefused(self.ask(plan, "code"), "please call us")
        self.assertFalse(plan.code_count)

    def test_five_wrong_codes_end_it(self):
        plan = self.code_offer()
        self.ask(plan, "code")
        code = self.sent_code()
        wrong = f"{(int(code) + 1) % 10**6:06d}"
        for _attempt in range(5):
            self.assertRefused(self.sign(plan, code=wrong), "not the code")
        self.assertEqual(plan.code_tries, 5)
        self.assertRefused(self.sign(plan, code=code), "ask for a new one")
        self.another_minute(plan)
        self.ask(plan, "code")
        self.assertIn("redirect", self.sign(plan, code=self.sent_code()))

    def test_a_code_grows_old(self):
        plan = self.code_offer()
        self.ask(plan, "code")
        with freeze_time(f"{MONDAY} 10:16:00"):
            self.assertRefused(self.sign(plan, code=self.sent_code()), "no longer valid")

    def test_codes_cannot_be_asked_for_without_end(self):
        plan = self.code_offer()
        self.ask(plan, "code")
        self.assertRefused(self.ask(plan, "code"), "just now")
        for _attempt in range(4):
            self.another_minute(plan)
            self.assertIn("message", self.ask(plan, "code"))
        self.another_minute(plan)
        self.assertRefused(self.ask(plan, "code"), "call us")
        self.assertEqual(self.env["sms.sms"].search_count([("number", "=", "+33612345678")]), 5)

    def test_no_code_where_none_is_needed(self):
        plan = self.offer(signer_mobile="06 12 34 56 78")
        self.assertFalse(self.page(plan).xpath("//input[@name='code']"))
        self.assertRefused(self.ask(plan, "code"), "No code is needed")

    # -- declining and proposing ------------------------------------------------------------------
    def test_declining_needs_a_reason(self):
        plan = self.offer()
        self.assertRefused(self.ask(plan, "decline", reason="  "), "tell us why")
        self.assertIn("redirect", self.ask(plan, "decline", reason=f"Too much {SCRIPT}" + "x" * 5000))
        self.assertEqual((plan.state, plan.close_reason), ("cancelled", "declined"))
        self.assertLessEqual(len(plan.close_note), 500)
        self.assertEqual(plan.activity_ids.user_id, self.accountant)
        self.assertNotIn(SCRIPT, "".join(str(note) for note in plan.activity_ids.mapped("note")))
        # a second click finds it done
        self.assertIn("redirect", self.ask(plan, "decline", reason="again"))

    def test_a_proposal_within_the_limits_is_the_offer(self):
        plan = self.offer()
        before = plan._offer_hash()
        answer = self.ask(
            plan, "counter", count="5", first_date="2026-03-15", every="fortnight", reason="Slow"
        )
        self.assertIn("redirect", answer)
        self.assertEqual((plan.counter_state, plan.state), ("accepted", "proposed"))
        self.assertEqual(plan.line_ids.mapped("amount"), [400.0] * 5)
        tree = self.tree(self.url_open(answer["redirect"]))
        self.assertIn("Your proposal is accepted.", self.text(tree))
        self.assertIn("29 March 2026", self.text(tree))
        # what he saw before cannot be signed
        self.assertRefused(self.sign(plan, offer=before), "changed meanwhile", stale=True)
        self.assertIn("redirect", self.sign(plan))

    def test_a_proposal_beyond_the_limits_is_answered_by_a_person(self):
        plan = self.offer()
        self.ask(plan, "counter", count=20, first_date="2026-03-15", every="month", reason="Hard times")
        self.assertEqual((plan.counter_state, plan.line_count), ("asked", 4))
        self.assertTrue(plan.activity_ids.user_id.has_group("relance_douce.group_relance_manager"))
        tree = self.page(plan)
        self.assertIn("We have your proposal", self.text(tree))
        self.assertIn("Hard times", self.text(tree))
        # one after the other; the offer may be signed meanwhile
        self.assertFalse(tree.xpath("//*[@id='plan_counter']"))
        again = self.ask(plan, "counter", count=6, first_date="2026-03-15")
        self.assertRefused(again, "will answer it")
        self.assertIn("redirect", self.sign(plan))

    def test_no_nonsense_makes_an_error(self):
        """Whoever writes to the server by hand gets a sentence too."""
        self.policy.plan_needs_code = True
        plan = self.offer(signer_mobile="06 12 34 56 78")
        self.ask(plan, "code")
        for nonsense in ({"a": 1}, ["x"], 5, -1.5, True, "é", "\0", "x" * 100_000):
            for action, names in (
                ("sign", ("offer", "name", "function", "authority", "code", "signature")),
                ("counter", ("count", "first_date", "every")),
            ):
                for name in names:
                    with self.subTest(action=action, name=name, nonsense=str(nonsense)[:9]):
                        values = self.answers(plan, count=5, first_date="2026-03-15", every="month")
                        answer = self.ask(plan, action, **{**values, name: nonsense})
                        self.assertTrue(answer.get("error") or name in ("name", "function", "count"), answer)
                        plan.code_tries = 0
            wrong = self.make_jsonrpc_request(f"/my/plans/{plan.id}/sign", {"access_token": nonsense})
            self.assertIn("open it again", wrong["error"])
        self.assertEqual(self.url_open(f"/my/plans/{plan.id}?access_token=%C3%A9%00").status_code, 404)

    def test_a_refused_proposal_is_told_kindly(self):
        plan = self.offer()
        self.ask(plan, "counter", count=20, first_date="2026-03-15", every="month", reason="Hard times")
        plan.action_refuse_counter()
        self.assertIn("We are sorry", self.text(self.page(plan)))

    def test_proposals_that_cannot_be(self):
        plan = self.offer()
        good = {"count": 5, "first_date": "2026-03-15", "every": "month", "reason": "x"}
        for values, words in (
            ({"count": 0}, "between 1 and 24"),
            ({"count": "many"}, "between 1 and 24"),
            ({"count": None}, "between 1 and 24"),
            ({"count": 100000}, "between 1 and 24"),
            ({"count": {}}, "between 1 and 24"),
            ({"first_date": ["2026-03-15"]}, "first day"),
            ({"first_date": ""}, "first day"),
            ({"first_date": "yesterday"}, "first day"),
            ({"first_date": "2026-03-01"}, "today or later"),
            ({"first_date": "9999-12-31"}, "first day"),
            ({"every": "never"}, "how often"),
        ):
            with self.subTest(values):
                self.assertRefused(self.ask(plan, "counter", **{**good, **values}), words)
        self.assertFalse(plan.counter_state)


@tagged("post_install", "-at_install")
class TestPlanPayment(PortalCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # stands for any provider of the host: nothing leaves
        form = cls.env["ir.ui.view"].create(
            {"name": "Form of the test", "type": "qweb", "arch": "<form action='dummy' method='post'/>"}
        )
        method = cls.env.ref("payment.payment_method_unknown")
        cls.provider = cls.env["payment.provider"].create(
            {
                "name": "Provider of the test",
                "code": "none",
                "state": "test",
                "is_published": True,
                "payment_method_ids": [Command.set(method.ids)],
                "redirect_form_view_id": form.id,
            }
        )
        method.active = True
        cls.method = method
        cls.provider.journal_id = cls.bank
        # an account for what the bank did not confirm yet: the payment is an entry at once
        cls.outstanding = cls.env["account.account"].create(
            {
                "name": "Outstanding",
                "code": "511998",
                "account_type": "asset_current",
                "reconcile": True,
            }
        )
        cls.method_line = cls.env["account.payment.method.line"].create(
            {
                "name": "Provider of the test",
                "journal_id": cls.bank.id,
                "payment_method_id": cls.env.ref("account.account_payment_method_manual_in").id,
                "payment_provider_id": cls.provider.id,
                "payment_account_id": cls.outstanding.id,
            }
        )

    def agreed(self, **values):
        plan = self.offer(**values)
        plan.action_accept(signed_by="Julie Martin")
        return plan

    def form(self, plan, query=""):
        """The host's payment form of the page."""
        url = self.url(plan, "/pay") + query
        return self.tree(self.url_open(url)).xpath("//form[@id='o_payment_form']")[0]

    def start(self, form, **values):
        """What the host's form sends when its button is pressed."""
        return self.make_jsonrpc_request(
            form.get("data-transaction-route"),
            {
                "provider_id": self.provider.id,
                "payment_method_id": self.method.id,
                "token_id": None,
                "amount": float(form.get("data-amount")),
                "flow": "direct",
                "tokenization_requested": False,
                "landing_route": form.get("data-landing-route"),
                "is_validation": False,
                "access_token": form.get("data-access-token"),
                **values,
            },
        )

    def transaction(self, answer):
        return self.env["payment.transaction"].search([("reference", "=", answer["reference"])])

    def pay_online(self, plan, query=""):
        transaction = self.transaction(self.start(self.form(plan, query)))
        transaction._set_done()
        transaction._post_process()
        plan.invalidate_recordset()
        return transaction

    def test_the_next_instalment_over_two_invoices(self):
        plan = self.agreed(count=2)
        form = self.form(plan)
        self.assertEqual(float(form.get("data-amount")), 1000.0)
        transaction = self.pay_online(plan)
        self.assertEqual((transaction.amount, transaction.invoice_ids), (1000.0, self.older + self.younger))
        self.assertEqual(transaction.partner_id, self.payer)
        self.assertEqual(self.older.amount_residual + self.younger.amount_residual, 1000.0)
        self.assertEqual(plan.line_ids.mapped("state"), ["paid", "pending"])
        # then the next one, and it is said when nothing is left
        self.pay_online(plan)
        self.assertEqual(plan.line_ids.mapped("state"), ["paid", "paid"])
        self.assertIn("paid already", self.url_open(self.url(plan, "/pay")).text)

    def test_everything_left_and_one_instalment(self):
        plan = self.agreed()
        self.assertEqual(float(self.form(plan, "&everything=1").get("data-amount")), 2000.0)
        last = plan.line_ids[-1]
        self.assertEqual(float(self.form(plan, f"&line={last.id}").get("data-amount")), 500.0)
        self.settle(self.older, MONDAY, 700.0)
        plan.invalidate_recordset()
        self.assertEqual(float(self.form(plan).get("data-amount")), 300.0)
        transaction = self.pay_online(plan, "&everything=1")
        self.assertEqual(transaction.amount, 1300.0)
        self.assertEqual(set(plan.line_ids.mapped("state")), {"paid"})

    def test_the_server_says_the_amount(self):
        plan = self.agreed()
        form = self.form(plan)
        count = self.env["payment.transaction"].search_count([])
        for amount in (1.0, 0.0, -500.0, 2000.0, None, "nan", "x"):
            with self.assertRaises(JsonRpcException):
                self.start(form, amount=amount)
        with self.assertRaises(JsonRpcException):
            self.start(form, access_token="wrong")
        # neither who pays, what for, nor where it ends
        with self.assertRaises(JsonRpcException):
            self.start(form, partner_id=self.stranger.partner_id.id)
        with self.assertRaises(JsonRpcException):
            self.start(form, invoice_ids=[1])
        self.assertEqual(self.env["payment.transaction"].search_count([]), count)
        transaction = self.transaction(self.start(form, landing_route="https://elsewhere.test"))
        self.assertEqual(transaction.landing_route, self.url(plan))
        self.assertEqual(transaction.amount, 500.0)

    def test_a_foreign_line_is_not_paid(self):
        plan = self.agreed()
        other = self.customer("Other")
        foreign = self.active(moves=self.invoice(other, MONDAY, 90.0), count=1)
        response = self.url_open(self.url(plan, "/pay") + f"&line={foreign.line_ids.id}")
        self.assertIn("paid already", response.text)

    def test_the_offer_may_be_paid_before_it_is_signed(self):
        plan = self.offer()
        self.assertEqual(float(self.form(plan).get("data-amount")), 500.0)

    def test_nothing_is_paid_under_a_closed_plan(self):
        plan = self.agreed()
        form = self.form(plan)
        plan._set_broken()
        response = self.url_open(self.url(plan, "/pay"))
        self.assertIn("pay the invoices themselves", response.text)
        self.assertNotIn("o_payment_form", response.text)
        with self.assertRaises(JsonRpcException):
            self.start(form)
        draft = self.offer(moves=self.invoice(self.payer, MONDAY, 300.0))
        draft.action_revise()
        self.assertIn("still being prepared", self.url_open(self.url(draft, "/pay")).text)
        cancelled = self.offer(moves=self.invoice(self.payer, MONDAY, 300.0))
        cancelled.action_cancel()
        self.assertIn("was cancelled", self.url_open(self.url(cancelled, "/pay")).text)

    def test_without_provider_the_bank_is_shown(self):
        self.provider.state = "disabled"
        self.env["payment.provider"].search([]).write({"state": "disabled"})
        self.company.partner_id.bank_ids.unlink()
        account = self.env["res.partner.bank"].create(
            {"partner_id": self.company.partner_id.id, "acc_number": "FR7630006000011234567890189"}
        )
        plan = self.agreed()
        text = self.text(self.tree(self.url_open(self.url(plan, "/pay"))))
        self.assertIn("FR76 3000", text)
        self.assertIn(plan.name, text)
        self.assertIn("500.00", text)
        account.unlink()
        self.assertIn("we will tell you how to pay", self.url_open(self.url(plan, "/pay")).text)

    def test_what_is_on_its_way_is_said(self):
        plan = self.agreed()
        transaction = self.transaction(self.start(self.form(plan)))
        transaction._set_pending()
        self.assertIn("Please do not pay it twice", self.url_open(self.url(plan, "/pay")).text)
        self.assertIn("is on its way to us", self.url_open(self.url(plan)).text)

    def test_what_waits_for_the_bank_is_said(self):
        """Without an account for it the payment is no entry: it counts once the bank says so."""
        self.method_line.payment_account_id = False
        plan = self.agreed()
        payments = type(self.env["account.payment"])
        with patch.object(
            payments, "_get_outstanding_account", lambda one, _kind: one.env["account.account"]
        ):
            transaction = self.pay_online(plan)
        self.assertFalse(transaction.payment_id.move_id)
        self.assertFalse(plan.amount_paid)
        self.assertIn("Your payment of 500.00 € is on its way to us", self.text(self.page(plan)))

    def test_portal_user_pays_as_herself(self):
        plan = self.agreed()
        self.authenticate("julie", "julie1234")
        form = self.tree(self.url_open(self.url(plan, "/pay", token=False))).xpath(
            "//form[@id='o_payment_form']"
        )[0]
        transaction = self.transaction(self.start(form))
        self.assertEqual(transaction.partner_id, self.julie.partner_id)


@tagged("post_install", "-at_install")
class TestPlanOfferLink(PortalCase):
    """The link of the third reminder."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.level = cls.levels["firm"]

    def reminder(self):
        """A firm reminder that left today, with its offer."""
        self.levels["firm"].approval = "none"
        lines = self.lines(self.older + self.younger)
        case = self.env["relance.reminder"]._open_case(self.company, self.payer.id)
        reminder = self.env["relance.reminder"].create(
            {
                "company_id": self.company.id,
                "partner_id": self.payer.id,
                "case_id": case.id,
                "level_id": self.level.id,
                "date_planned": MONDAY,
                "contact_id": self.payer.id,
                "user_id": self.accountant.id,
                "channel": "email",
                "line_ids": [
                    Command.create(
                        {
                            "move_line_id": line.id,
                            "move_id": line.move_id.id,
                            "level_id": self.level.id,
                            "amount_residual": line.amount_residual,
                            "currency_id": line.currency_id.id,
                        }
                    )
                    for line in lines
                ],
            }
        )
        reminder._freeze_plan_offers()
        return reminder

    def link(self, reminder):
        url = reminder._plan_offer()["url"]
        return url[url.index("/my/") :]

    def press(self, response):
        form = self.tree(response).xpath("//form[@method='post']")[0]
        return self.url_open(
            response.url, data={"csrf_token": form.xpath(".//input[@name='csrf_token']/@value")[0]}
        )

    def test_reading_creates_nothing_the_button_does(self):
        reminder = self.reminder()
        self.url_open(self.link(reminder), method="HEAD")
        for _visit in range(2):
            response = self.url_open(self.link(reminder))
        self.assertFalse(reminder.plan_id)
        self.assertFalse(self.env["relance.plan"].search([("debtor_id", "=", self.payer.id)]))
        text = self.text(self.tree(response))
        self.assertIn("offers you to pay 2,000.00", text)
        self.assertIn("I accept this schedule", text)
        for day, amount in reminder._plan_offer()["lines"]:
            self.assertIn(f"{day.day} {day:%B %Y}", text)
            self.assertIn(f"{amount:.2f}", text)
        page = self.press(response)
        plan = reminder.plan_id
        self.assertEqual(plan.state, "proposed")
        self.assertIn(f"/my/plans/{plan.id}?access_token={plan.access_token}", page.url)
        self.assertIn("plan_sign", page.text)
        # a second click, and the link itself, lead to the same plan
        self.assertEqual(self.url_open(self.link(reminder)).url, page.url)
        self.assertEqual(len(self.env["relance.plan"].search([("debtor_id", "=", self.payer.id)])), 1)
        self.assertIn("redirect", self.sign(plan))

    def test_without_the_form_of_the_page_nothing_happens(self):
        reminder = self.reminder()
        response = self.url_open(self.link(reminder), data={"x": "y"})
        self.assertEqual(response.status_code, 400)
        self.assertFalse(reminder.plan_id)

    def test_wrong_and_expired_links(self):
        reminder = self.reminder()
        link = self.link(reminder)
        for wrong in (link + "x", "/my/plans/offer/abc", "/my/plans/offer/%C3%A9"):
            response = self.url_open(wrong)
            self.assertEqual(response.status_code, 410)
            self.assertIn("no longer valid", response.text)
        with freeze_time(f"{MONDAY + timedelta(days=15)} 10:00:00"):
            self.assertEqual(self.url_open(link).status_code, 410)

    def test_invoices_paid_meanwhile(self):
        reminder = self.reminder()
        response = self.url_open(self.link(reminder))
        self.settle(self.older, MONDAY)
        self.settle(self.younger, MONDAY)
        self.assertIn("can no longer be taken up", self.press(response).text)
        self.assertFalse(reminder.plan_id)


@tagged("post_install", "-at_install")
class TestPlanPortalModel(PortalCase):
    def test_words_in_each_state(self):
        plan = self.plan()
        for state in ("draft", "proposed", "active", "kept", "broken", "cancelled"):
            plan.sudo().state = state
            self.assertTrue(plan.sudo()._portal_sentence())
        for reason, _label in plan._fields["close_reason"].selection:
            plan.sudo().close_reason = reason
            self.assertTrue(plan.sudo()._portal_sentence())

    def test_terms_say_what_is_signed(self):
        plan = self.plan(
            waive_penalties=True, waive_percent=50, current_on_time=False, means="cheques", means_note="No. 7"
        ).sudo()
        terms = " ".join(plan._portal_terms())
        self.assertIn("50 % of the late-payment penalties", terms)
        self.assertIn("one per instalment. No. 7", terms)
        self.assertNotIn("other invoices", terms)
        plan.notice_days = 0
        self.assertIn("all that is left is due at once", plan._portal_terms()[-1])
        plan.amount_discount = 50.0
        self.assertIn("50.00", " ".join(plan._portal_terms()))

    def test_goods_are_not_paid_for(self):
        plan = self.plan()
        plan.line_ids[0].write({"kind": "goods", "note": "3 chairs"})
        plan.action_propose()
        amount, lines = plan.sudo()._to_pay()
        self.assertEqual((amount, lines), (500.0, plan.line_ids[1]))
        self.assertEqual(plan.sudo()._to_pay(everything=True)[0], 1500.0)
        self.assertIn("3 chairs", self.url_open(self.url(plan.sudo())).text)
        with self.assertRaises(UserError):
            plan.sudo()._to_pay(plan.line_ids[0].id)
        self.assertEqual(plan.date_valid, fields.Date.to_date("2026-03-09"))
