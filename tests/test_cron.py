"""The scheduled actions, the settings and the policies."""

from datetime import datetime
from unittest.mock import patch

from freezegun import freeze_time
from psycopg2.errors import SerializationFailure

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MONDAY, RelanceCase


@tagged("post_install", "-at_install")
class TestCron(RelanceCase):
    def setUp(self):
        super().setUp()
        self.client = self.customer()
        self.late = self.invoice(self.client, MONDAY - self.days(3))
        self.cron_run = self.env.ref("relance_douce.ir_cron_run")
        self.cron_send = self.env.ref("relance_douce.ir_cron_send")

    def trigger(self, cron):
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.env.invalidate_all()

    @freeze_time("2026-03-02 10:00:00")
    def test_nothing_happens_until_it_is_switched_on(self):
        self.assertFalse(self.company.relance_active)
        self.trigger(self.cron_run)
        self.assertFalse(self.reminders(self.client))
        self.run_day(MONDAY)
        self.trigger(self.cron_send)
        self.assertEqual(self.reminders(self.client).state, "ready")
        self.company.relance_active = True
        self.trigger(self.cron_send)
        self.assertEqual(self.reminders(self.client).state, "sent")

    @freeze_time("2026-03-02 10:00:00")
    def test_every_worker_is_called_after_a_run(self):
        """The shipped second action sleeps; once it is switched on, it and its copies begin, too."""
        self.company.relance_active = True
        second = self.env.ref("relance_douce.ir_cron_send_second")
        self.assertFalse(second.active)
        triggers = self.env["ir.cron.trigger"].search
        workers = self.cron_send + second
        triggers([("cron_id", "in", workers.ids)]).unlink()
        self.trigger(self.cron_run)
        self.assertEqual(triggers([("cron_id", "in", workers.ids)]).cron_id, self.cron_send)
        second.active = True
        workers += second.copy()
        workers.active = True
        self.trigger(self.cron_run)
        self.assertEqual(triggers([("cron_id", "in", workers.ids)]).cron_id, workers)
        self.trigger(second)
        self.assertEqual(self.reminders(self.client).state, "sent")

    @freeze_time("2026-03-01 23:30:00")
    def test_the_company_s_timezone_decides_the_day(self):
        """Half past midnight in Paris is already Monday, whatever the clock of the server."""
        self.company.relance_active = True
        self.trigger(self.cron_run)
        self.assertEqual(self.reminders(self.client).date_planned, MONDAY)
        self.company.resource_calendar_id.tz = "America/New_York"
        self.assertEqual(self.company._relance_date(), MONDAY - self.days(1))

    @freeze_time("2026-03-02 10:00:00")
    @mute_logger("odoo.addons.relance_douce.models.relance_run")
    def test_a_failing_company_does_not_stop_the_others(self):
        other = self.env["res.company"].create({"name": "Autre"})
        (self.company + other).write({"relance_active": True})
        run_class = type(self.env["relance.run"])
        original = run_class._run

        def fails(run, company, date):
            if company == other:
                raise UserError("un plan comptable étrange")
            return original(run, company, date)

        with patch.object(run_class, "_run", fails):
            self.trigger(self.cron_run)
        self.assertTrue(self.env["relance.run"].search([("company_id", "=", self.company.id)]))

    @freeze_time("2026-03-02 10:00:00")
    def test_batches(self):
        self.company.relance_active = True
        for index in range(5):
            self.invoice(self.customer(f"C{index}"), MONDAY - self.days(3))
        self.run_day(MONDAY)
        with patch.object(type(self.env["relance.reminder"]), "_batch_size", 2):
            self.trigger(self.cron_send)
        self.assertEqual(self.env["relance.reminder"].search_count([("state", "=", "sent")]), 6)

    @freeze_time("2026-03-02 10:00:00")
    def test_a_reminder_that_fails_stops_no_other(self):
        self.company.relance_active = True
        for index in range(3):
            self.invoice(self.customer(f"C{index}"), MONDAY - self.days(3))
        run = self.run_day(MONDAY)
        process = type(self.env["relance.reminder"])._process
        failing = self.reminders(self.client)

        def fails(reminders, company, now):
            if failing in reminders:
                raise ValueError("a bug")
            return process(reminders, company, now)

        with (
            patch.object(type(self.env["relance.reminder"]), "_process", fails),
            self.assertLogs("odoo.addons.relance_douce.models.relance_reminder_send", "ERROR") as logs,
        ):
            self.trigger(self.cron_send)
        # all four in one batch: those that can leave do
        self.assertEqual(len(logs.output), 1)
        self.assertIn(f"Reminder {failing.id} could not be sent", logs.output[0])
        self.assertIn("a bug", logs.output[0])
        self.assertEqual((run.sent_count, failing.state), (3, "ready"))

    @freeze_time("2026-03-02 10:00:00")
    def test_a_race_about_failed_mails_keeps_nothing_back(self):
        self.company.relance_active = True
        self.run_day(MONDAY)
        lost = patch.object(
            type(self.env["relance.reminder"]), "_requeue_mails", side_effect=SerializationFailure
        )
        with lost as tried, patch.object(self.env.cr, "rollback"):
            self.trigger(self.cron_send)
        self.assertEqual(tried.call_count, 3)
        self.assertEqual(self.reminders(self.client).state, "sent")

    @freeze_time("2026-03-02 10:00:00")
    def test_a_run_is_stopped_and_goes_on(self):
        self.company.relance_active = True
        for index in range(4):
            self.invoice(self.customer(f"C{index}"), MONDAY - self.days(3))
        run = self.run_day(MONDAY).with_user(self.accountant)
        whole = run.reminder_count
        self.assertEqual((run.sent_count, run.ready_count, run.progress), (0, whole, 0.0))
        process = type(self.env["relance.reminder"])._process

        def stopped_meanwhile(reminders, company, now):
            done = process(reminders, company, now)
            reminders.env["relance.run"].browse(run.id).with_user(self.accountant).action_stop()
            return done

        reminders = type(self.env["relance.reminder"])
        with (
            patch.object(reminders, "_batch_size", 2),
            patch.object(reminders, "_process", stopped_meanwhile),
        ):
            self.trigger(self.cron_send)
        run.invalidate_recordset()
        # the batch under way left, and nothing after it
        self.assertEqual((run.sent_count, run.ready_count), (2, whole - 2))
        self.assertEqual(run.progress, 100.0 * 2 / whole)
        self.trigger(self.cron_send)
        run.invalidate_recordset()
        self.assertEqual(run.sent_count, 2)
        run.action_go_on()
        self.trigger(self.cron_send)
        run.invalidate_recordset()
        self.assertEqual((run.sent_count, run.ready_count, run.progress), (whole, 0, 100.0))
        notes = run.message_ids.mapped("body")
        self.assertEqual(len([note for note in notes if "stopped" in note or "goes on" in note]), 2, notes)
        with self.assertRaises(AccessError):
            run.with_user(self.salesperson).action_stop()

    def test_a_run_tells_how_fast_it_leaves(self):
        with freeze_time("2026-03-02 10:00:00"):
            self.company.relance_active = True
            for index in range(6):
                self.invoice(self.customer(f"C{index}"), MONDAY - self.days(3))
            run = self.run_day(MONDAY).with_user(self.accountant)

        def state():
            run.invalidate_recordset()
            return run.is_sending, run.pace

        batch = self.env["relance.reminder"]._send_batch
        with freeze_time("2026-03-02 10:01:05"):
            self.assertEqual(state(), (False, "The others leave in the next round."))
            batch(limit=1, now=datetime(2026, 3, 2, 10, 0, 0))
            self.assertEqual(state(), (True, "Leaving now."))
            batch(limit=1, now=datetime(2026, 3, 2, 10, 0, 30))
            batch(limit=1, now=datetime(2026, 3, 2, 10, 1, 0))
            # three at a beat of thirty seconds, four left
            self.assertEqual(state(), (True, "2 a minute, about 2 minutes left"))
            self.assertEqual((run.sent_count, run.ready_count), (3, 4))
            self.accountant.lang = "fr_FR"
            french = run.with_context(lang="fr_FR")
            self.assertEqual(french.pace, "2 par minute, encore 2 minutes environ")
            run.action_stop()
            self.assertEqual(state(), (False, ""))
            run.action_go_on()
        with freeze_time("2026-03-02 10:30:00"):
            # that round is over
            self.assertEqual(state(), (False, "The others leave in the next round."))
            late, *others = run.sudo().reminder_ids.filtered(lambda one: one.state == "ready")
            late.date_postponed = "2026-03-02 10:20:00"
            for other in others:
                other.action_cancel()
            # and nothing of it will leave in the next one
            self.assertEqual(state(), (False, ""))
        with freeze_time("2026-03-02 14:30:00"):
            self.assertEqual(state(), (False, "The others leave in the next round."))
            batch(now=datetime(2026, 3, 2, 14, 30, 0))
            self.assertEqual((state(), run.ready_count), ((False, ""), 0))

    @freeze_time("2026-03-02 10:00:00")
    def test_letters_of_a_run_wait_for_a_person(self):
        customer = self.customer("Par la poste")
        customer.relance_channel = "letter"
        self.invoice(customer, MONDAY - self.days(3))
        run = self.run_day(MONDAY)
        self.env["relance.reminder"]._send_batch()
        self.assertEqual((run.sent_count, run.ready_count, run.laid_out_count), (1, 0, 1))
        self.assertEqual((run.progress, run.pace), (50.0, ""))

    def test_companies_take_turns(self):
        house, shop = self.env.company, self.env["res.company"].create({"name": "Petite maison"})
        reminders = self.env["relance.reminder"]
        shares = list(reminders._shares({house: list(range(120)), shop: list(range(500, 510))}))
        self.assertEqual([company for company, _ids in shares], [house, shop, house, house])
        self.assertEqual([ids[0] for _company, ids in shares], [0, 500, 50, 100])
        self.assertEqual(sum(len(ids) for _company, ids in shares), 130)
        self.assertEqual(list(reminders._shares({})), [])

    @freeze_time("2026-03-02 10:00:00")
    def test_the_work_is_handed_over_in_one_place(self):
        """What an addon overrides to have others send: it gets all that is ready."""
        self.company.relance_active = True
        sleeping = self.env["res.company"].create({"name": "Pas encore"})
        self.run_day(MONDAY)
        handed = []
        deliver = patch.object(
            type(self.env["relance.reminder"]), "_deliver", lambda _self, todo: handed.append(todo)
        )
        with deliver:
            self.trigger(self.cron_send)
        [todo] = handed
        reminder = self.reminders(self.client)
        self.assertEqual((reminder.state, todo[self.company]), ("ready", reminder.ids))
        self.assertNotIn(sleeping, todo)

    def test_run_record_counts(self):
        flagged = self.invoice(self.customer("Bloqué"), MONDAY - self.days(9))
        flagged.no_followup = True
        coming = self.invoice(self.client, MONDAY + self.days(60))
        run = self.run_day(MONDAY)
        self.assertEqual(run.line_count, 3)
        self.assertEqual(run.customer_count, 2)
        self.assertEqual(run.reminder_count, 1)
        self.assertEqual(run.held_count, 1)
        self.assertEqual(run.reason_counts, {"climb": 1, "not_due": 1, "host_flag": 1})
        self.assertGreater(run.duration, 0)
        self.assertIn("1", run.reason_summary)
        self.assertTrue(coming)


