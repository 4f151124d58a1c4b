"""What a manager writes reaches no further than a text may, and what a customer writes is text."""

from lxml import html
from markupsafe import Markup, escape

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .safety import SafetyCase

#: texts that would do or tell what no text may; in HTML fields the second form is the dangerous one
HOSTILE_INLINE = (
    "{{ object.env['res.users'].search([]).mapped('login') }}",
    "{{ object.sudo().partner_id.name }}",
    "{{ object.partner_id.write({'name': 'x'}) }}",
    "{{ object.__class__ }}",
    "{{ object._fields }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ object.case_id.reminder_ids }}",
    "{{ object.level_id.write({'name': 'pirate'}) or '' }}",
    "{{ ctx }}",
    "{{ user.login }}",
    "{{ 7 * 7 }}",
)
HOSTILE_QWEB = (
    "<p><t t-out=\"object.env['res.users'].search([]).mapped('login')\"/></p>",
    '<p><t t-out="object.sudo().partner_id.name"/></p>',
    '<p><t t-out="object.__class__"/></p>',
    '<p><t t-esc="object.env"/></p>',
    '<p><t t-foreach="object.env.companies" t-as="one"><t t-out="one.name"/></t></p>',
    '<p><t t-call="web.layout"/></p>',
    '<p><t t-set="x" t-value="object.partner_id.unlink()"/></p>',
    '<p t-att-title="object.env.cr.dbname">x</p>',
    '<p t-attf-title="{{ object.env.cr.dbname }}">x</p>',
    '<p><t t-if="object.partner_id.unlink()">x</t></p>',
    '<p t-options="{}" t-field="object.partner_id">x</p>',
)
#: looks like a placeholder of some other language; here it is text
INERT = (
    "{0.__class__.__init__.__globals__}",
    "%(password)s %s %d",
    "${object.env}",
    "{% for x in [].__class__.__base__.__subclasses__() %}{{% endfor %}",
    "#{7*7}",
    "<%= 7*7 %>",
)
#: what a customer may call himself or write to us
TYPED = (
    "<script>alert(1)</script>",
    "{{ 7*7 }}",
    '<t t-out="7*7"/>',
    "{0.__class__}",
    "%(name)s",
    '"><img src=x onerror=alert(1)>',
)


