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
        for carried in self.env["relance.mail.mixin"]._carried_by(self.mail_message_id):
            carried._set_delivery(status, failure_type, failure_reason)
