import { isMacOS } from "@web/core/browser/feature_detection";
import { useHotkey } from "@web/core/hotkeys/hotkey_hook";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";

import {
    Component,
    onMounted,
    onPatched,
    onWillStart,
    useRef,
    useState,
    xml,
} from "@odoo/owl";

import { DeskView } from "./desk_views";

/**
 * Group of the list → its buttons: method of relance.today, label and key (with Alt).
 * An addon that adds a group adds its buttons here.
 */
export const deskActions = registry.category("relance_desk_actions");

deskActions
    .add("approve", [
        { name: "action_approve", label: _t("Approve and next"), hotkey: "a", primary: true },
    ])
    .add("call", [
        { name: "action_call_reached", label: _t("Reached"), hotkey: "a", primary: true },
        { name: "action_call_voicemail", label: _t("Voicemail"), hotkey: "v" },
        { name: "action_call_wrong_number", label: _t("Wrong number"), hotkey: "w" },
    ])
    .add("match", [{ name: "action_match", label: _t("Match…"), hotkey: "a", primary: true }])
    .add("post", [
        { name: "action_mark_posted", label: _t("Mark as posted"), hotkey: "a", primary: true },
    ]);

/** The open items of the customer of a row, as its button would open them. */
export class DeskItems extends Component {
    static template = xml`
        <DeskView type="'list'" resModel="'account.move.line'" viewId="props.viewId" domain="domain"/>`;
    static components = { DeskView };
    static props = { taskId: Number, viewId: Number };

    setup() {
        const orm = useService("orm");
        onWillStart(async () => {
            const action = await orm.call("relance.today", "action_match", [[this.props.taskId]]);
            this.domain = action.domain;
        });
    }
}

/**
 * The row that is open: what it is about, its buttons, and beside each other the record
 * behind it and the case of the customer with everything that was said.
 */
export class Desk extends Component {
    static template = "relance_douce.Desk";
    static components = { DeskItems, DeskView };
    static props = {
        record: Object,
        views: Object,
        position: Number, // within the group
        count: Number, // of the group
        act: Function,
        move: Function,
        openForm: Function,
        close: Function,
        reload: Function,
        onShown: Function,
    };

    setup() {
        this.next = useRef("next");
        this.previous = useRef("previous");
        this.open = useRef("open");
        this.state = useState({ version: 0 });
        this.modifier = isMacOS() ? "Ctrl" : "Alt";
        const hotkey = (key, callback, ref) =>
            useHotkey(key, callback, { bypassEditableProtection: true, withOverlay: () => ref.el });
        hotkey("alt+n", () => this.props.move(1), this.next);
        hotkey("alt+p", () => this.props.move(-1), this.previous);
        hotkey("alt+o", () => this.props.openForm(), this.open);
        useHotkey("escape", () => this.props.close(), {
            isAvailable: (target) => !target.closest?.(".o_searchview, .o_popover, .o-mail-Chatter"),
        });
        onMounted(() => this.props.onShown(this.props.record.resId));
        onPatched(() => this.props.onShown(this.props.record.resId));
    }

    get data() {
        return this.props.record.data;
    }

    get actions() {
        return deskActions.get(this.data.group, []);
    }

    /** A button of the case or the letter was pressed: both are read again. */
    async onActionDone() {
        await this.props.reload();
        this.state.version++;
    }

    /** What is embedded is made anew for another row, or after one of its buttons. */
    get key() {
        return `${this.props.record.resId},${this.state.version}`;
    }

    get hasDocument() {
        return this.data.res_model in this.props.views && this.data.res_model !== "relance.case";
    }

    /** Where no record is behind the row, what the customer has open is shown. */
    get hasItems() {
        return this.data.res_model === "res.partner" && "account.move.line" in this.props.views;
    }
}
