"""Batches of sending as jobs of the queue, which any number of machines work off."""

import logging

from odoo import fields, models

from odoo.addons.queue_job.exception import RetryableJobError
from odoo.addons.queue_job.job import identity_exact
from odoo.addons.queue_job.utils import must_run_without_delay
from odoo.addons.relance_douce.tools.race import LOST_RACES, again_if_lost

_logger = logging.getLogger(__name__)


class RelanceReminder(models.Model):
    _inherit = "relance.reminder"

    # -- into the queue ----------------------------------------------------------------------
    def _deliver(self, todo):
        """What waits in a job already is not dealt again.

        Where the queue stands still (its runner is not started, or busy with other work for
        hours), the scheduled action sends by itself, as it does without a queue.
        """
        jobs = self.env["queue.job"].sudo()._relance_open()  # the queue is its manager's
        if jobs._relance_stands_still(fields.Datetime.now()):
            _logger.warning(
                "%s jobs with reminders wait since %s: does the job runner run? "
                "The scheduled action sends them by itself.",
                len(jobs),
                min(jobs.mapped("date_created")),
            )
            return super(RelanceReminder, self.with_context(queue_job__no_delay=True))._deliver(todo)
        waiting = {reminder_id for job in jobs for reminder_id in job.records.ids}
        fresh = {
            company: [reminder_id for reminder_id in ids if reminder_id not in waiting]
            for company, ids in todo.items()
        }
        return super()._deliver(fresh)

    def _process_share(self, share, company):
        """A job for each batch; all have the same priority, so that companies go on taking turns."""
        if must_run_without_delay(self.env):
            return super()._process_share(share, company)
        lang = company._relance_lang()
        # whoever runs the job has a company and a language of his own
        reminders = self.browse(share).with_company(company).with_context(lang=lang)
        reminders.with_delay(
            identity_key=identity_exact,
            description=reminders.env._(
                "Reminders of %(company)s: send %(count)s", company=company.name, count=len(share)
            ),
        )._send_share_job(company)
        return None

    # -- out of the queue --------------------------------------------------------------------
    def _send_share_job(self, company):
        """One batch, as a job: what may leave at this moment, by the rules of the scheduled action.

        The job may have waited for hours, and it may run a second time.

        :param company: whose reminders these are
        :return: what happened, in words
        :raise RetryableJobError: where another transaction was quicker
        """
        try:
            # the queue tries again, in a transaction of its own
            done = again_if_lost(self.env, lambda: self._process_what_may_leave(self.ids, company), tries=1)
        except LOST_RACES as error:
            raise RetryableJobError(self.env._("Another transaction was quicker.")) from error
        return self.env._("Done: %(done)s of %(count)s reminders", done=done, count=len(self))
