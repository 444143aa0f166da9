package org.trencadis.fuzz;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.Value;
import org.trencadis.format.ValueCodec;
import org.trencadis.storage.FileCache;
import org.trencadis.torch.TorchFile;

/** Any bytes are a pickle that becomes an inert value, which has bytes and comes back from them, or are refused. */
public final class PickleFuzzer {
    private static final long MAX_TENSOR_BYTES = 1 << 16;

    private PickleFuzzer() {}

    public static void fuzzerTestOneInput(FuzzedDataProvider data) {
        Budget.check(data.consumeRemainingAsBytes(), "input.pkl", PickleFuzzer::read);
    }

    private static void read(Path file) throws IOException {
        Value value;
        try (FileCache cache = new FileCache();
                TorchFile torch = TorchFile.openPickle(file, cache)) {
            value = torch.root().toValue(MAX_TENSOR_BYTES);
        }
        byte[] bytes = ValueCodec.encode(value);
        Value decoded = ValueCodec.decode(bytes, new Place("fuzz", "VALUES", 0));
        if (!Arrays.equals(bytes, ValueCodec.encode(decoded))) {
            throw new IllegalStateException("a value does not come back from its bytes");
        }
    }
}
