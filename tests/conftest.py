"""Glue between pytest-odoo and a tests/ folder that lies outside the addon.

Odoo gives its default tags only to test classes whose module starts with
``odoo.addons.``; ours are called ``tests.test_*``, so the defaults are set here.
"""

import logging
import os
import unittest

import pytest

from odoo import api, modules, tools
from odoo.modules.registry import Registry
from odoo.tests import common
from odoo.tests.common import BaseCase, TransactionCase

BaseCase.test_tags = {"standard", "post_install"}
BaseCase.test_module = "relance_douce"

TAGS = ("standard", "at_install", "post_install", "relance_slow")

_start_browser = common.ChromeBrowser.__init__


def _start_browser_or_fail(self, *args, **kwargs):
    """Where Odoo finds no browser it skips the test; here it is an error."""
    try:
        _start_browser(self, *args, **kwargs)
    except unittest.SkipTest as error:
        raise OSError(str(error)) from error


common.ChromeBrowser.__init__ = _start_browser_or_fail

if os.environ.get("PYTEST_XDIST_WORKER"):
    # The workers share one filestore, which is thrown away after the run. What a class cleans
    # up at its end are the files that its own database does not know: also those that a test
    # of the other worker has just written.
    TransactionCase._gc_filestore = classmethod(lambda cls: None)

# a bundle that was still loading when the browser was closed after a passed test
_is_ignored = common.IGNORED_MSGS
common.IGNORED_MSGS = lambda message: _is_ignored(message) or "AssetsLoadingError" in message


class _EnvCase(TransactionCase):
    """Not a test: the machinery of TransactionCase, lent to the env fixture."""

    def runTest(self):
        """Needed to make an instance."""


_EnvCase.__test__ = False


@pytest.fixture
def odoo_case():
    """A live TransactionCase, for what a plain function needs of it."""
    previous = modules.module.current_test
    case = _EnvCase()
    # mail, cron, ... neither send nor commit while current_test is set;
    # pytest-odoo leaves None there for a plain function
    modules.module.current_test = case
    try:
        _EnvCase.setUpClass()
        try:
            case.setUp()
            yield case
        finally:
            case.tearDown()
            unittest.TestCase.doCleanups(case)
    finally:
        _EnvCase.tearDownClass()
        _EnvCase.doClassCleanups()
        modules.module.current_test = previous
        assert not getattr(_EnvCase, "tearDown_exceptions", None), _EnvCase.tearDown_exceptions


@pytest.fixture
def env(odoo_case):
    """Environment of the superuser, rolled back after the test."""
    return odoo_case.env


@pytest.fixture(scope="session", autouse=True)
def report_url(request):
    """The server of the tests also gives wkhtmltopdf its style sheets."""
    if not request.config.pluginmanager.hasplugin("odoo"):
        return
    request.getfixturevalue("load_http")
    # committed, in a database that goes with the session
    with Registry(common.get_db_name()).cursor() as cr:
        env = api.Environment(cr, api.SUPERUSER_ID, {})
        port = tools.config["http_port"]
        env["ir.config_parameter"].set_param("report.url", f"http://{common.HOST}:{port}")


# -- which tests run ----------------------------------------------------------


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="Run the tests tagged relance_slow too")


def pytest_configure(config):
    for tag in TAGS:
        config.addinivalue_line("markers", f"{tag}: Odoo test tag")
    logging.getLogger().addHandler(_errors)
    # without a server pytest-odoo would skip every HttpCase
    config.option.odoo_http = True


def pytest_sessionstart():
    """Pytest shows the log of a test that failed: not a second time as Odoo's own output."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler:
            root.removeHandler(handler)


def pytest_collection_modifyitems(config, items):
    """Let ``pytest -m TAG`` select what ``@tagged("TAG")`` marks, and leave out what is slow."""
    for item in items:
        for tag in getattr(getattr(item, "cls", None), "test_tags", ()):
            if tag in TAGS:
                item.add_marker(tag)
    if config.option.slow or "relance_slow" in config.option.markexpr:
        return
    slow = [item for item in items if item.get_closest_marker("relance_slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


# -- what makes a test fail besides its own assertions -------------------------


class _Errors(logging.Handler):
    """The ERROR lines that no assertLogs and no mute_logger of the test caught."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))

    def watch(self):
        """Around one phase of a test."""
        try:
            result = yield
        except BaseException:
            self.lines.clear()
            raise
        if self.lines:
            text = "\n".join(self.lines)
            self.lines.clear()
            pytest.fail(f"An error was logged that the test does not expect:\n{text}", pytrace=False)
        return result


_errors = _Errors()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    return (yield from _errors.watch())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    return (yield from _errors.watch())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    return (yield from _errors.watch())
