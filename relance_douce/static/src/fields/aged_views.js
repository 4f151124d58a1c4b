import { Component, markup, onWillStart } from "@odoo/owl";
import { download } from "@web/core/network/download";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { useService } from "@web/core/utils/hooks";
import { RelationalModel } from "@web/model/relational_model/relational_model";
import { kanbanView } from "@web/views/kanban/kanban_view";
import { ListRenderer } from "@web/views/list/list_renderer";
import { listView } from "@web/views/list/list_view";

/**
 * Choose the date of the aged balance, and take the balance away as a sheet: whatever the view,
 * with the filters and groups that it shows.
 */
export class AgedButtons extends Component {
    static template = "relance_douce.AgedButtons";
    static props = {};

    setup() {
        this.action = useService("action");
        onWillStart(async () => {
            const groups = ["account.group_account_readonly", "base.group_allow_export"];
            const has = await Promise.all(groups.map((group) => user.hasGroup(group)));
            this.canExport = has.includes(true);
        });
    }

    get date() {
        return this.env.searchModel.context.relance_as_of || false;
    }

    onDate() {
        return this.action.doAction("relance_douce.action_relance_as_of", {
            additionalContext: {
                relance_in_place: true,
                ...(this.date && { default_choice: "other", default_date: this.date }),
            },
            onClose: (infos) => infos?.relance_aged && this.show(infos.relance_aged),
        });
    }

    /** The balance of another date, in the same view, with the same filters and groups. */
    show(action) {
        const shown = { ...action, help: action.help && markup(action.help) };
        return this.action.doAction(shown, {
            stackPosition: "replaceCurrentAction",
            viewType: this.env.config.viewType,
            props: {
                globalState: { searchModel: JSON.stringify(this.env.searchModel.exportState()) },
            },
        });
    }

    onExcel() {
        const { context, domain, groupBy } = this.env.searchModel;
        return download({
            url: "/relance_douce/aged_balance",
            data: { data: JSON.stringify({ context, domain, groupby: groupBy }) },
        });
    }
}

/** A view with the buttons: ``changes`` to the view, ``template`` of its controller. */
export function withAgedButtons(view, changes, template) {
    return {
        ...view,
        ...changes,
        Controller: class extends view.Controller {
            static template = template || view.Controller.template;
            static components = { ...view.Controller.components, AgedButtons };
        },
    };
}

/** An age in which nothing is left stays empty, as in the rows. */
export class AgedListRenderer extends ListRenderer {
    formatGroupAggregate(group, column) {
        const isAge = column.name !== "amount_residual" && column.type === "field";
        return isAge && group.aggregates[column.name] === 0
            ? { value: "" }
            : super.formatGroupAggregate(group, column);
    }
}

/** On a phone no column per customer: cards, in the order of what is late. */
export class AgedKanbanModel extends RelationalModel {
    load(params = {}) {
        const byCustomer = params.groupBy?.length === 1 && params.groupBy[0] === "partner_id";
        return super.load(this.env.isSmall && byCustomer ? { ...params, groupBy: [] } : params);
    }
}

const inPanel = { buttonTemplate: "relance_douce.AgedPanelButtons" };
registry
    .category("views")
    .add("relance_aged_list", withAgedButtons(listView, { ...inPanel, Renderer: AgedListRenderer }))
    .add("relance_aged_kanban", withAgedButtons(kanbanView, { ...inPanel, Model: AgedKanbanModel }));
