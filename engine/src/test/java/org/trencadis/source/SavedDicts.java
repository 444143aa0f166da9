package org.trencadis.source;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.format.Value;
import org.trencadis.tensor.Dtype;
import org.trencadis.torch.Pickler;
import org.trencadis.torch.TorchArchive;

/** Dictionaries as a training script builds them, and the archives that it saves them in. */
public final class SavedDicts {
    private SavedDicts() {}

    /** A dictionary of alternating keys and values. */
    public static Map<Object, Object> dict(Object... entries) {
        Map<Object, Object> dict = new LinkedHashMap<>();
        for (int i = 0; i < entries.length; i += 2) {
            dict.put(entries[i], entries[i + 1]);
        }
        return dict;
    }

    /** A float32 tensor. */
    public static Value.Tensor tensor(long[] shape, float... values) {
        ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            bytes.putFloat(value);
        }
        return new Value.Tensor(
                Dtype.FLOAT32.code(), Arrays.stream(shape).boxed().toList(), new Value.Blob(bytes.array()));
    }

    /** Writes what torch.save would of dictionaries, lists, scalars, shapes and tensors. */
    public static void write(Path file, Object root) throws IOException {
        Pickler pickler = new Pickler();
        pickler.value(value(root));
        TorchArchive archive = TorchArchive.plan("archive", pickler);
        byte[] bytes = new byte[Math.toIntExact(archive.sizeBytes())];
        archive.sequential().next(MemorySegment.ofArray(bytes));
        Files.createDirectories(file.getParent());
        Files.write(file, bytes);
    }

    private static Value value(Object object) {
        return switch (object) {
            case null -> new Value.None();
            case Value value -> value;
            case Boolean flag -> new Value.Bool(flag);
            case Integer number -> new Value.Int(number);
            case Long number -> new Value.Int(number);
            case Double real -> new Value.Real(real);
            case String text -> new Value.Text(text);
            case long[] extents ->
                new Value.Tuple(Arrays.stream(extents)
                        .mapToObj(extent -> (Value) new Value.Int(extent))
                        .toList());
            case float[] values -> tensor(new long[] {values.length}, values);
            case List<?> items ->
                new Value.Sequence(items.stream().map(SavedDicts::value).toList());
            case Map<?, ?> entries ->
                new Value.Mapping(entries.entrySet().stream()
                        .map(entry -> new Value.Entry(value(entry.getKey()), value(entry.getValue())))
                        .toList());
            default -> throw new IllegalArgumentException(object.getClass().toString());
        };
    }
}
