from datetime import timedelta

from odoo import api, models

#: our job function
MODEL, METHOD = "relance.reminder", "_send_share_job"
#: states of a job that is still to come to its end
OPEN = ("wait_dependencies", "pending", "enqueued", "started")
#: hours without any job of ours begun, after which the queue counts as standing still
PATIENCE = 2


class QueueJob(models.Model):
    _inherit = "queue.job"

    @api.model
    def _relance_domain(self):
        """The jobs that send reminders."""
        return [("model_name", "=", MODEL), ("method_name", "=", METHOD)]

    @api.model
    def _relance_open(self):
        """Those that are still to send something."""
        return self.search([("state", "in", OPEN), *self._relance_domain()])

    def _relance_stands_still(self, now):
        """Whether these open jobs wait, and none of their kind was begun for long.

        :param now: naive UTC datetime
        """
        long_ago = now - timedelta(hours=PATIENCE)
        if not any(job._relance_waits_since() < long_ago for job in self):
            return False
        return not self.search_count([("date_started", ">=", long_ago), *self._relance_domain()], limit=1)

    def _relance_waits_since(self):
        """When the last thing happened to this job: where the runner died, nothing more will."""
        return self.date_started or self.date_enqueued or self.date_created
