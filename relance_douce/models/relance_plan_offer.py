"""How a plan is offered, approved, signed, declined and answered."""

import hashlib
import json
import logging
import re
import secrets
import unicodedata
from datetime import timedelta

from psycopg2 import Error as DatabaseError

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tools import consteq, email_normalize, format_amount, format_date
from odoo.tools.misc import hmac

from ..tools import schedule

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

    # what the customer answered
    counter_state = fields.Selection(
        [("asked", "Asked"), ("accepted", "Accepted"), ("refused", "Refused")],
        string="Counter-proposal",
        readonly=True,
        copy=False,
    )
    counter_offer = fields.Json(readonly=True, copy=False)
    counter_text = fields.Text(
        string="What the customer proposes", compute="_compute_counter_text", help="And why."
    )

    # one-time code: only its fingerprint is kept
    code_hash = fields.Char(readonly=True, copy=False, groups="base.group_system")
    code_until = fields.Datetime(readonly=True, copy=False, groups="base.group_system")
    code_tries = fields.Integer(readonly=True, copy=False, groups="base.group_system")

    @api.depends("counter_offer")
    def _compute_counter_text(self):
        for plan in self:
            offer = plan.counter_offer
            plan.counter_text = offer and plan._counter_sentence(offer)

    def _counter_sentence(self, offer):
        lines = offer["lines"]
        text = self.env._(
            "%(count)s instalments, the first of %(amount)s on %(date)s, the last on %(last)s.",
            count=len(lines),
            amount=format_amount(self.env, lines[0][1], self.currency_id),
            date=format_date(self.env, lines[0][0]),
            last=format_date(self.env, lines[-1][0]),
        )
        return f"{text}\n{offer['reason']}" if offer.get("reason") else text

    # -- proposing ----------------------------------------------------------------------------
    def action_propose(self):
        """Offer these plans: reminders rest, the customer gets his link.

        Beyond the limits of the policy a manager is asked first.
        """
        for plan in self._allowed("draft"):
            plan._lock()
            plan._check_state("draft")
            plan._check_offerable()
            if plan._needs_approval():
                plan._ask_approval()
            else:
                plan._propose()
        return True

    def _check_offerable(self):
        """The draft still says what the books say.

        :raise UserError: says what is wrong and what to do
        """
        self.ensure_one()
        if self.has_lost_claims:
            raise UserError(
                self.env._("A covered invoice was reset or deleted: post it again, or draw a new plan.")
            )
        if self.discount_state == "asked":
            raise UserError(self.env._("A manager decides about the discount first; then propose the plan."))
        self._check_move_lines(self.claim_ids.move_line_id, replaces=self.replaces_id)
        self._check_amounts()
        self._check_schedule()

    def _check_amounts(self):
        """What is owed is what the plan was drawn for, less what was paid since.

        :raise UserError: names the difference
        """
        self.ensure_one()
        changes = self._books_changes()
        if not self.currency_id.is_zero(changes):
            raise UserError(
                self.env._(
                    "%(amount)s more is owed than plan %(plan)s was drawn for: draw it again.",
                    amount=format_amount(self.env, changes, self.currency_id),
                    plan=self.name,
                )
                if changes > 0
                else self.env._(
                    "%(amount)s less is owed than plan %(plan)s was drawn for: draw it again.",
                    amount=format_amount(self.env, -changes, self.currency_id),
                    plan=self.name,
                )
            )

    def _books_changes(self):
        """By how much the debt changed otherwise than by what was matched, in plan currency."""
        self.ensure_one()
        return self._debt_changes(self._progress()[self.id])

    def _needs_approval(self):
        self.ensure_one()
        return bool(self.approval_state != "granted" and self._limits_exceeded() and not self._is_manager())

    def _ask_approval(self):
        """Never a silent no: a manager decides about what leaves the limits."""
        self.ensure_one()
        if self.approval_state == "asked":
            return
        # meanwhile the customer is left alone: he was promised an answer
        self.write({"approval_state": "asked", **self._rest_values()})
        self._rest()
        self._message_log(body=self.env._("Beyond the limits, a manager decides: %s", self.limit_notes or ""))
        self._tell_manager("approval")

    def action_approve(self):
        """A manager allows what leaves the limits; the plan is proposed at once."""
        plans = self._allowed("draft")
        self._check_manager()
        plans.approval_state = "granted"
        plans.activity_ids.unlink()
        return plans.sudo(False).action_propose()

    def action_refuse(self):
        """A manager says no: the plan stays a draft that can be drawn anew."""
        plans = self._allowed("draft")
        self._check_manager()
        plans.write({"approval_state": "refused", "date_valid": False, "date_hold": False})
        plans.activity_ids.unlink()
        for plan in plans:
            plan._tell_user("refused")
        return True

    def _check_manager(self):
        if not self.env.su and not self._is_manager():
            raise AccessError(self.env._("A dunning manager decides about this."))

    def _offer_until(self):
        """Last day of an offer that is made today."""
        self.ensure_one()
        return fields.Date.add(self.company_id._relance_date(), days=self._policy().plan_offer_days)

    def _rest_values(self):
        """How long the offer can be signed, and how long reminders rest for it.

        They rest as long as the offer is valid and one renewal more, counted from the first
        offer about these invoices that came to nothing: offering again does not stop dunning
        for ever.
        """
        self.ensure_one()
        today, days = self.company_id._relance_date(), self._policy().plan_offer_days
        first = self.date_first_offered or self._first_offered() or today
        valid = self._offer_until()
        return {
            "date_valid": valid,
            "date_first_offered": first,
            "date_hold": min(valid, fields.Date.add(first, days=2 * days)),
        }

    def _first_offered(self):
        """Day of the earliest offer about these invoices that was not signed, of the last month."""
        today = self.company_id._relance_date()
        earlier = (
            self.env["relance.plan.claim"]
            .search(
                [
                    ("move_line_id", "in", self.claim_ids.move_line_id.ids),
                    ("plan_id", "!=", self.id),
                    ("plan_id.state", "=", "cancelled"),
                    ("plan_id.date_start", "=", False),
                    ("plan_id.date_closed", ">", fields.Date.subtract(today, days=30)),
                ]
            )
            .plan_id.filtered("date_first_offered")
        )
        return min(earlier.mapped("date_first_offered"), default=None)

    def _propose(self):
        """The offer stands: its link works, its invoices rest, the customer is told."""
        self.ensure_one()
        self._portal_ensure_token()
        self._agree_terms()
        self._settle_contact()
        if self.approval_state == "asked":
            # drawn within the limits meanwhile: nobody has to decide any more
            self.approval_state = False
            self._task_done("approval")
        self._set_proposed(
            **self._rest_values(),
            date_proposed=self.company_id._relance_date(),
            revision=self.revision + 1,
            counter_state=False,
            counter_offer=False,
        )
        self._refresh()
        self._rest()
        self._message_log(
            body=self.env._("Proposed, valid until %s.", format_date(self.env, self.date_valid))
        )
        if not self.env.context.get("relance_agreed"):
            # on the phone he has said yes already: he gets the confirmation only
            self._create_messages_of("proposal")._send_now()

    def _settle_contact(self):
        """The link goes to the address that was given; whoever has it is the contact.

        A new address becomes a contact of the payer.
        """
        self.ensure_one()
        typed = email_normalize(self.signer_email or "")
        if not typed or typed == self.contact_id.email_normalized:
            return
        payer = self.partner_id.commercial_partner_id
        contact = payer.search([("id", "child_of", payer.ids), ("email_normalized", "=", typed)], limit=1)
        self.contact_id = contact or payer.create(
            {
                "name": self.signer_name or typed,
                "function": self.signer_function,
                "email": typed,
                "phone": self.signer_mobile,
                "parent_id": payer.id,
                "type": "contact",
                "lang": self.partner_id.lang,
            }
        )

    def _rest(self):
        """What was being prepared for these invoices is gone, and says why."""
        contents = self.env["relance.reminder.line"].search(
            [
                ("move_line_id", "in", self.claim_ids.move_line_id.ids),
                ("reminder_id.state", "in", ("draft", "ready")),
                ("dropped", "=", False),
            ]
        )
        contents._drop(self.env._("A payment plan is being agreed: %s.", self.name))

    def action_renew(self):
        """Give the customer the same time once more, one single time."""
        for plan in self._allowed("proposed"):
            if plan.renewed:
                raise UserError(
                    self.env._("This offer was renewed once already: change it, agree on it, or withdraw it.")
                )
            plan.write({"renewed": True, **plan._rest_values()})
            plan._message_log(
                body=self.env._("Renewed, valid until %s.", format_date(self.env, plan.date_valid))
            )
        self.env["account.move"]._relance_invalidate()
        return True

    def action_revise(self):
        """Take the offer back into a draft that can be changed; its link cannot be signed."""
        plans = self._allowed("proposed")
        plans._lock()
        plans._check_state("proposed")
        plans._set_draft(approval_state=False)
        plans.message_log_ids._set_cancelled()
        return True

    def action_cancel(self, reason=None):
        """Withdraw these plans; dunning goes on where it stood."""
        plans = self._allowed("draft", "proposed", "active")
        plans._lock()
        plans._check_state("draft", "proposed", "active")
        for plan in plans.filtered(lambda plan: plan.state == "active"):
            plan._check_may_withdraw(reason)
        was_signed = plans.filtered(lambda plan: plan.state == "active")
        plans._set_cancelled("withdrawn", reason)
        for plan in plans:
            plan._message_log(
                body=self.env._(
                    "Withdrawn by %(user)s. %(reason)s", user=self.env.user.name, reason=reason or ""
                ).strip()
            )
        was_signed._create_messages_of("withdrawn")
        return True

    def _check_may_withdraw(self, reason):
        """What a consumer agreed to is not taken from him by another name than “not kept”.

        :raise AccessError: only a manager withdraws it
        :raise UserError: a reason is missing, or the rules for plans not kept apply
        """
        self.ensure_one()
        if not self._is_consumer():
            return
        if not self._is_manager():
            raise AccessError(
                self.env._(
                    "A dunning manager ends a plan that a consumer agreed to: ask one, or renegotiate it."
                )
            )
        if not (reason or "").strip():
            raise UserError(self.env._("Say why a plan that a consumer agreed to is withdrawn."))
        if self.line_ids.filtered(lambda line: line.state == "late"):
            self._check_bank()
            self._check_notice()

    def action_resend(self):
        """The link once more, to the address the customer gave."""
        for plan in self._allowed("proposed"):
            plan.message_log_ids.filtered(lambda one: one.kind == "proposal")._set_void()
            plan._create_messages_of("proposal")._send_now()
        return True

    # -- what is offered, word for word -----------------------------------------------------------
    def _offer(self):
        """The offer as it is shown and signed: JSON that says the same to everybody.

        Amounts are text in the currency's decimals, dates ISO 8601.
        """
        self.ensure_one()

        def amount(value):
            return str(self._exact(self.currency_id, value))

        return {
            "plan": self.name,
            "creditor": self.company_id.name,
            "debtor": self.debtor_id.sudo().display_name,
            "currency": self.currency_id.name,
            "invoices": [
                [claim.name, str(claim.date_maturity or ""), amount(claim.amount)] for claim in self.claim_ids
            ],
            "instalments": [
                [str(line.date_due), amount(line.amount), line.kind, line.note or ""]
                for line in self.line_ids.sorted(lambda line: (line.sequence, line.id))
            ],
            "total": amount(self.amount_total),
            "discount": amount(self.amount_discount),
            "means": self.means or "",
            "current_on_time": self.current_on_time,
            "penalties_given_up_percent": self.waive_percent if self.waive_penalties else 0,
            "break": self._break_terms(),
            "valid_until": str(self.date_valid or ""),
        }

    def _break_terms(self):
        """What the agreement says about a missed instalment: days of grace and of notice."""
        return [self.grace_days, self._notice_days()]

    def _offer_hash(self):
        """SHA-256 of the offer, as hexadecimal text."""
        self.ensure_one()
        text = json.dumps(self._offer(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def _needs_handwritten_sum(self):
        """Whoever is no merchant writes the sum himself (Civil Code, article 1376)."""
        self.ensure_one()
        return self.debtor_id.sudo().relance_audience not in ("business", "public")

    def _sum_in_words(self):
        """The total in words of the customer's language, as an example of what to type."""
        self.ensure_one()
        currency = self.currency_id.with_context(lang=self._customer_lang())
        text = currency.amount_to_text(self.amount_total)
        if self.currency_id.name == "EUR" and self._customer_lang().startswith("fr"):
            # the host says “cents”, people say “centimes”
            text = re.sub(r"\bCent(s?)$", r"Centime\1", text)
        return text

    def _customer_lang(self):
        """Language of the contact if it is installed, else of the company."""
        self.ensure_one()
        installed = {code for code, _name in self.env["res.lang"].get_installed()}
        people = (self.contact_id.sudo(), self.partner_id.sudo(), self.company_id.sudo().partner_id)
        return next((person.lang for person in people if person.lang in installed), "en_US")

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
        if self.state == "active" and offer and _same(offer, self.signed_hash):
            return False
        self._check_signable()
        if offer is not None and not _same(offer, self._offer_hash()):
            raise UserError(
                self.env._("This offer was changed meanwhile: please read the new one before you sign.")
            )
        if not (signed_by or "").strip():
            raise UserError(self.env._("Enter the name of who signs."))
        shown, fingerprint = self._offer(), self._offer_hash()
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
                # belongs to the plan, readable with it
                plan.agreement_id = (
                    self.env["ir.attachment"]
                    .sudo()
                    .create(
                        {
                            "name": plan._agreement_filename(),
                            "raw": content,
                            "mimetype": "application/pdf",
                            "res_model": "relance.plan",
                            "res_id": plan.id,
                        }
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
        if report.get_wkhtmltopdf_state() not in ("ok", "workers"):
            return None
        return report._relance_letters(self)[self.id]

    def _agreement_filename(self):
        return (
            f"{self.with_context(lang=self._customer_lang()).env._('Payment plan')} {self.name}.pdf".replace(
                "/", "-"
            )
        )

    # -- what the customer does instead -----------------------------------------------------------
    @api.private
    def _decline(self, reason, ip=None):
        """The customer says no, with a reason; whoever is in charge is told.

        :return: whether this call was the one that declined
        """
        self.ensure_one()
        self._lock()
        if self.state == "cancelled" and self.close_reason == "declined":
            return False
        self._check_signable()
        self._set_cancelled("declined", _typed(reason, 500))
        house = self._in_house_language()
        house._message_log(body=house.env._("Declined by the customer: %s", self.close_note or "–"))
        self._tell_user("declined", self.close_note)
        return True

    @api.private
    def _counter(self, count, first_date, every=None, reason=None, ip=None):
        """The customer proposes other instalments.

        Within the limits, and where the policy allows it, they become the offer at once;
        otherwise a person decides.

        :return: ``accepted`` or ``asked``
        :raise UserError: says what is wrong, to the customer
        """
        self.ensure_one()
        self._lock()
        self._check_signable()
        every = every or self.every
        first_date = fields.Date.to_date(first_date)
        if not first_date or first_date < self.company_id._relance_date():
            raise UserError(self.env._("Choose a first day that is today or later."))
        parts = self._in_words(
            schedule.split,
            self._exact(self.currency_id, self._amount_to_cover()),
            count,
            first_date,
            every,
            self.currency_id.decimal_places,
            currency=self.currency_id,
        )
        offer = {
            "lines": [[str(day), float(amount)] for day, amount in parts],
            "every": every,
            "reason": _typed(reason),
        }
        house = self._in_house_language()
        house._message_log(body=house.env._("The customer proposes: %s", house._counter_sentence(offer)))
        policy = self._policy()
        exceeded = policy._plan_limits_exceeded(
            self.company_id, self.currency_id, parts, self.company_id._relance_date()
        )
        special = self.line_ids.filtered(lambda line: line.kind != "payment")
        if policy.plan_accept_counter and not exceeded and not special:
            self._take_counter(offer)
            return "accepted"
        self.write(
            {
                "counter_offer": offer,
                "counter_state": "asked",
                # he waits for our answer, so the offer does not expire meanwhile
                **self._rest_values(),
            }
        )
        tell = house._tell_manager if exceeded else house._tell_user
        tell("counter", house._counter_sentence(offer))
        return "asked"

    def _take_counter(self, offer):
        """What the customer proposed is the offer now; he signs it himself."""
        self.line_ids.unlink()
        self.write(
            {
                "line_ids": [
                    Command.create({"sequence": number, "date_due": day, "amount": amount})
                    for number, (day, amount) in enumerate(offer["lines"], 1)
                ],
                "every": offer["every"],
                "revision": self.revision + 1,
                "counter_state": "accepted",
                "counter_offer": offer,
            }
        )

    def action_accept_counter(self):
        """What the customer proposed becomes the offer; beyond the limits only for managers."""
        for plan in self._allowed("proposed"):
            plan._lock()
            if plan.counter_state != "asked":
                raise UserError(self.env._("There is no counter-proposal to answer: reload the page."))
            days = [(fields.Date.to_date(day), amount) for day, amount in plan.counter_offer["lines"]]
            if plan._policy()._plan_limits_exceeded(
                plan.company_id, plan.currency_id, days, plan.company_id._relance_date()
            ):
                self._check_manager()
            plan._take_counter(plan.counter_offer)
            plan.write(plan._rest_values())
            plan.activity_ids.unlink()
            plan._message_log(body=self.env._("Counter-proposal accepted by %s.", self.env.user.name))
            plan._create_messages_of("proposal")._send_now()
        return True

    def action_refuse_counter(self):
        """The offer stands as it was; the customer is told kindly."""
        for plan in self._allowed("proposed"):
            plan._lock()
            if plan.counter_state != "asked":
                raise UserError(self.env._("There is no counter-proposal to answer: reload the page."))
            plan.write({"counter_state": "refused", **plan._rest_values()})
            plan.message_log_ids.filtered(lambda one: one.kind == "counter_refused")._set_void()
            plan.activity_ids.unlink()
            plan._message_log(body=self.env._("Counter-proposal refused by %s.", self.env.user.name))
            plan._create_messages_of("counter_refused")._send_now()
        return True

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
        return bool(last) and self.state in CLOSED_STATES and last + timedelta(days=LINK_DAYS) < today

    def _may_open(self, token=None, partner=None):
        """Whether somebody with this token, or this logged-in customer, may see the plan.

        :param token: what the link carried, compared in constant time
        :param partner: ``res.partner`` of a portal user
        """
        self.ensure_one()
        if token and self.access_token and _same(token, self.access_token):
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
        if not _same(self.code_hash, self._code_fingerprint(re.sub(r"\D", "", str(code or "")))):
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


CLOSED_STATES = ("kept", "broken", "cancelled")


def _same(given, kept):
    """Whether two secrets are the same, in constant time, whatever was typed."""
    return consteq(str(given or "").encode(), str(kept or "").encode())


def _typed(text, size=1000):
    """What a customer typed, as text that the database takes."""
    return str(text or "").replace("\x00", "").strip()[:size]


def _letters(text):
    """What remains of words when accents, hyphens, commas and plurals are left aside."""
    plain = unicodedata.normalize("NFKD", text or "").encode("ascii", "ignore").decode().lower()
    return " ".join(
        word.rstrip("s").replace("centime", "cent")
        for word in re.findall(r"[a-z]+", plain)
        if word not in ("et", "and")
    )
