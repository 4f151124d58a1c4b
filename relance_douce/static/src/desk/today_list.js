import { getActiveHotkey } from "@web/core/hotkeys/hotkey_service";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { useDebounced } from "@web/core/utils/timing";
import { ListController } from "@web/views/list/list_controller";
import { ListRenderer } from "@web/views/list/list_renderer";
import { listView } from "@web/views/list/list_view";

import { onWillStart, useEffect, useState, useSubEnv } from "@odoo/owl";

import { Desk } from "./desk";

/** Arrow keys may be held down: only the row on which they rest is opened. */
const FOLLOW_DELAY = 150;
/** Who approves one after the other does not wait for the list in between. */
const RELOAD_DELAY = 1000;

/**
 * The list of the day: a grouped list whose rows open beside it on wide screens.
 *
 * Which row is open, and which one follows, is known here; the list shows it as its current
 * row. What a click does is done, and explained, by the server.
 */
export class TodayListController extends ListController {
    static template = "relance_douce.TodayList";
    static components = { ...ListController.components, Desk };

    setup() {
        this.desk = useState({
            resId: false, // the row that is open
            focus: 0, // grows when the keyboard moves to the open row
            done: [], // rows that are done and still listed
            progress: "",
            off: false,
            start: false,
        });
        useSubEnv({ relanceDesk: { state: this.desk, open: (record) => this.openBeside(record) } });
        super.setup();
        this.notification = useService("notification");
        this.reloadSoon = useDebounced(() => this.reload(), RELOAD_DELAY);
        this.shownId = false;
        this.busy = false;
        onWillStart(() => this.loadDesk());
    }

    get className() {
        return `${super.className} o_relance_today ${this.current ? "o_relance_beside" : ""}`;
    }

    get listed() {
        return this.model.isReady ? this.model.root.records : [];
    }

    /** The row that is open, if it still is listed. */
    get current() {
        return this.env.isSmall
            ? undefined
            : this.listed.find(({ resId }) => resId === this.desk.resId);
    }

    /** Where the open row stands among what its group still asks for, on whatever page it is. */
    get place() {
        const { root } = this.model;
        const list =
            (root.groups || []).map((group) => group.list).find(({ records }) => records.includes(this.current)) ||
            root;
        const isDone = ({ resId }) => this.desk.done.includes(resId);
        const before = list.records.slice(0, list.records.indexOf(this.current));
        const done = list.records.filter(isDone).length;
        return {
            position: list.offset + before.filter((record) => !isDone(record)).length + 1,
            count: list.count - done,
        };
    }

    async loadDesk() {
        const { views, ...desk } = await this.orm.call("relance.today", "get_desk", [], {
            context: this.props.context,
        });
        Object.assign(this.desk, desk);
        this.views ||= views;
    }

    async openRecord(record, options = {}) {
        if (this.env.isSmall || options.newWindow) {
            return super.openRecord(record, options);
        }
        this.openBeside(record);
    }

    openBeside(record) {
        this.desk.resId = record ? record.resId : false;
    }

    /** The record behind the open row in its own form. */
    openForm() {
        return super.openRecord(this.current);
    }

    openStart() {
        return this.actionService.doAction("relance_douce.action_relance_start");
    }

    /** The open row is on the screen now: only what somebody sees can be approved. */
    onShown(resId) {
        this.shownId = resId;
    }

    /** The row after the open one, or before it at the end of the list. */
    neighbour(step = 1) {
        const index = this.listed.indexOf(this.current);
        const isOpen = ({ resId }) => !this.desk.done.includes(resId);
        const after = this.listed.slice(index + 1).find(isOpen);
        const before = this.listed.slice(0, Math.max(index, 0)).findLast(isOpen);
        return step > 0 ? after : before;
    }

    move(step) {
        const row = this.neighbour(step);
        if (row) {
            this.openBeside(row);
            this.desk.focus++;
        }
    }

    close() {
        this.openBeside(false);
    }

    /**
     * Do something with the open row and go on to the next one.
     *
     * Where somebody else was quicker the server says so, and the list goes on all the same.
     *
     * @param {string} name method of relance.today
     */
    async act(name) {
        const record = this.current;
        if (this.busy || !record || this.shownId !== record.resId) {
            return;
        }
        this.busy = true;
        try {
            const answer = await this.orm.call("relance.today", name, [[record.resId]], {
                context: this.props.context,
            });
            if (answer?.type && answer.tag !== "display_notification") {
                return this.actionService.doAction(answer, { onClose: () => this.reload() });
            }
            const following = this.neighbour() || this.neighbour(-1);
            if (answer?.params) {
                const { message, type, sticky } = answer.params;
                this.notification.add(message, { type, sticky });
            } else {
                this.desk.done.push(record.resId);
            }
            this.openBeside(following);
            this.desk.focus++;
            this.reloadSoon();
        } finally {
            this.busy = false;
        }
    }

    /** Read list and banner again; where the open row is gone, the next one is opened. */
    async reload() {
        const { done, resId } = this.desk;
        const following = this.neighbour() || this.neighbour(-1);
        await Promise.all([this.model.load(), this.loadDesk()]);
        this.desk.done = this.desk.done.filter((id) => !done.includes(id));
        if (resId && this.desk.resId === resId && !this.current) {
            this.openBeside(following);
            this.desk.focus++;
        }
    }

    /** After a button over the list. */
    async afterExecuteActionButton(clickParams) {
        await super.afterExecuteActionButton(clickParams);
        await this.loadDesk();
    }
}

export class TodayListRenderer extends ListRenderer {
    static rowsTemplate = "relance_douce.TodayRows";
    static recordRowTemplate = "relance_douce.TodayRow";

    setup() {
        super.setup();
        this.desk = useState(this.env.relanceDesk.state);
        this.follow = useDebounced((record) => this.env.relanceDesk.open(record), FOLLOW_DELAY);
        useEffect(
            () => {
                const row = this.rootRef.el?.querySelector(".o_relance_current");
                row?.scrollIntoView({ block: "nearest" });
                row?.querySelector("td[name=partner_id]")?.focus();
            },
            () => [this.desk.focus]
        );
    }

    /** Beside an open record there is room for what tells the rows apart, and no more. */
    getActiveColumns() {
        const columns = super.getActiveColumns();
        if (!this.desk.resId || this.env.isSmall) {
            return columns;
        }
        return columns
            .filter((column) => !column.className?.includes("o_relance_wide"))
            .map((column) =>
                column.name === "partner_id"
                    ? { ...column, attrs: { ...column.attrs, width: undefined } }
                    : column
            );
    }

    isCurrent(record) {
        return record.resId === this.desk.resId;
    }

    getRowClass(record) {
        return [
            super.getRowClass(record),
            this.isCurrent(record) ? "o_relance_current" : "",
            this.desk.done.includes(record.resId) ? "o_relance_done" : "",
        ].join(" ");
    }

    onCellKeydown(ev, group = null, record = null) {
        super.onCellKeydown(ev, group, record);
        if (this.desk.resId && ["arrowup", "arrowdown"].includes(getActiveHotkey(ev))) {
            const row = document.activeElement.closest(".o_data_row");
            const target = row && this.props.list.records.find(({ id }) => id === row.dataset.id);
            if (target) {
                this.follow(target);
            }
        }
    }
}

registry.category("views").add("relance_today_list", {
    ...listView,
    Controller: TodayListController,
    Renderer: TodayListRenderer,
});
