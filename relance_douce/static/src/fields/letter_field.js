import { Component } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { _t } from "@web/core/l10n/translation";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/**
 * A link that opens the PDF of an attachment beside the page.
 */
export class LetterField extends Component {
    static template = "relance_douce.LetterField";
    static props = { ...standardFieldProps };

    get attachment() {
        return this.props.record.data[this.props.name];
    }
}

export const letterField = {
    component: LetterField,
    displayName: _t("Link to a PDF"),
    supportedTypes: ["many2one"],
};

registry.category("fields").add("relance_letter", letterField);
