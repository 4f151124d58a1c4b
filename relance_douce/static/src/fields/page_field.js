import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/**
 * A part of a page as the server rendered it. Unlike the viewer of texts that people wrote, its
 * links stay in the same tab, with the way back.
 */
export class PageField extends Component {
    static template = "relance_douce.PageField";
    static props = { ...standardFieldProps };
}

export const pageField = {
    component: PageField,
    displayName: _t("Part of a page"),
    supportedTypes: ["html"],
};

registry.category("fields").add("relance_page", pageField);
