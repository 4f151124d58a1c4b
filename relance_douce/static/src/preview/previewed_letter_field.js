import { registry } from "@web/core/registry";
import { _t } from "@web/core/l10n/translation";
import { PdfViewerField, pdfViewerField } from "@web/views/fields/pdf_viewer/pdf_viewer_field";

/**
 * Shows the PDF of another field, which is made when it is looked at: the form itself only
 * knows whether there is one.
 */
export class PreviewedLetterField extends PdfViewerField {
    static template = "relance_douce.PreviewedLetterField";
    static props = { ...PdfViewerField.props, fileField: String };

    get urlFile() {
        const { resId, resModel } = this.props.record;
        return `/web/content/${resModel}/${resId}/${this.props.fileField}`;
    }

    /** As wide as the page, without the table of contents of a letter of one page. */
    get url() {
        const url = super.url;
        return url && `${url}&pagemode=none&zoom=page-width`;
    }
}

export const previewedLetterField = {
    ...pdfViewerField,
    component: PreviewedLetterField,
    displayName: _t("PDF of another field"),
    supportedOptions: [
        {
            label: _t("Field with the PDF"),
            name: "file_field",
            type: "field",
            availableTypes: ["binary"],
        },
    ],
    supportedTypes: ["boolean"],
    extractProps: ({ options }) => ({ fileField: options.file_field }),
};

registry.category("fields").add("relance_previewed_letter", previewedLetterField);
