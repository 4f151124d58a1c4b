import { registry } from "@web/core/registry";
import { usePager } from "@web/search/pager_hook";
import { FormController } from "@web/views/form/form_controller";
import { formView } from "@web/views/form/form_view";

/** A form that is a page of its own: there is no other record to leaf to. */
export class PageFormController extends FormController {
    setup() {
        super.setup();
        usePager(() => undefined);
    }
}

registry.category("views").add("relance_page_form", { ...formView, Controller: PageFormController });