@tagged("post_install", "-at_install")
class TestPolicy(RelanceCase):
    def test_shipped_policies(self):
        ladder = [(-7, "none"), (1, "none"), (7, "none"), (15, "user"), (30, "manager")]
        for name in ("business", "consumer", "public", "key"):
            policy = self.env.ref(f"relance_douce.policy_{name}")
            self.assertFalse(policy.company_id)
            self.assertEqual(
                policy.level_ids.sorted("delay_days").mapped(
                    lambda level: (level.delay_days, level.approval)
                ),
                ladder,
                name,
            )
            sleeping = policy.with_context(active_test=False).level_ids - policy.level_ids
            self.assertEqual(sleeping.mapped("delay_days"), [45, 60])
        self.assertFalse(self.env.ref("relance_douce.policy_tight").active)

    def test_consumers_hear_nothing_of_penalties(self):
        person = self.customer("Jeanne Martin", vat=False, is_company=False)
        unknown = self.customer("Sans numéro", vat=False)
        for customer, level, expected in (
            (person, "consumer", False),
            (unknown, "consumer", False),
            (self.customer("Pro"), "business", True),
        ):
            invoice = self.invoice(customer, MONDAY - self.days(50))
            firm = self.env.ref(f"relance_douce.level_{level}_firm")
            self.line(invoice).write(
                {
                    "relance_level_id": self.env.ref(f"relance_douce.level_{level}_attentive").id,
                    "relance_level_date": MONDAY - self.days(20),
                }
            )
            self.run_day(MONDAY)
            reminder = self.reminders(customer)
            self.assertEqual(reminder.level_id, firm)
            for field in ("mail_body", "letter_body"):
                body = str(reminder._render_texts(field)[reminder.id][1])
                self.assertEqual("40" in body, expected, customer.name)
                self.assertEqual("nalit" in body or "nalt" in body, expected, customer.name)
        # by hand on the professionals' policy: still a consumer
        person.relance_policy_id = self.policy
        reminder = self.reminders(person)
        reminder.level_id = self.levels["firm"]
        self.assertNotIn("40", str(reminder._render_texts("mail_body")[reminder.id][1]))

    def test_audience_from_facts(self):
        for values, audience in (
            ({"vat": "FR23334175221"}, "business"),
            ({"vat": False, "company_registry": "33417522101010"}, "business"),
            ({"vat": False, "company_registry": "21690123100011"}, "public"),
            ({"vat": False, "company_registry": "W691234567"}, "legal_person"),
            ({"vat": False}, "unknown"),
            ({"vat": False, "is_company": False}, "consumer"),
        ):
            self.assertEqual(self.customer(**values).relance_audience, audience, values)
        boss = self.customer("Maison")
        child = self.env["res.partner"].create({"name": "Guichet", "parent_id": boss.id})
        self.assertEqual(child.relance_audience, "business")
        boss.relance_audience = "public"
        self.assertEqual(boss.relance_audience, "public")
        # what a person chose stays, whatever facts come later
        boss.company_registry = "33417522101010"
        self.assertEqual(boss.relance_audience, "public")

    def test_delays_rise(self):
        with self.assertRaises(ValidationError) as caught, self.env.cr.savepoint():
            self.levels["friendly"].tone = "firm"
        self.assertIn(self.levels["attentive"].name, str(caught.exception))
        with (
            self.assertRaises(ValidationError),
            self.env.cr.savepoint(),
            mute_logger("odoo.sql_db"),
        ):
            self.levels["friendly"].delay_days = 1
            self.env.flush_all()
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.levels["pre_due"].delay_days = 4

    def test_channel_without_text(self):
        with self.assertRaises(ValidationError) as caught, self.env.cr.savepoint():
            self.levels["friendly"].sms_body = False
        self.assertIn("SMS", str(caught.exception))
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.levels["friendly"].report_id = False
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.levels["friendly"].write(
                {"use_email": False, "use_sms": False, "use_letter": False, "use_call": False}
            )
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.levels["notice"].active = True

    def test_new_level_speaks_like_the_shipped_one_of_its_tone(self):
        policy = self.env["relance.policy"].create(
            {
                "name": "Maison",
                "level_ids": [
                    (0, 0, {"name": "Un", "delay_days": 3, "tone": "courtesy"}),
                    (0, 0, {"name": "Deux", "delay_days": 12, "tone": "firm", "approval": "none"}),
                ],
            }
        )
        first, second = policy.level_ids.sorted("delay_days")
        self.assertEqual(first.text_level_id, self.levels["courtesy"])
        self.assertEqual(second.report_id, self.env.ref("relance_douce.report_letter_third"))
        customer = self.customer()
        customer.relance_policy_id = policy
        self.invoice(customer, MONDAY - self.days(20))
        self.live_day(MONDAY)
        self.assertEqual(self.sent(customer), [("courtesy", MONDAY)])
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            policy.level_ids = [(0, 0, {"name": "MED", "delay_days": 45, "tone": "notice"})]

    def test_several_levels_change_in_one_save(self):
        self.policy.write(
            {
                "level_ids": [
                    (1, self.levels["friendly"].id, {"delay_days": 17}),
                    (1, self.levels["attentive"].id, {"delay_days": 25}),
                ]
            }
        )
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.policy.write({"level_ids": [(1, self.levels["friendly"].id, {"delay_days": 28})]})

    def test_manager_copies_a_policy(self):
        self.manager.group_ids -= self.env.ref("mail.group_mail_template_editor")
        copy = self.policy.with_user(self.manager).copy()
        self.assertEqual(
            copy.level_ids.sorted("delay_days").text_level_id,
            self.policy.level_ids.sorted("delay_days"),
        )

    def test_bank_entered_in_one_click(self):
        self.company.with_user(self.accountant).action_relance_bank_entered()
        self.assertTrue(self.company.relance_bank_entered_until)
        with self.assertRaises(AccessError):
            self.company.with_user(self.outsider).action_relance_bank_entered()

    def test_domain_that_cannot_be_read(self):
        for domain in ("[('nom', '=', 1)]", "[(", "__import__('os')"):
            with self.assertRaises(ValidationError), self.env.cr.savepoint():
                self.policy.domain = domain

    def test_used_policy_is_not_deleted(self):
        self.invoice(self.customer(), MONDAY - self.days(3))
        self.run_day(MONDAY)
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self.policy.unlink()
        self.env.ref("relance_douce.policy_tight").unlink()

    def test_copy(self):
        copy = self.policy.copy()
        self.assertEqual(len(copy.level_ids), 5)
        self.assertNotEqual(copy.name, self.policy.name)

    def test_only_template_editors_write_dynamic_texts(self):
        self.manager.group_ids -= self.env.ref("mail.group_mail_template_editor")
        level = self.levels["friendly"].with_user(self.manager)
        level.mail_body = "<p>Bonjour</p>"
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            level.mail_body = '<p><t t-out="object.env.cr.execute(1)"/></p>'

    def test_payer_has_no_payer(self):
        head, shop, kiosk = (self.customer(name) for name in ("Siège", "Magasin", "Kiosque"))
        shop.relance_payer_id = head
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            kiosk.relance_payer_id = shop
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            head.relance_payer_id = kiosk
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            head.relance_payer_id = head

    def test_rights(self):
        for model in ("relance.policy", "relance.level"):
            with self.assertRaises(AccessError):
                self.env[model].with_user(self.accountant).create({"name": "x"})
            self.env[model].with_user(self.salesperson).search([]).mapped("name")
            with self.assertRaises(AccessError):
                self.env[model].with_user(self.outsider).search([]).mapped("name")
        with self.assertRaises(AccessError):
            self.env["relance.run"].with_user(self.salesperson).search([])

    def test_states_move_through_the_actions_only(self):
        """No approval by writing the state over RPC."""
        customer = self.customer()
        invoice = self.invoice(customer, MONDAY - self.days(50))
        self.line(invoice).write(
            {"relance_level_id": self.levels["attentive"].id, "relance_level_date": MONDAY - self.days(20)}
        )
        self.run_day(MONDAY)
        firm = self.reminders(customer).with_user(self.accountant)
        for values in (
            {"state": "ready"},
            {"level_id": self.levels["courtesy"].id},
            {"needs_approval": False},
            {"channel": "letter"},
        ):
            with self.assertRaises(AccessError):
                firm.write(values)
        with self.assertRaises(AccessError):
            firm.line_ids.write({"amount_residual": 1})
        with self.assertRaises(AccessError):
            firm.copy({"state": "ready"})
        firm.action_edit_text()
        firm.body = "<p>Cher Monsieur</p>"
        firm.action_cancel()

    def test_nothing_public_that_need_not_be(self):
        """What can be called over RPC: actions, and the host's own methods."""
        host = set(dir(self.env["res.country"])) | set(dir(self.env["mail.thread"]))
        host |= set(dir(self.env["mail.activity.mixin"])) | set(dir(self.env["mail.render.mixin"]))
        for name in ("decision", "policy", "level", "hold", "case", "reminder", "reminder.line", "run"):
            model = type(self.env[f"relance.{name}"])
            public = {
                attribute
                for attribute in set(dir(model)) - host - set(model._fields)
                if not attribute.startswith("_") and callable(getattr(model, attribute))
            }
            self.assertFalse(
                {one for one in public if not one.startswith("action_")} - {"copy_data"}, (name, public)
            )
