"""What a plan asks of people, once each, in the language of the house."""

from odoo import SUPERUSER_ID, api, fields, models
from odoo.tools.mail import plaintext2html

#: who said “done” is not asked the same again within so many days
ASK_AGAIN_DAYS = 7


class RelancePlan(models.Model):
    _inherit = "relance.plan"

    asked_on = fields.Json(readonly=True, copy=False, help="Task → day on which it was last asked for.")

    @api.model
    def _tasks(self):
        """Key → what is to be done; an addon adds its own."""
        _ = self.env._
        return {
            "approval": _("A payment plan beyond the limits waits for your decision"),
            "refused": _("The payment plan was refused: draw it within the limits"),
            "discount": _("A discount on a payment plan waits for your decision"),
            "discount_refused": _("The discount on a payment plan was refused"),
            "declined": _("A customer declined a payment plan"),
            "counter": _("A customer proposes other instalments"),
            "expired": _("The offer of a payment plan expired unsigned"),
            "missed": _("An instalment was missed: give notice, renegotiate, or end the plan"),
            "undecided": _("Nobody decided about a payment plan that is not kept"),
            "undone": _("A payment of a kept plan was undone"),
            "reset": _("An invoice of a payment plan was reset: post it again or renegotiate"),
            "changed": _("The debt under a payment plan changed: look at its invoices and renegotiate"),
            "more": _("A plan was kept, but more is owed than it covered: look at its invoices"),
            "credit_note": _("A plan was kept: post the credit note of its discount"),
            "rest": _("A plan was kept but for a small difference: write it off"),
            "failed": _("A message about a payment plan could not be sent"),
            "letter": _("A letter about a payment plan is to be posted"),
        }

    def _in_house_language(self):
        """These plans, speaking to the people of the company and not to the customer."""
        return self.with_context(lang=self.company_id[:1]._relance_lang())

    def _task_summary(self, key):
        return self._in_house_language()._tasks()[key]

    def _tell_user(self, key, note=None):
        """A task for whoever is in charge of this plan, once."""
        self.ensure_one()
        return self._tell(self.user_id or self._manager(), key, note)

    def _tell_manager(self, key, note=None):
        """A task for somebody who may decide about this plan, once."""
        self.ensure_one()
        return self._tell(self._manager() or self.user_id, key, note)

    def _tell(self, user, key, note):
        summary = self._task_summary(key)
        if self.activity_ids.filtered(lambda one: one.summary == summary):
            return self.env["mail.activity"]
        return self.activity_schedule(
            "mail.mail_activity_data_todo",
            summary=summary,
            # a customer may have written it
            note=plaintext2html(note) if note else "",
            user_id=(user.filtered("active") or self._manager() or self.env.user).id,
        )

    def _ask(self, key, date, manager=False):
        """A task that each day finds anew: who said “done” to it has a week of peace."""
        self.ensure_one()
        last = (self.asked_on or {}).get(key)
        if last and fields.Date.add(fields.Date.to_date(last), days=ASK_AGAIN_DAYS) > date:
            return
        self.asked_on = {**(self.asked_on or {}), key: str(date)}
        if manager:
            self._tell_manager(key)
        else:
            self._tell_user(key)

    def _task_done(self, key):
        """What was asked for is done, or the question is gone."""
        for plan in self:
            if plan.asked_on and key in plan.asked_on:
                plan.asked_on = {one: day for one, day in plan.asked_on.items() if one != key}
            summary = plan._task_summary(key)
            plan.activity_ids.filtered(lambda one: one.summary == summary).unlink()  # noqa: B023

    def _manager(self):
        """Somebody who may decide about this plan."""
        managers = self.company_id._relance_managers().filtered(lambda user: user.id != SUPERUSER_ID)
        return (managers & self.user_id or managers)[:1]
