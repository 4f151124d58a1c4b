import { getDefaultConfig, View } from "@web/views/view";
import { registry } from "@web/core/registry";
import { FormController } from "@web/views/form/form_controller";
import { formView } from "@web/views/form/form_view";
import { useViewButtons } from "@web/views/view_button/view_button_hook";

import { Component, useSubEnv, xml } from "@odoo/owl";

/**
 * A standard view inside another one: with a configuration of its own, so that it changes
 * neither the title nor the pager of the page. It is read once, and again when one of its
 * buttons was pressed, but not each time the list around it is.
 */
export class DeskView extends Component {
    static template = xml`<View t-props="viewProps"/>`;
    static components = { View };
    static props = {
        type: { type: String, optional: true },
        resModel: String,
        resId: { type: Number, optional: true },
        viewId: Number,
        domain: { type: Array, optional: true },
        onActionDone: { type: Function, optional: true },
    };

    setup() {
        useSubEnv({ config: getDefaultConfig() });
        const { type = "form", ...props } = this.props;
        this.viewProps = {
            ...props,
            type,
            context: {},
            display: { controlPanel: false },
            ...(type === "form"
                ? { readonly: true, preventCreate: true, preventEdit: true }
                : { allowSelectors: false }),
        };
    }
}

/** A form beside a list: read only, and whoever presses one of its buttons is told of it. */
export class DeskFormController extends FormController {
    static props = { ...FormController.props, onActionDone: { type: Function, optional: true } };

    setup() {
        super.setup();
        // The page reads this form again together with its list. Nobody waits for it: a
        // dialog would stay open for ever if the list takes this form away meanwhile.
        useViewButtons(this.rootRef, {
            beforeExecuteAction: this.beforeExecuteActionButton.bind(this),
            afterExecuteAction: this.afterExecuteActionButton.bind(this),
            reload: () => {
                this.props.onActionDone?.();
            },
        });
    }
}

registry.category("views").add("relance_desk_form", { ...formView, Controller: DeskFormController });
