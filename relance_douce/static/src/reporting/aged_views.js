import { registry } from "@web/core/registry";
import { GraphModel } from "@web/views/graph/graph_model";
import { GraphRenderer } from "@web/views/graph/graph_renderer";
import { graphView } from "@web/views/graph/graph_view";
import { PivotRenderer } from "@web/views/pivot/pivot_renderer";
import { pivotView } from "@web/views/pivot/pivot_view";

import { withAgedButtons } from "@relance_douce/fields/aged_views";

/** From green to grey, like the levels of a reminder; the legend names them. */
const AGE_COLORS = {
    current: "#7cb8a4",
    late_30: "#2a9d9f",
    late_60: "#3d85b0",
    late_90: "#5d74a0",
    late_older: "#495057",
};

/** Whatever the balance is grouped by, its bars are made of ages, in the order of time. */
export class AgedGraphModel extends GraphModel {
    load(searchParams) {
        const { groupBy } = searchParams;
        const byAge =
            groupBy.length === 1 && groupBy[0] !== "bucket" ? [...groupBy, "bucket"] : groupBy;
        return super.load({ ...searchParams, groupBy: byAge });
    }

    _getData() {
        const data = super._getData(...arguments);
        if (this.metaData.groupBy[1]?.fieldName === "bucket") {
            const ages = this.metaData.fields.bucket.selection;
            for (const dataset of data.datasets) {
                dataset.age = ages.findIndex((age) => age[1] === dataset.label);
                dataset.ageColor = AGE_COLORS[ages[dataset.age]?.[0]];
            }
            data.datasets.sort((one, other) => one.age - other.age);
        }
        return data;
    }
}

/** What a cell or a bar opens is the balance of the same date: with the date in its title. */
const openDated = (Renderer) =>
    class extends Renderer {
        openView() {
            const { metaData } = this.model;
            const { title } = metaData;
            metaData.title = this.env.config.getDisplayName() || title;
            super.openView(...arguments);
            metaData.title = title;
        }
    };

export class AgedGraphRenderer extends openDated(GraphRenderer) {
    getBarChartData() {
        const data = super.getBarChartData();
        for (const dataset of data.datasets) {
            dataset.backgroundColor = dataset.ageColor || dataset.backgroundColor;
        }
        return data;
    }
}

export class AgedPivotRenderer extends openDated(PivotRenderer) {}

// pivot and graph are loaded when they are first needed, and these with them
registry
    .category("views")
    .add(
        "relance_aged_pivot",
        withAgedButtons(pivotView, { Renderer: AgedPivotRenderer }, "relance_douce.AgedPivotView")
    )
    .add(
        "relance_aged_graph",
        withAgedButtons(
            graphView,
            { Model: AgedGraphModel, Renderer: AgedGraphRenderer },
            "relance_douce.AgedGraphView"
        )
    );
