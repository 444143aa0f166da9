package org.trencadis.fuzz;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import java.util.Arrays;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.Value;
import org.trencadis.format.ValueCodec;

/** Any bytes are one value in its only encoding, or corrupt. */
public final class ValueCodecFuzzer {
    private static final Place PLACE = new Place("fuzz", "VALUES", 0);

    private ValueCodecFuzzer() {}

    public static void fuzzerTestOneInput(FuzzedDataProvider data) {
        byte[] bytes = data.consumeRemainingAsBytes();
        Value value;
        try {
            value = ValueCodec.decode(bytes, PLACE);
        } catch (Corrupt e) {
            return;
        }
        if (!Arrays.equals(bytes, ValueCodec.encode(value))) {
            throw new IllegalStateException("a value has two encodings");
        }
    }
}
