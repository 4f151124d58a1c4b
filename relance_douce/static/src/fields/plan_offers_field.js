import { registry } from "@web/core/registry";
import { _t } from "@web/core/l10n/translation";
import { Component } from "@odoo/owl";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/**
 * Ready payment plans side by side, as the field of the option `offers_field` describes
 * them. A click chooses one; what follows from it is the server's business.
 */
export class PlanOffersField extends Component {
    static template = "relance_douce.PlanOffersField";
    static props = { ...standardFieldProps, offersField: String };

    get offers() {
        return this.props.record.data[this.props.offersField] || [];
    }

    titleOf(offer) {
        const options = this.props.record.fields[this.props.name].selection;
        return options.find(([key]) => key === offer.key)?.[1];
    }

    choose(offer) {
        return this.props.record.update({ [this.props.name]: offer.key });
    }
}

export const planOffersField = {
    component: PlanOffersField,
    displayName: _t("Ready offers"),
    supportedTypes: ["selection"],
    supportedOptions: [
        {
            label: _t("Field that describes the offers"),
            name: "offers_field",
            type: "field",
            availableTypes: ["json"],
        },
    ],
    extractProps: ({ options }) => ({ offersField: options.offers_field }),
};

registry.category("fields").add("relance_plan_offers", planOffersField);