class TextCase(SafetyCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        editors = cls.env.ref("mail.group_mail_template_editor")
        # every employee edits templates unless the administrator says otherwise
        cls.env["res.config.settings"].create({"restrict_template_rendering": True}).execute()
        cls.env.invalidate_all()
        assert not cls.manager.has_group("mail.group_mail_template_editor"), editors
        cls.level = cls.records["relance.level"].with_user(cls.manager).with_context(lang="en_US")
        # texts of its own, that a test may change
        cls.own_texts = {
            "text_level_id": False,
            "subject": "Bonjour",
            "mail_body": "<p>Bonjour</p>",
            "letter_body": "<p>Bonjour</p>",
            "sms_body": "Bonjour",
            "call_script": "Bonjour",
            "report_id": cls.level.report_id.id,
        }

    def refused(self, action):
        """The sentence that ``action`` is refused with, None if it is not."""
        savepoint = self.env.cr.savepoint(flush=False)
        try:
            action()
            self.env.flush_all()
        except UserError as error:
            return error
        finally:
            savepoint.close(rollback=True)
            self.env.transaction.clear()
        return None


@tagged("post_install", "-at_install")
class TestTexts(TextCase):
    def test_hostile_texts_are_not_saved(self):
        own = self.own_texts
        group = self.env.ref("mail.group_mail_template_editor")
        editors = {group.with_context(lang=lang).name for lang in ("en_US", "fr_FR")}
        self.level.write(own)
        for field, texts in (
            ("subject", HOSTILE_INLINE),
            ("sms_body", HOSTILE_INLINE),
            ("call_script", HOSTILE_INLINE),
            ("mail_body", HOSTILE_QWEB),
            ("letter_body", HOSTILE_QWEB),
        ):
            for text in texts:
                ways = {
                    "write": lambda f=field, t=text: self.level.write({f: t}),
                    "create": lambda f=field, t=text: self.level.create(
                        {
                            "name": "x",
                            "policy_id": self.level.policy_id.id,
                            "delay_days": -40,
                            "tone": "pre_due",
                            **own,
                            f: t,
                        }
                    ),
                    "policy": lambda f=field, t=text: self.level.policy_id.write(
                        {"level_ids": [(1, self.level.id, {f: t})]}
                    ),
                    "translation": lambda f=field, t=text: self.level.update_field_translations(
                        f, {"fr_FR": t, "en_US": t}
                    ),
                    "translated write": lambda f=field, t=text: self.level.with_context(lang="fr_FR").write(
                        {f: t}
                    ),
                }
                for way, action in ways.items():
                    with self.subTest(field=field, text=text, way=way):
                        error = self.refused(action)
                        self.assertIsInstance(error, AccessError, f"{way} {field} {text}: saved")
                        self.assertTrue(any(name in str(error) for name in editors), error)

    def test_what_looks_like_a_placeholder_of_others_is_text(self):
        """Saved as it stands, and sent as it stands."""
        draft = self.records["relance.reminder"]
        level = draft.level_id._text_source().with_user(self.manager)
        for text in INERT:
            with self.subTest(text):
                level.with_context(lang=draft.lang).write(
                    {
                        "subject": text,
                        "sms_body": text,
                        "call_script": text,
                        "mail_body": Markup("<p>%s</p>") % text,
                    }
                )
                subject, body = draft._render_texts("mail_body")[draft.id]
                self.assertEqual(subject, text)
                self.assertIn(escape(text), body)
                for field in ("sms_body", "call_script"):
                    self.assertEqual(draft._render_texts(field)[draft.id][1], text)

    def test_words_that_are_allowed_are_filled_in(self):
        """Without the right to write dynamic texts a manager still has the words made for it."""
        draft = self.records["relance.reminder"]
        level = draft.level_id._text_source().with_user(self.manager).with_context(lang=draft.lang)
        level.write(
            {"subject": "{{ object.amount_text }}", "mail_body": '<p><t t-out="object.greeting"/></p>'}
        )
        subject, body = draft.with_user(self.accountant)._render_texts("mail_body")[draft.id]
        self.assertEqual(subject, draft.amount_text)
        self.assertIn(draft.greeting, body)

    def test_a_text_written_for_one_customer_is_never_evaluated(self):
        """Whoever reminds may change the words of one message; they are words."""
        draft = self.records["relance.reminder"].with_user(self.accountant)
        draft.action_edit_text()
        for text in (*HOSTILE_INLINE, *INERT):
            with self.subTest(text):
                draft.write({"subject": text, "body": Markup("<p>%s</p>") % text})
                subject, body = draft._render_texts()[draft.id]
                self.assertEqual(subject, text)
                self.assertEqual(
                    html.fragment_fromstring(str(body), create_parent="div").text_content(), text
                )
        for text in HOSTILE_QWEB:
            with self.subTest(text):
                draft.write({"body": text})
                _subject, body = draft._render_texts()[draft.id]
                mail = str(draft.sudo()._mail_bodies(draft._render_texts())[draft.id])
                for told in (self.env.cr.dbname, "accountant", "res.users("):
                    self.assertNotIn(told, body)
                    self.assertNotIn(told, mail)
                self.assertTrue(draft.partner_id.exists())


@tagged("post_install", "-at_install")
class TestTyped(TextCase):
    """Names and words of customers are shown as they were typed."""

    def assertInert(self, text, markup, where):
        """``text`` stands in ``markup`` as text: neither evaluated nor as an element."""
        page = html.fragment_fromstring(str(markup), create_parent="div")
        self.assertFalse(page.xpath("//img[@onerror] | //script[contains(., 'alert')]"), where)
        self.assertNotIn("49", page.text_content().replace(text, ""), where)
        self.assertIn(text, page.text_content(), where)

    def test_names_of_customers_in_messages(self):
        draft = self.records["relance.reminder"]
        person = self.env["res.partner"].create({"name": "x", "email": "x@client.test", "lang": "en_US"})
        draft.write({"contact_id": person.id})
        for text in TYPED:
            with self.subTest(text):
                person.name = draft.partner_id.name = text
                draft.line_ids.ref = text
                self.env.invalidate_all()
                mail = draft._mail_bodies(draft._render_texts("mail_body"))[draft.id]
                self.assertInert(f"Hello {text},", mail, "mail")
                letter, _kind = self.env["ir.actions.report"]._render_qweb_html(
                    draft.level_id.report_id.report_name, draft.ids
                )
                self.assertInert(text, letter.decode(), "letter")

    def test_words_of_customers_about_a_plan(self):
        plan = self.records["relance.plan"]
        plan.with_user(self.accountant).action_propose()
        for text in TYPED:
            with self.subTest(text):
                savepoint = self.env.cr.savepoint()
                messages, activities = self.env["mail.message"], self.env["mail.activity"]
                last = messages.search([], order="id desc", limit=1).id
                noted = activities.search([], order="id desc", limit=1).id
                plan._decline_online(text, "127.0.0.1")
                said = messages.search([("id", ">", last)]).mapped("body")
                said += activities.search([("id", ">", noted)]).filtered("note").mapped("note")
                shown = [html.fragment_fromstring(str(one), create_parent="div") for one in said if one]
                self.assertTrue(any(text in one.text_content() for one in shown), f"{text}: {said}")
                for one in shown:
                    self.assertFalse(one.xpath(".//script | .//img[@onerror]"))
                    self.assertNotIn("49", one.text_content())
                savepoint.close(rollback=True)
                self.env.transaction.clear()
