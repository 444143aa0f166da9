package org.trencadis.source.torchsave;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.format.FormatException;
import org.trencadis.format.Value;
import org.trencadis.index.Attachment;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.source.Attachments;
import org.trencadis.source.Nodes;
import org.trencadis.torch.Node;
import org.trencadis.torch.ValueBudget;

/** What is no tensor, as attachments, as far as a bounded memory goes; what is not kept is a finding. */
final class KeptValues {
    private final CatalogBuilder builder;
    private final ValueBudget budget = new ValueBudget();
    private final List<String> leftOut = new ArrayList<>();
    private final List<String> withoutTensors = new ArrayList<>();
    private long leftOutCount;

    KeptValues(CatalogBuilder builder) {
        this.builder = builder;
    }

    void add(String name, String file, Node node) throws IOException {
        try {
            budget.takeName(name, node);
            Value value = node.toValue(Attachments.MAX_TENSOR_BYTES, budget);
            if (Attachments.notesTensor(value)) {
                withoutTensors.add(name);
            }
            builder.addAttachment(new Attachment(name, file, value));
        } catch (FormatException.Unsupported e) {
            if (leftOutCount++ < Nodes.SHOWN) {
                leftOut.add(name + " (" + e.rule() + ")");
            }
        }
    }

    void writeFindings() {
        if (leftOutCount > 0) {
            builder.addFinding(
                    "torchsave.not-kept",
                    leftOutCount + " values are not kept, among them " + String.join(", ", leftOut));
        }
        if (!withoutTensors.isEmpty()) {
            builder.addFinding(
                    "torchsave.tensors-not-kept",
                    "tensors over " + Attachments.MAX_TENSOR_BYTES
                            + " bytes inside of these values are not kept, only their types and shapes: "
                            + Nodes.firstOf(withoutTensors));
        }
    }
}
