import { Component, onWillStart } from "@odoo/owl";
import { formatDate, deserializeDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { download } from "@web/core/network/download";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { useService } from "@web/core/utils/hooks";
import { GraphController } from "@web/views/graph/graph_controller";
import { graphView } from "@web/views/graph/graph_view";
import { KanbanController } from "@web/views/kanban/kanban_controller";
import { kanbanView } from "@web/views/kanban/kanban_view";
import { ListController } from "@web/views/list/list_controller";
import { listView } from "@web/views/list/list_view";
import { PivotController } from "@web/views/pivot/pivot_controller";
import { pivotView } from "@web/views/pivot/pivot_view";

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
            this.canExport = await user.hasGroup("base.group_allow_export");
        });
    }

    get date() {
        return this.env.searchModel.context.relance_as_of || false;
    }

    get dateLabel() {
        return this.date
            ? _t("As of %s", formatDate(deserializeDate(this.date)))
            : _t("As of another date…");
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
        return this.action.doAction(action, {
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

function withButtons(view, controller, template) {
    return {
        ...view,
        ...template.view,
        Controller: class extends controller {
            static template = template.controller || controller.template;
            static components = { ...controller.components, AgedButtons };
        },
    };
}

const views = registry.category("views");
const inPanel = { view: { buttonTemplate: "relance_douce.AgedPanelButtons" } };
views.add("relance_aged_list", withButtons(listView, ListController, inPanel));
views.add("relance_aged_kanban", withButtons(kanbanView, KanbanController, inPanel));
views.add(
    "relance_aged_pivot",
    withButtons(pivotView, PivotController, { controller: "relance_douce.AgedPivotView" })
);
views.add(
    "relance_aged_graph",
    withButtons(graphView, GraphController, { controller: "relance_douce.AgedGraphView" })
);
