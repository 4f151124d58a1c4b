import { Component } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { CHANNEL_ICONS } from "../fields/channel_field";

/**
 * What a run would do, as the server words it: a sentence, remarks and tables of which each
 * row opens its lines.
 */
export class RunPreviewField extends Component {
    static template = "relance_douce.RunPreviewField";
    static props = { ...standardFieldProps };

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
    }

    get figures() {
        return this.props.record.data[this.props.name];
    }

    iconOf(row) {
        return row.channel && (CHANNEL_ICONS[row.channel] || "fa-paper-plane-o");
    }

    async open(table, row) {
        const { record } = this.props;
        // the dates may have been changed a moment ago
        if (await record.save()) {
            const action = await this.orm.call(record.resModel, "action_open_lines", [
                [record.resId],
                table.key,
                row.keys,
            ]);
            await this.action.doAction(action);
        }
    }
}

export const runPreviewField = {
    component: RunPreviewField,
    displayName: _t("Preview of a run"),
    supportedTypes: ["json"],
};

registry.category("fields").add("relance_run_preview", runPreviewField);
