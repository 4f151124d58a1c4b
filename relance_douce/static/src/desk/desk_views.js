import { getDefaultConfig, View } from "@web/views/view";
import { registry } from "@web/core/registry";
import { FormController } from "@web/views/form/form_controller";
import { formView } from "@web/views/form/form_view";

import { Component, useSubEnv, xml } from "@odoo/owl";

/**
 * A standard view inside another one: with a configuration of its own, so that it changes
 * neither the title nor the pager of the page.
 */
export class DeskView extends Component {
    static template = xml`<View t-props="viewProps"/>`;
    static components = { View };
    static props = { "*": true };

    setup() {
        useSubEnv({ config: getDefaultConfig() });
    }

    get viewProps() {
        return { display: { controlPanel: false }, context: {}, ...this.props };
    }
}

/** A form beside a list: read only, and whoever presses one of its buttons is told of it. */
export class DeskFormController extends FormController {
    static props = { ...FormController.props, onActionDone: { type: Function, optional: true } };

    async afterExecuteActionButton(clickParams) {
        await super.afterExecuteActionButton(clickParams);
        await this.props.onActionDone?.();
    }
}

registry.category("views").add("relance_desk_form", { ...formView, Controller: DeskFormController });
