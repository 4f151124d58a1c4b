import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

import { Component, onMounted, onWillUnmount, xml } from "@odoo/owl";

const SECONDS = 3;
/** while nothing is on its way, every so many times */
const RARELY = 5;

/** Reads a run again as long as something of it may leave by itself, so that nobody has to. */
export class RefreshWidget extends Component {
    static template = xml``;
    static props = { ...standardWidgetProps };

    setup() {
        let times = 0;
        onMounted(() => {
            this.timer = browser.setInterval(() => this.refresh(times++), SECONDS * 1000);
        });
        onWillUnmount(() => browser.clearInterval(this.timer));
    }

    async refresh(times) {
        const { record } = this.props;
        const { is_sending, is_stopped, ready_count } = record.data;
        if (
            this.reading ||
            document.visibilityState === "hidden" ||
            is_stopped ||
            !ready_count ||
            (!is_sending && times % RARELY)
        ) {
            return;
        }
        this.reading = true;
        try {
            // the chatter may hold a message that is being written
            if (!(await record.isDirty())) {
                await record.load();
            }
        } catch (error) {
            // said once, and not again every few seconds
            browser.clearInterval(this.timer);
            throw error;
        } finally {
            this.reading = false;
        }
    }
}

registry.category("view_widgets").add("relance_refresh", { component: RefreshWidget });
