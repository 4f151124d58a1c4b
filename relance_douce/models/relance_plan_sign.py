"""How a plan is agreed on, with its evidence, and who may open and sign it."""

import hashlib
import logging
import re
import secrets
import unicodedata
from datetime import timedelta

from psycopg2 import Error as DatabaseError

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount, format_date
from odoo.tools.misc import hmac

from ..tools.text import same_secret
from .relance_plan import CLOSED

_logger = logging.getLogger(__name__)

#: a link to a plan that ended can be opened this many days longer
LINK_DAYS = 60
#: a one-time code lives this long and allows this many tries
CODE_MINUTES = 15
CODE_TRIES = 5


class RelancePlan(models.Model):
    _inherit = "relance.plan"

    # what was signed
    signature = fields.Image(readonly=True, copy=False, attachment=True, max_width=1024, max_height=1024)
    signed_by = fields.Char(readonly=True, copy=False)
    signed_function = fields.Char(string="Function of the signatory", readonly=True, copy=False)
    signed_on = fields.Datetime(readonly=True, copy=False)
    signed_ip = fields.Char(string="IP address", readonly=True, copy=False)
    signed_sum = fields.Char(string="Sum in figures", readonly=True, copy=False)
    signed_words = fields.Char(string="Sum in words", readonly=True, copy=False)
    signed_kind = fields.Selection(
        [
            ("portal", "Signed online"),
            ("onsite", "Signed in our presence"),
            ("phone", "Agreed on the phone"),
            ("paper", "Signed on paper"),
        ],
        string="How it was agreed",
        readonly=True,
        copy=False,
    )
    signed_offer = fields.Json(string="What was shown", readonly=True, copy=False)
    signed_hash = fields.Char(
        string="Fingerprint", readonly=True, copy=False, help="SHA-256 of what was shown."
    )
    signed_with_code = fields.Boolean(string="Confirmed by a one-time code", readonly=True, copy=False)
    agreement_hash = fields.Char(
        string="Fingerprint of the document", readonly=True, copy=False, help="SHA-256 of the agreement."
    )
    agreement_id = fields.Many2one(
        "ir.attachment", string="Signed agreement", readonly=True, copy=False, ondelete="set null"
    )
    scan_id = fields.Many2one(
        "ir.attachment", string="Scan of the paper", readonly=True, copy=False, ondelete="set null"
    )

    # one-time code: only its fingerprint is kept
    code_hash = fields.Char(readonly=True, copy=False, groups="base.group_system")
    code_until = fields.Datetime(readonly=True, copy=False, groups="base.group_system")
    code_tries = fields.Integer(readonly=True, copy=False, groups="base.group_system")

    # -- agreeing ---------------------------------------------------------------------------------
    def action_accept(self, signature=None, signed_by=None, kind=None, function=None, scan=None):
        """The customer agreed, on the phone, on paper or here; from now on the plan counts.

        :param signature: base64 image, where he signed in front of somebody
        :param signed_by: name of who agreed, default who spoke for the customer
        :param kind: ``paper`` asks for a scan
        :param function: his function
        :param scan: ``ir.attachment`` of the signed paper
        :raise UserError: the offer cannot be accepted, with the reason
        """
        if kind == "paper" and not scan:
            raise UserError(self.env._("Attach the scan of the paper that was signed."))
        for plan in self._allowed():
            if plan.state == "active" and plan.signed_kind == "phone" and (signature or scan):
                plan._sign_afterwards(signature, signed_by, function, scan)
                continue
            plan._check_state("proposed")
            plan._accept(
                signed_by=signed_by or plan.signer_name or plan.contact_id.name,
                signature=signature,
                # only the customer himself signs online
                kind="paper" if scan else "onsite" if signature else "phone",
                function=function or plan.signer_function,
                scan=scan,
            )
        return True

    def _sign_afterwards(self, signature, signed_by, function, scan, **evidence):
        """What was agreed on the phone is signed now: the debt is acknowledged from today.

        The agreement as it was printed before stays among the attachments.
        """
        self.ensure_one()
        self._lock()
        self.write(
            {
                "signature": signature,
                "scan_id": scan and scan.id,
                "signed_kind": "paper" if scan else "onsite",
                "signed_by": signed_by or self.signed_by,
                "signed_function": function or self.signed_function,
                "signed_on": fields.Datetime.now(),
                "date_acknowledged": self.company_id._relance_date(),
                "agreement_id": False,
                "agreement_hash": False,
                **evidence,
            }
        )
        self._in_house_language()._log_agreement()

    @api.private
    def _accept(
        self,
        signed_by,
        signature=None,
        kind="portal",
        function=None,
        ip=None,
        offer=None,
        figures=None,
        words=None,
        with_code=False,
        scan=None,
    ):
        """The plan is agreed on: checked under lock, with its evidence, once.

        :param offer: fingerprint of what the customer saw; another one was changed meanwhile
        :return: whether this call was the one that agreed; a second click changes nothing
        :raise UserError: says why it cannot be signed
        """
        self.ensure_one()
        self._lock()
        if self.state == "active" and offer and same_secret(offer, self.signed_hash):
            return False
        self._check_signable()
        fingerprint = self._offer_hash()
        if offer is not None:
            self._check_shown(offer, fingerprint)
        if not (signed_by or "").strip():
            raise UserError(self.env._("Enter the name of who signs."))
        shown = self._offer()
        today = self.company_id._relance_date()
        self._replace_earlier()
        self._set_active(
            date_start=today,
            date_acknowledged=today if kind != "phone" else False,
            signature=signature,
            signed_by=signed_by.strip(),
            signed_function=(function or "").strip(),
            signed_on=fields.Datetime.now(),
            signed_ip=ip,
            signed_sum=figures,
            signed_words=words,
            signed_kind=kind,
            signed_offer=shown,
            signed_hash=fingerprint,
            signed_with_code=with_code,
            scan_id=scan and scan.id,
        )
        self.activity_ids.unlink()
        self._refresh()
        self._in_house_language()._log_agreement()
        self._create_messages_of("confirmation")._send_now()
        return True

    def _check_shown(self, offer, fingerprint):
        """The customer saw what he signs.

        :param offer: fingerprint of what he saw
        :param fingerprint: of what is offered now
        :raise UserError: it was changed meanwhile
        """
        if not same_secret(offer, fingerprint):
            raise UserError(
                self.env._("This offer was changed meanwhile: please read the new one before you sign.")
            )

    def _check_signable(self):
        """Whether this offer may be accepted now.

        :raise UserError: says why not, to the customer as well
        """
        self.ensure_one()
        today = self.company_id._relance_date()
        if self.state == "active":
            raise UserError(self.env._("This plan is already signed."))
        if self.state != "proposed":
            raise UserError(self.env._("This offer was withdrawn: please contact us, we will find a way."))
        if self.date_valid and self.date_valid < today:
            raise UserError(
                self.env._(
                    "This offer expired on %s: please contact us for a new one.",
                    format_date(self.env, self.date_valid),
                )
            )
        if not self.has_lost_claims and self._nothing_owed():
            raise UserError(self.env._("Nothing is owed any more: there is nothing left to agree on."))
        if self.has_lost_claims or not self.currency_id.is_zero(self._books_changes()):
            raise UserError(
                self.env._(
                    "The amount owed changed since this offer was made: please contact us for a new one."
                )
            )

    def _replace_earlier(self):
        """The plan this one renegotiates ends now, and its history stays."""
        earlier = self.replaces_id.filtered(lambda plan: plan.state in ("draft", "proposed", "active"))
        if earlier:
            earlier._lock()
            earlier._set_cancelled("replaced", self.name)
            earlier._message_log(body=self.env._("Replaced by %s.", self.name))

    def _log_agreement(self):
        """The signed agreement is rendered, kept on the plan and shown in the chatter."""
        self._ensure_agreement()
        labels = dict(self._fields["signed_kind"]._description_selection(self.env))
        self._message_log(
            body=self.env._(
                "%(how)s by %(name)s. Fingerprint of the offer: %(hash)s. Fingerprint of the document: "
                "%(document)s",
                how=labels[self.signed_kind],
                name=self.signed_by,
                hash=self.signed_hash,
                document=self.agreement_hash or "–",
            ),
            attachment_ids=(self.agreement_id + self.scan_id).ids,
        )
        if self.case_id:
            self.case_id._message_log(body=self.env._("A payment plan was agreed: %s.", self.name))

    def _ensure_agreement(self):
        """Render the agreement with its evidence, once it is signed."""
        for plan in self.filtered(lambda plan: plan.signed_on and not plan.agreement_id):
            content = plan._render_or_log()
            if content:
                plan.agreement_hash = hashlib.sha256(content).hexdigest()
                plan.agreement_id = plan._keep_pdf(plan._agreement_filename(), content)

    def _keep_pdf(self, filename, content):
        """``content`` as a document of this plan; a slash in its name would be a folder."""
        self.ensure_one()
        # belongs to the plan, readable with it
        attachments = self.env["ir.attachment"].sudo()
        return attachments.create(
            {
                "name": filename.replace("/", "-"),
                "raw": content,
                "mimetype": "application/pdf",
                "res_model": self._name,
                "res_id": self.id,
            }
        )

    @api.model
    def _is_evidence(self, attachments):
        """Whether one of these was signed, or sent to a customer about his plan."""
        return bool(
            self.search_count(
                ["|", ("agreement_id", "in", attachments.ids), ("scan_id", "in", attachments.ids)], limit=1
            )
            or self.env["relance.plan.message"].search_count(
                [("attachment_id", "in", attachments.ids)], limit=1
            )
        )

    def _render_or_log(self):
        """The agreement as PDF; a layout that fails must not undo a signature."""
        try:
            with self.env.cr.savepoint():
                return self._render_agreement()
        except DatabaseError:
            raise
        except Exception:
            _logger.warning("The agreement of plan %s could not be printed", self.name, exc_info=True)
            return None

    def _render_agreement(self):
        """The agreement as PDF; None where the server cannot print now: it is tried again."""
        report = self.env.ref("relance_douce.report_plan_agreement").sudo()
        return report._relance_letters(self)[self.id] if report._relance_can_print() else None

    def _agreement_filename(self):
        title = self.with_context(lang=self._customer_lang()).env._("Payment plan")
        return f"{title} {self.name}.pdf".replace("/", "-")

    # -- links and codes -----------------------------------------------------------------------------
    def _link_is_expired(self):
        """Whether the link of this plan shows nothing any more."""
        self.ensure_one()
        today = self.company_id._relance_date()
        if self.state == "draft":
            return False
        if self.state == "proposed":
            return bool(self.date_valid and self.date_valid < today)
        last = self.date_closed or self.date_last
        return bool(last) and self.state in CLOSED and last + timedelta(days=LINK_DAYS) < today

    def _may_open(self, token=None, partner=None):
        """Whether somebody with this token, or this logged-in customer, may see the plan.

        :param token: what the link carried, compared in constant time
        :param partner: ``res.partner`` of a portal user
        """
        self.ensure_one()
        if token and self.access_token and same_secret(token, self.access_token):
            return True
        own = partner and partner.commercial_partner_id
        return bool(
            own and self.state != "draft" and own in (self.debtor_id, self.partner_id.commercial_partner_id)
        )

    @api.model
    @api.private
    def _of_customer(self, partner):
        """Domain of the plans a portal user sees: those of her legal person that were offered."""
        own = partner.commercial_partner_id
        return [
            ("date_proposed", "!=", False),
            ("state", "!=", "draft"),
            "|",
            ("debtor_id", "=", own.id),
            ("partner_id.commercial_partner_id", "=", own.id),
        ]

    @api.private
    def _send_code(self, now=None):
        """A new one-time code for who signs, by SMS where there is a mobile, else by e-mail.

        :return: “sms” or “email”
        :raise UserError: nobody to send it to
        """
        self.ensure_one()
        self._check_signable()
        code = f"{secrets.randbelow(10**6):06d}"
        now = now or fields.Datetime.now()
        self.write(
            {
                "code_hash": self._code_fingerprint(code),
                "code_until": now + timedelta(minutes=CODE_MINUTES),
                "code_tries": 0,
            }
        )
        return self._deliver_code(code)

    def _code_fingerprint(self, code):
        # the plan is part of it: a code opens one plan only
        return hmac(self.env(su=True), "relance_douce-plan-code", (self.id, self.revision, code))

    def _check_code(self, code, now=None):
        """Whether this is the code that was sent; wrong ones are counted.

        :raise UserError: says what to do
        """
        self.ensure_one()
        now = now or fields.Datetime.now()
        if not self.code_hash or self.code_until < now or self.code_tries >= CODE_TRIES:
            raise UserError(self.env._("This code is no longer valid: ask for a new one."))
        if not same_secret(self.code_hash, self._code_fingerprint(re.sub(r"\D", "", str(code or "")))):
            self.code_tries += 1
            return False
        return True

    @api.private
    def _check_sum(self, figures, words):
        """The sum as the customer typed it, in figures and in words.

        :raise UserError: says what he should have typed
        """
        self.ensure_one()
        if not any(
            not self.currency_id.compare_amounts(amount, self.amount_total) for amount in _readings(figures)
        ):
            raise UserError(
                self.env._(
                    "Please type the sum in figures: %s.",
                    format_amount(self.env, self.amount_total, self.currency_id),
                )
            )
        if _letters(words) not in {_letters(text) for text in self._accepted_words()}:
            raise UserError(
                self.env._("Please type the sum in words, for example: %s.", self._sum_in_words().lower())
            )

    def _accepted_words(self):
        """Ways to write the sum that say the same: with and without “and zero cents”."""
        text = self._sum_in_words()
        yield text
        if self.currency_id.is_zero(self.amount_total - int(self.amount_total)):
            yield self.currency_id.with_context(lang=self._customer_lang()).amount_to_text(
                int(self.amount_total)
            )
        yield re.split(r" (?:et|and) (?:zéro|zero) ", text, flags=re.IGNORECASE)[0]


def _readings(figures):
    """The numbers that typed figures can mean: a comma or a dot divides thousands or decimals."""
    digits = re.sub(r"[^\d,.]", "", str(figures or ""))[:30].replace(",", ".")
    whole, dot, decimals = digits.rpartition(".")
    texts = {digits.replace(".", "")}
    if dot:
        texts.add(f"{whole.replace('.', '')}.{decimals}")
    return [float(text) for text in texts if re.search(r"\d", text)]


def _letters(text):
    """What remains of words when accents, hyphens, commas and plurals are left aside."""
    plain = unicodedata.normalize("NFKD", text or "").encode("ascii", "ignore").decode().lower()
    return " ".join(
        word.rstrip("s").replace("centime", "cent")
        for word in re.findall(r"[a-z]+", plain)
        if word not in ("et", "and")
    )
