import { registry } from "@web/core/registry";
import { _t } from "@web/core/l10n/translation";
import { BadgeField, badgeField } from "@web/views/fields/badge/badge_field";

/**
 * A level, or its tone, as a badge with a dot in the calm colour of the tone.
 */
export class ToneField extends BadgeField {
    static template = "relance_douce.ToneField";
    static props = {
        ...BadgeField.props,
        toneField: { type: String, optional: true },
    };

    get tone() {
        return this.props.record.data[this.props.toneField || this.props.name];
    }
}

export const toneField = {
    ...badgeField,
    component: ToneField,
    displayName: _t("Tone"),
    supportedTypes: ["selection", "many2one", "char"],
    supportedOptions: [
        {
            label: _t("Tone field"),
            name: "tone_field",
            type: "field",
            availableTypes: ["selection"],
        },
    ],
    extractProps: (fieldInfo) => ({
        ...badgeField.extractProps(fieldInfo),
        toneField: fieldInfo.options.tone_field,
    }),
};

registry.category("fields").add("relance_tone", toneField);
