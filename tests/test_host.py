"""What the other tests rely on: the database, the PDF program, the browser, the test runner."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from odoo.tests import HttpCase, TransactionCase, tagged

from dev.check_po import badly_set

ROOT = Path(__file__).parents[1]
ADDONS = sorted(manifest.parent.name for manifest in ROOT.glob("*/__manifest__.py"))
#: where it is installed the job queue sends: it has a database of its own, see test_queue_job.py
QUEUE = "relance_douce_queue_job"


@tagged("post_install", "-at_install")
class TestHost(TransactionCase):
    def test_every_addon_is_installed(self):
        self.assertEqual(set(ADDONS), {"relance_douce", "relance_douce_sale", QUEUE})
        for addon in ADDONS:
            module = self.env["ir.module.module"]._get(addon)
            self.assertEqual(module.state, "uninstalled" if addon == QUEUE else "installed")
            self.assertEqual(module.license, "LGPL-3")

    def test_only_the_glue_needs_sales(self):
        """The addon itself installs without Sales; with it the glue installs by itself."""
        modules = self.env["ir.module.module"]
        alone = modules._get("relance_douce")
        self.assertNotIn("sale", alone.upstream_dependencies(exclude_states=("none",)).mapped("name"))
        glue = modules._get("relance_douce_sale")
        self.assertTrue(glue.auto_install)
        self.assertEqual(set(glue.dependencies_id.mapped("name")), {"relance_douce", "sale"})

    def test_only_the_glue_needs_the_job_queue(self):
        """Without OCA's queue_job nothing changes; with it the glue installs by itself."""
        modules = self.env["ir.module.module"]
        self.assertEqual(modules._get("queue_job").state, "uninstalled")
        glue = modules._get(QUEUE)
        self.assertTrue(glue.auto_install)
        self.assertEqual(set(glue.dependencies_id.mapped("name")), {"relance_douce", "queue_job"})

    def test_every_addon_is_whole(self):
        for addon in ADDONS:
            for name in (
                "pyproject.toml",
                "i18n/fr.po",
                "readme/DESCRIPTION.md",
                "static/description/icon.png",
            ):
                self.assertTrue((ROOT / addon / name).exists(), f"{addon}/{name}")

    def test_french_company(self):
        self.assertEqual(self.env.company.chart_template, "fr")
        self.assertEqual(self.env.company.currency_id.name, "EUR")
        self.assertTrue(self.env["account.account"].search([("code", "=like", "411%")]))
        self.assertIn("fr_FR", dict(self.env["res.lang"].get_installed()))

    def test_wkhtmltopdf_is_patched(self):
        version = subprocess.run(["wkhtmltopdf", "--version"], capture_output=True, text=True, check=True)
        self.assertIn("with patched qt", version.stdout)

    def test_pdf_has_header_and_every_document(self):
        """Two documents in one call, each with the header: what an unpatched Qt can't do."""
        self.env["ir.config_parameter"].set_param("report.print_delay", "0")
        page = '<!DOCTYPE html><html><head><meta charset="utf-8"/></head><body>%s</body></html>'
        pdf = (
            self.env["ir.actions.report"]
            .with_context(force_report_rendering=True)
            ._run_wkhtmltopdf(
                [page % "première lettre", page % "deuxième lettre"],
                header=page % "<div class='header'>en-tête</div>",
                specific_paperformat_args={"data-report-margin-top": 40, "data-report-header-spacing": 35},
            )
        )
        text = subprocess.run(
            ["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True
        ).stdout.decode()
        self.assertEqual(
            re.findall("en-tête|première lettre|deuxième lettre", text),
            ["en-tête", "première lettre", "en-tête", "deuxième lettre"],
        )

    def test_pdf_gets_its_style_sheets(self):
        """Odoo's own layout is set in Lato, which only its style sheet asks for."""
        self.env["ir.config_parameter"].set_param("report.print_delay", "0")
        report = self.env["ir.actions.report"].with_context(force_report_rendering=True)
        pdf, _kind = report._render_qweb_pdf(
            "base.report_irmodulereference", self.env.ref("base.module_base").ids
        )
        fonts = subprocess.run(["pdffonts", "-"], input=pdf, capture_output=True, check=True).stdout.decode()
        self.assertIn("Lato", fonts)


@tagged("post_install", "-at_install")
class TestBrowser(HttpCase):
    def test_web_client_starts(self):
        self.browser_js(
            "/odoo",
            "console.log('test successful')",
            ready="!!document.querySelector('.o_main_navbar')",
            login="admin",
        )


EXAMPLE = """
import logging
import types
import unittest

from odoo.tests import common, tagged
from odoo.tools import mute_logger

_logger = logging.getLogger("odoo.example")


class TestErrors(unittest.TestCase):
    def test_error(self):
        _logger.error("unexpected")

    def test_asserted(self):
        with self.assertLogs("odoo.example", "ERROR"):
            _logger.error("expected")

    @mute_logger("odoo.example")
    def test_muted(self):
        _logger.error("expected")

    def test_warning(self):
        _logger.warning("no error")

    def test_skips_itself(self):
        self.skipTest("its own decision")

    def test_no_browser(self):
        case = types.SimpleNamespace(_logger=_logger, browser_size="800x600", touch_enabled=False)
        common.ChromeBrowser(case)


@tagged("post_install", "relance_slow")
class TestSlow(unittest.TestCase):
    def test_slow(self):
        pass
"""


def _run_example(folder, *options):
    (folder / "test_example.py").write_text(EXAMPLE)
    command = f"pytest -p no:odoo -p no:xdist -p tests.conftest -v -c {ROOT}/pytest.ini -o addopts="
    run = subprocess.run(
        [sys.executable, "-m", *command.split(), "-o", f"cache_dir={folder}/cache", f"--rootdir={folder}"]
        + [*options, folder / "test_example.py"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert "Chrome executable not found" in run.stdout
    return dict(re.findall(r"::(test_\w+) (\w+)", run.stdout))


def test_runner_fails_what_odoo_lets_pass(tmp_path):
    assert _run_example(tmp_path) == {
        "test_error": "FAILED",
        "test_asserted": "PASSED",
        "test_muted": "PASSED",
        "test_warning": "PASSED",
        "test_skips_itself": "SKIPPED",
        "test_no_browser": "FAILED",
    }


def test_runner_leaves_out_slow_tests(tmp_path):
    assert "test_slow" in _run_example(tmp_path, "--slow")


@pytest.mark.parametrize(
    "text",
    [
        "Total\u00a0: 12,00\u00a0€\u202f; merci\u202f!",
        "<a href=\"https://example.com/a?b=c;d\" title='a: b'>«\u00a0ouvert\u00a0»</a>",
        "Voir https://example.com:8069/odoo?debug=1 ou ecrire@example.com",
        "À 14:30, le %(date)s à %H:%M:%S, {{ object.name or 'x: y' }}, {0:.2f}",
        "Dupont &amp; fils&#160;: &laquo;&nbsp;oui&nbsp;&raquo;",
        "Pourquoi\u202f?! (?)",
        "",
    ],
)
def test_well_set_french(text):
    assert badly_set(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Total: 12",
        "Total : 12",
        "<b>Total</b> : 12",
        "%s: x",
        "{name} !",
        "«oui\u00a0»",
        "«\u00a0oui »",
        "https://a.fr !",
    ],
)
def test_badly_set_french(text):
    assert len(badly_set(text)) == 1
