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
            if (Attachments.notesTensor(value) || holdsStorage(value)) {
                withoutTensors.add(name);
            }
            builder.addAttachment(new Attachment(name, file, value));
        } catch (FormatException.Unsupported e) {
            if (leftOutCount++ < Nodes.SHOWN) {
                leftOut.add(name + " (" + e.rule() + ")");
            }
        }
    }

    /** Whether a storage is among the arguments of a call that is not understood: its bytes are in no value. */
    private static boolean holdsStorage(Value value) {
        return switch (value) {
            case Value.Sequence list -> list.items().stream().anyMatch(KeptValues::holdsStorage);
            case Value.Tuple tuple -> tuple.items().stream().anyMatch(KeptValues::holdsStorage);
            case Value.Mapping dict -> dict.entries().stream().anyMatch(entry -> holdsStorage(entry.value()));
            case Value.Instance instance ->
                isStorage(instance.callable()) || holdsStorage(instance.arguments()) || holdsStorage(instance.state());
            default -> false;
        };
    }

    private static boolean isStorage(Value callable) {
        return callable instanceof Value.Global global
                && global.module().equals("torch")
                && global.name().endsWith("Storage");
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
                    "inside of these values are tensors over " + Attachments.MAX_TENSOR_BYTES
                            + " bytes, or of a type that is not known here, whose bytes are not kept: "
                            + Nodes.firstOf(withoutTensors));
        }
    }
}
