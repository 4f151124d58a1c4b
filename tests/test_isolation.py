"""What belongs to another company, to another customer or to another link stays out of reach."""

import json

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .safety import our_models
from .test_rights_rpc import RpcCase


class ForeignCase(RpcCase):
    """Fiona has every right of ours and of the books, in the house next door."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.env["res.company"].create(
            {"name": "Maison voisine", "country_id": cls.env.ref("base.fr").id}
        )
        # what is switched off makes no rows: next door it is on as well
        cls.other.relance_active = True
        cls.fiona = new_test_user(
            cls.env,
            "fiona_next_door",
            "account.group_account_manager,relance_douce.group_relance_manager,base.group_allow_export,"
            "base.group_partner_manager",
            name="Fiona Voisine",
            company_id=cls.other.id,
            company_ids=[Command.set(cls.other.ids)],
        )
        cls.people["foreigner"] = cls.fiona
        keys = cls.env["res.users.apikeys"].with_user(cls.fiona).sudo()
        cls.keys["foreigner"] = keys._generate("rpc", "foreigner", False)
        cls.fiona.lang = "en_US"
        cls.env.flush_all()

    def secrets(self):
        """Words that stand in records of the house and nowhere next door."""
        moves = self.env["account.move"].search([("company_id", "=", self.company.id), ("name", "!=", "/")])
        plans = self.env["relance.plan"].search([])
        return {*moves.mapped("name"), *plans.mapped("name"), *plans.mapped("access_token"), "Inventaire"} - {
            False
        }

    def assertTellsNothing(self, text, asked):
        for secret in self.secrets():
            self.assertNotIn(secret, text, asked)

    def read(self, record, name):
        """What ``record`` says of one of its fields, nothing where it is refused."""
        self.env.invalidate_all()
        try:
            with mute_logger("odoo.addons.base.models.ir_rule"):
                return record.read([name])
        except AccessError:
            return []

    def exported(self, record, name):
        """What an export of ``record`` holds."""
        self.env.invalidate_all()
        try:
            with mute_logger("odoo.addons.base.models.ir_rule"):
                return [row for row in record.export_data([name])["datas"] if any(row)]
        except UserError:
            return []

    def private_records(self):
        """The records of the house, without those that every company shares."""
        shared = ("relance.policy", "relance.level", "res.partner", "res.company")
        return {model: record for model, record in self.records.items() if model not in shared}


@tagged("post_install", "-at_install")
class TestCompanies(ForeignCase):
    def test_nothing_is_read_next_door(self):
        for model, record in self.private_records().items():
            mine = record.with_user(self.fiona)
            found = [("id", "in", record.ids)]
            plain = next(name for name in ("company_id", "create_date", "name") if name in record._fields)
            with self.subTest(model):
                # rows of a view are not even there
                self.assertFalse(self.read(mine, plain), model)
                self.assertFalse(mine.search(found))
                self.assertFalse(mine.search_count(found))
                self.assertFalse(mine.web_search_read(found, {"id": {}})["records"])
                self.assertFalse(
                    mine.formatted_read_group(
                        found, ["company_id"] if "company_id" in record._fields else [plain], ["__count"]
                    )
                )
                if record._rec_name in record._fields and record._fields[record._rec_name].store:
                    self.assertNotIn(record.id, dict(mine.name_search("", limit=None)))
                self.assertFalse(self.exported(mine, plain), model)

    def test_asking_for_the_companies_of_others(self):
        """The context says which companies are looked at; it opens none."""
        for model, record in self.private_records().items():
            mine = record.with_user(self.fiona).with_context(
                allowed_company_ids=[self.other.id, self.company.id]
            )
            with self.subTest(model), self.assertRaises(AccessError):
                # the host refuses such a context before anything is read
                mine.env.companies.ids  # noqa: B018

    def test_policies_of_one_company(self):
        policy = self.records["relance.policy"]
        policy.company_id = self.company
        for record in policy + policy.level_ids[:1].policy_id, policy.level_ids:
            self.assertFalse(record.with_user(self.fiona).search([("id", "in", record.ids)]))

    def test_shared_customers_tell_nothing(self):
        """What is computed on a customer that both houses have speaks of one's own house only."""
        fresh = self.customer("Client neuf", user_id=self.salesperson.id)
        names = [
            name
            for name, field in fresh._fields.items()
            if (field._module or "").startswith("relance_douce") and field.compute and not field.store
        ]
        self.assertIn("relance_summary", names)
        for customer in (self.reminded, self.payer, self.plan_active.partner_id):
            [seen] = customer.with_user(self.fiona).read(names, load=None)
            [expected] = fresh.with_user(self.fiona).read(names, load=None)
            del seen["id"], expected["id"]
            self.assertEqual(seen, expected)
            own = customer.with_user(self.accountant)
            self.assertNotEqual(own.read(names, load=None)[0], {**expected, "id": customer.id})

    def test_dialogs_with_foreign_ids(self):
        """Whatever ids a dialog is filled with, it neither shows nor changes what is not one's own."""
        before = self.fingerprint()
        for model, values in self.dialog_values(self.fiona).items():
            if model in self.parents:
                continue
            with self.subTest(model), mute_logger("odoo.http", "odoo.sql_db"):
                response = self.call(
                    "foreigner", f"{model}.create", vals_list=[json.loads(json.dumps(values, default=str))]
                )
                self.assertLess(response.status_code, 500, response.text[:400])
                if response.status_code != 200:
                    continue
                [dialog] = response.json()
                fields = list(self.env[model]._fields)
                read = self.call("foreigner", f"{model}.read", ids=[dialog], fields=fields)
                self.assertLess(read.status_code, 500, read.text[:400])
                self.assertTellsNothing(
                    json.dumps(read.json() if read.ok else read.text).split("Traceback")[0], model
                )
        self.assertNothingChanged(before)

    def assertNothingChanged(self, before):
        """As :meth:`fingerprint` had it, dialogs apart."""
        dialogs = {model._table for model in our_models(self.env).values() if model._transient}
        after = self.fingerprint()
        changed = {
            table
            for table, content in after.items()
            if content != before[table] and not any(table.startswith(own) for own in dialogs)
        }
        self.assertFalse(changed)

    def test_actions_with_foreign_ids(self):
        """No button says or does a thing about a record of the house next door."""
        kind = "foreigner"
        self.opened = {kind: self.dialogs(self.fiona)}
        self.env.flush_all()
        before = self.fingerprint()
        with mute_logger("odoo.http", "odoo.sql_db"):
            for method in self.expected():
                for body in self.bodies(method, kind):
                    response = self.call(kind, method, **body)
                    self.assertLess(response.status_code, 500, f"{method}: {response.text[:400]}")
                    text = response.text.split("Traceback")[0]
                    self.assertTellsNothing(text, f"{method}: {text[:600]}")
        self.assertNothingChanged(before)

    # -- files --------------------------------------------------------------------------------
    def files(self):
        """Letters and agreements as the engine keeps them, and others that hang on our records."""
        records = [self.records[model] for model in ("relance.case", "relance.reminder", "relance.plan")]
        return self.env["ir.attachment"].create(
            [
                {"name": "secret.pdf", "raw": b"Lettre secrete", "res_model": one._name, "res_id": one.id}
                for one in (*records, self.plan_active, self.reminder_sent)
            ]
        )

    def test_letters_and_agreements(self):
        files = self.files()
        self.env.flush_all()
        for login in (
            "fiona_next_door",
            "portal_person",
            "internal_person",
            "strange_person",
            "accounting_person",
        ):
            self.authenticate(login, login)
            for file in files:
                for path in (f"/web/content/{file.id}", f"/web/content/ir.attachment/{file.id}/raw"):
                    with self.subTest(login=login, path=path, model=file.res_model), mute_logger("odoo.http"):
                        response = self.url_open(path)
                        self.assertGreaterEqual(response.status_code, 400)
                        self.assertNotIn("secrete", response.text)
        self.authenticate("manager", "managerx")
        self.assertEqual(self.url_open(f"/web/content/{files[0].id}").text, "Lettre secrete")

    def test_reports(self):
        reports = self.env["ir.actions.report"].search([("report_name", "like", "relance_douce.%")])
        self.assertGreater(len(reports), 5)
        asked = 0
        for login in ("fiona_next_door", "portal_person", "strange_person"):
            self.authenticate(login, login)
            for report in reports:
                record = self.records.get(report.model)
                if not record or (report.model == "res.partner" and login != "portal_person"):
                    continue
                for kind in ("html", "pdf", "text"):
                    asked += 1
                    with mute_logger("odoo.http", "odoo.addons.web.controllers.report"):
                        response = self.url_open(f"/report/{kind}/{report.report_name}/{record.id}")
                    with self.subTest(login=login, report=report.report_name, kind=kind):
                        self.assertTellsNothing(response.text.split("Traceback")[0], report.report_name)
                        self.assertNotIn(b"%PDF", response.content)
        self.assertGreater(asked, 20)

    def test_statement_of_a_shared_customer(self):
        """A customer of both houses: her statement is that of the house that prints it."""
        self.authenticate("fiona_next_door", "fiona_next_door")
        response = self.url_open(f"/report/html/relance_douce.letter_statement/{self.payer.id}")
        self.assertTellsNothing(response.text, "statement")


