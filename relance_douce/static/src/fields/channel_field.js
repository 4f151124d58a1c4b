import { registry } from "@web/core/registry";
import { _t } from "@web/core/l10n/translation";
import { SelectionField, selectionField } from "@web/views/fields/selection/selection_field";

/** An addon with a channel of its own adds its icon here. */
export const CHANNEL_ICONS = {
    email: "fa-envelope-o",
    sms: "fa-mobile",
    letter: "fa-file-text-o",
    call: "fa-phone",
    visit: "fa-map-marker",
    meeting: "fa-users",
};

/**
 * The channel of a reminder: icon and name, or the icon alone where space is short.
 */
export class ChannelField extends SelectionField {
    static template = "relance_douce.ChannelField";
    static props = {
        ...SelectionField.props,
        iconOnly: { type: Boolean, optional: true },
    };

    get icon() {
        return CHANNEL_ICONS[this.value] || "fa-paper-plane-o";
    }
}

export const channelField = {
    ...selectionField,
    component: ChannelField,
    displayName: _t("Channel"),
    supportedTypes: ["selection"],
    supportedOptions: [{ label: _t("Icon only"), name: "icon_only", type: "boolean" }],
    extractProps: (fieldInfo, dynamicInfo) => ({
        ...selectionField.extractProps(fieldInfo, dynamicInfo),
        iconOnly: Boolean(fieldInfo.options.icon_only),
    }),
};

registry.category("fields").add("relance_channel", channelField);
