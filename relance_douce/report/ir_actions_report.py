"""How letters are printed: without a server, in true millimetres, many in one call."""

import base64
import logging
import mimetypes
import re

import lxml.html
from markupsafe import Markup

from odoo import api, models
from odoo.exceptions import MissingError, UserError
from odoo.tools import file_open, ormcache
from odoo.tools.image import base64_to_image

from . import stylesheet

#: pictures of addons named in styles or elements: they go into the page
STATIC_URL = re.compile(r"""(?<=[("'])/(\w+/static/[\w./-]+\.(?:png|jpe?g|gif|svg))(?=[)"'])""")
COMPANY_CLASS = re.compile(r"\bo_company_(\d+)_layout\b")
#: style sheets of the host that letters are set with
BUNDLES = ("web.report_assets_pdf", "web.report_assets_common")
#: room for logos in mm; True: where the address stands beside it and not below
LOGO_WIDTH = 70
LOGO_HEIGHT = {True: 22, False: 13}
#: logos are not blown up: at least 96 dots per inch
NATURAL_SIZE = 25.4 / 96
BOLD = re.compile(r"<(?:b|strong)\b|font-weight|\bfw-bold")


_logger = logging.getLogger(__name__)


class IrActionsReport(models.Model):
    _inherit = "ir.actions.report"

    def _is_relance_letter(self):
        """Reports on our paper format are letters."""
        paper = self.env.ref("relance_douce.paperformat_letter", raise_if_not_found=False)
        return bool(paper) and self.sudo().paperformat_id == paper

    @api.model
    def _relance_can_print(self):
        return self.get_wkhtmltopdf_state() in ("ok", "workers")

    @api.model
    def _relance_check_printer(self):
        """Nothing is sent half.

        :raise UserError: where wkhtmltopdf is missing
        """
        if not self._relance_can_print():
            raise UserError(
                self.env._(
                    "Letters cannot be printed: wkhtmltopdf is missing on the server. The "
                    "message waits; ask the administrator to install it."
                )
            )

    # -- what a letter shows -------------------------------------------------------------
    def _get_rendering_context(self, report, docids, data):
        """Letters get their pages, prepared for all documents at once.

        :raise MissingError: there is nothing to print, or not any more
        """
        values = super()._get_rendering_context(report, docids, data)
        if report._is_relance_letter() and hasattr(values.get("docs"), "_relance_letter_pages"):
            if not values["docs"] or values["docs"].exists() != values["docs"]:
                # the host's address of a report takes any number
                raise MissingError(self.env._("This letter does not exist, or it was deleted."))
            values["pages"] = values["docs"]._relance_letter_pages()
        return values

    # -- the document around it -----------------------------------------------------------
    def _get_layout(self):
        if self._is_relance_letter():
            return self.env.ref("relance_douce.letter_document")
        return super()._get_layout()

    def _prepare_html(self, html, report_model=False):
        if not self._is_relance_letter():
            return super()._prepare_html(html, report_model=report_model)
        text = self._inline_pictures(html.decode() if isinstance(html, bytes) else html)
        css, running_css = self._letter_styles(text)
        letters = self.with_context(
            letter_css=css, letter_running_css=running_css, letter_script=stylesheet.letter_script()
        )
        bodies, res_ids, header, footer, paper = super(IrActionsReport, letters)._prepare_html(
            text.encode(), report_model=report_model
        )
        return bodies, res_ids, self._merge_running(header), self._merge_running(footer), paper

    @api.model
    def _inline_pictures(self, html):
        """Put the pictures that addons ship into the page."""

        def inline(match):
            try:
                with file_open(match[1], "rb") as file:
                    data = base64.b64encode(file.read()).decode()
            except OSError:
                return match[0]
            return f"data:{mimetypes.guess_type(match[1])[0]};base64,{data}"

        return STATIC_URL.sub(inline, html)

    @api.model
    def _letter_styles(self, html):
        """Style sheets for the text of these letters, and for their headers and footers."""
        names = stylesheet.names_in(html)
        css = "".join(self._purged_bundle(bundle, self._bundle_checksum(bundle), names) for bundle in BUNDLES)
        ids = {int(company_id) for company_id in COMPANY_CLASS.findall(html)}
        companies = self.env["res.company"].sudo().browse(sorted(ids))  # fonts only
        fonts = {company.font or "Lato" for company in companies}
        bold = any(
            company.report_header or BOLD.search(f"{company.report_footer}{company.company_details}")
            for company in companies
        )
        own = css + stylesheet.letter_css()
        return tuple(
            Markup("".join(stylesheet.font_rules(font, with_bold) for font in sorted(fonts)) + own)
            for with_bold in (True, bold)
        )

    @api.model
    def _letter_bundle(self, name):
        """The style sheet of a bundle of the host, compiled once, as everywhere else."""
        bundle = self.env["ir.qweb"]._get_asset_bundle(name, css=True, js=False, autoprefix=True)
        return bundle.css()

    @api.model
    def _letter_compile_styles(self):
        """Compile the style sheets now, so that a transaction that is undone need not do it again."""
        for name in BUNDLES:
            self._letter_bundle(name)

    @api.model
    def _bundle_checksum(self, name):
        return self._letter_bundle(name).checksum

    @api.model
    @ormcache("name", "checksum", "names", cache="assets")
    def _purged_bundle(self, name, checksum, names):
        return stylesheet.purge(self._letter_bundle(name).raw.decode(), names)

    @api.model
    def _merge_running(self, html):
        """Keep one of the headers (or footers) that are alike: each page loads them all.

        The order in which the letters use them is left on their container, for the script
        of the document.
        """
        root = lxml.html.document_fromstring(html)
        container = root.xpath("//*[starts-with(@id, 'minimal_layout_report_')]")[0]
        order, kept = [], {}
        for node in list(container):
            content = lxml.html.tostring(node, encoding="unicode", with_tail=False)
            if content in kept:
                container.remove(node)
            else:
                self._size_logos(node)
            order.append(str(kept.setdefault(content, len(kept))))
        container.set("data-order", " ".join(order))
        return Markup("<!DOCTYPE html>" + lxml.html.tostring(root, encoding="unicode"))

    @api.model
    def _size_logos(self, node):
        """Write the size of logos down: wkhtmltopdf sees them too late to make room for them."""
        for picture in node.iter("img"):
            source = picture.get("src", "")
            if not source.startswith("data:image/") or "svg" in source[:20]:
                continue
            try:
                width, height = base64_to_image(source.partition(",")[2]).size
            except UserError:  # no picture: it leaves a gap
                continue
            # layouts call their logo big where they put the address beside it
            beside = "o_company_logo_big" in picture.get("class", "")
            scale = min(LOGO_HEIGHT[beside] / height, LOGO_WIDTH / width, NATURAL_SIZE)
            picture.set("style", f"width:{width * scale:.2f}mm;height:{height * scale:.2f}mm")

    # -- many letters, one call -----------------------------------------------------------
    @api.private
    def _relance_letters(self, reminders):
        """The letters of these reminders, by one call of wkhtmltopdf.

        :return: dict reminder id → bytes of the PDF
        :raise UserError: where wkhtmltopdf gives no PDF, twice
        """
        self.ensure_one()
        report = self.with_context(force_report_rendering=True)
        for _attempt in range(2):
            streams = report._render_qweb_pdf_prepare_streams(self.report_name, {}, reminders.ids)
            letters = {
                reminder_id: streams[reminder_id]["stream"].getvalue() for reminder_id in reminders.ids
            }
            if all(letter.startswith(b"%PDF") for letter in letters.values()):
                return letters
            _logger.warning("wkhtmltopdf gave no PDF for %s", reminders)
        raise UserError(
            self.env._("The letter could not be printed. It is tried again tomorrow, or with Retry.")
        )

    # -- wkhtmltopdf -----------------------------------------------------------------------
    def _run_wkhtmltopdf(self, bodies, report_ref=False, **kwargs):
        if report_ref and self._get_report(report_ref)._is_relance_letter():
            self = self.with_context(relance_letter=True)
        return super()._run_wkhtmltopdf(bodies, report_ref=report_ref, **kwargs)

    @api.model
    def _build_wkhtmltopdf_args(
        self, paperformat_id, landscape, specific_paperformat_args=None, set_viewport_size=False
    ):
        args = super()._build_wkhtmltopdf_args(
            paperformat_id,
            landscape,
            specific_paperformat_args=specific_paperformat_args,
            set_viewport_size=set_viewport_size,
        )
        if self.env.context.get("relance_letter"):
            # the script of a letter is done when the page is loaded; without shrinking a
            # millimetre is one at any resolution as long as nothing is zoomed
            for option, value in (("--javascript-delay", "0"), ("--zoom", "1")):
                if option in args:
                    args[args.index(option) + 1] = value
            # a picture that cannot be fetched leaves a gap, not a letter unsent
            args += ["--load-error-handling", "ignore", "--load-media-error-handling", "ignore"]
        return args