@tagged("post_install", "-at_install")
class TestLinks(ForeignCase):
    """Signed links and portal users: each opens what it was made for."""

    def status(self, path):
        """How the page answers; it may repeat the token it was asked with, and nothing else."""
        with mute_logger("odoo.http"):
            response = self.url_open(path)
        self.assertLess(response.status_code, 500, f"{path}: {response.text[:300]}")
        if response.status_code != 200:
            for secret in self.secrets():
                if secret not in path:
                    self.assertNotIn(secret, response.text, path)
        return response.status_code

    def test_a_token_opens_its_own_plan_and_nothing_else(self):
        plan, other = self.plan_active, self.records["relance.plan"]
        other.with_user(self.accountant).action_propose()
        own = plan._portal_ensure_token()
        foreign = other._portal_ensure_token()
        mail, draft = self.records["relance.approval.mail"], self.records["relance.reminder"]
        approval = mail._url().rsplit("/", 1)[1]
        self.env.flush_all()
        path = f"/my/plans/{plan.id}?access_token={own}"
        self.assertIn(plan.name, self.url_open(path).text)
        wrong = [
            foreign,
            approval,
            own.upper(),
            own[:-1],
            own + "0",
            own + "%00",
            "%00",
            "%C3%A9",
            f" {own}",
            "[]",
        ]
        for token in wrong:
            for suffix in ("", "/agreement", "/pay"):
                path = f"/my/plans/{plan.id}{suffix}?access_token={token}"
                self.assertEqual(self.status(path), 404, path)
        for path in (f"/my/plans/{plan.id}", f"/my/plans/{plan.id}?access_token="):
            self.assertIn("/web/login", self.url_open(path).url)
        for token in (own, foreign, approval.swapcase(), approval[:-1], f"{approval}%00", draft.id, mail.id):
            self.assertEqual(self.status(f"/relance/approval/{token}"), 410, token)
            self.assertEqual(self.status(f"/my/plans/offer/{token}"), 410, token)
        # the links of approvals and of offers are signed for different ends
        self.assertEqual(self.status(f"/my/plans/offer/{approval}"), 410)

    def test_a_customer_asks_for_records(self):
        """Over the web client's own route too, a portal user reaches no record of ours."""
        self.authenticate("portal_person", "portal_person")
        for model, record in self.private_records().items():
            if not model.startswith("relance"):
                continue
            for method, arguments in (
                ("read", [record.ids, ["id"]]),
                ("search_read", [[], ["id"]]),
                ("web_search_read", [[], {"id": {}}]),
                ("write", [record.ids, {}]),
                ("unlink", [record.ids]),
                ("name_search", [""]),
            ):
                with self.subTest(model=model, method=method), mute_logger("odoo.http"):
                    response = self.url_open(
                        f"/web/dataset/call_kw/{model}/{method}",
                        data=json.dumps(
                            {"params": {"model": model, "method": method, "args": arguments, "kwargs": {}}}
                        ),
                        headers={"Content-Type": "application/json"},
                    )
                    self.assertEqual(
                        response.json().get("error", {}).get("data", {}).get("name"),
                        "odoo.exceptions.AccessError",
                        f"{model}.{method}: {response.text[:300]}",
                    )
