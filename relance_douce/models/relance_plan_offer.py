"""How a plan is offered: limits and approval, how long reminders rest, and its exact words."""

import hashlib
import json
import re

from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import email_normalize, format_amount, format_date


class RelancePlan(models.Model):
    _inherit = "relance.plan"

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
        if self._late_lines():
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
                for line in self._instalments()
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
        plan = self.sudo()  # which language somebody reads is no secret
        return plan.company_id._relance_lang(plan.contact_id, plan.partner_id)
