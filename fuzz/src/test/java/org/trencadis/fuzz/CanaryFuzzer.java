package org.trencadis.fuzz;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.Value;
import org.trencadis.format.ValueCodec;

/**
 * A fault that is planted behind the value codec, and that a fuzzer must find: a mapping whose value is a sequence with a
 * true in it. A fuzzing set-up that does not find it finds nothing.
 */
public final class CanaryFuzzer {
    private CanaryFuzzer() {}

    public static void fuzzerTestOneInput(FuzzedDataProvider data) {
        Value value;
        try {
            value = ValueCodec.decode(data.consumeRemainingAsBytes(), new Place("canary", "VALUES", 0));
        } catch (Corrupt e) {
            return;
        }
        if (value instanceof Value.Mapping mapping
                && !mapping.entries().isEmpty()
                && mapping.entries().getFirst().value() instanceof Value.Sequence sequence
                && sequence.items().contains(new Value.Bool(true))) {
            throw new IllegalStateException("the canary was found");
        }
    }
}
