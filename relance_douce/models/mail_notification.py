from odoo import models


class MailNotification(models.Model):
    _inherit = "mail.notification"

    def write(self, vals):
        result = super().write(vals)
        if "notification_status" in vals:
            self._relance_follow(
                vals["notification_status"], vals.get("failure_type"), vals.get("failure_reason")
            )
        return result

    def _relance_follow(self, status, failure_type, failure_reason):
        """The host says what became of a mail or an SMS: our reminders take note."""
        # delivery is told by the mail queue or the mail gateway, under any user
        messages = self.sudo().mail_message_id
        for thread, model in (("relance.case", "relance.reminder"), ("relance.plan", "relance.plan.message")):
            own = messages.filtered(lambda one: one.model == thread)  # noqa: B023
            if own:
                sent = self.env[model].sudo().search([("message_id", "in", own.ids), ("state", "=", "sent")])
                sent._set_delivery(status, failure_type, failure_reason)
