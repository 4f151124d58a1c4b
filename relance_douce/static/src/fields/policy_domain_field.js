import { Component } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { _t } from "@web/core/l10n/translation";
import { CheckBox } from "@web/core/checkbox/checkbox";
import { DomainField, domainField } from "@web/views/fields/domain/domain_field";

/**
 * Which customers a policy serves by itself. No domain at all means: none, it is chosen by
 * hand; the plain domain field would show that as “all records”.
 */
export class PolicyDomainField extends Component {
    static template = "relance_douce.PolicyDomainField";
    static components = { CheckBox, DomainField };
    static props = { ...DomainField.props };

    get value() {
        return this.props.record.data[this.props.name];
    }

    onChange(automatic) {
        return this.props.record.update({ [this.props.name]: automatic ? "[]" : false });
    }
}

export const policyDomainField = {
    ...domainField,
    component: PolicyDomainField,
    displayName: _t("Customers of a policy"),
};

registry.category("fields").add("relance_policy_domain", policyDomainField);
