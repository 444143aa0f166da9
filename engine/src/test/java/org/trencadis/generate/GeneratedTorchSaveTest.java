package org.trencadis.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.Checkpoint;
import org.trencadis.OpenOptions;
import org.trencadis.format.Value;
import org.trencadis.generate.StoredTensor.Storage;
import org.trencadis.index.Alias;
import org.trencadis.index.Attachment;
import org.trencadis.index.Catalog;
import org.trencadis.index.Finding;
import org.trencadis.index.Group;
import org.trencadis.index.Tensor;
import org.trencadis.source.SourceOptions;
import org.trencadis.source.Sources;
import org.trencadis.storage.FileCache;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/** Training states as torch.save writes them, made up: what their tensors, groups and values are called. */
class GeneratedTorchSaveTest {
    @TempDir
    Path directory;

    private final List<Storage> storages = new ArrayList<>();

    private StoredTensor tensor(long... shape) {
        long elements = 1;
        for (long extent : shape) {
            elements *= extent;
        }
        int number = storages.size();
        Storage storage = new Storage("" + number, "FloatStorage", 4, elements, element -> number);
        storages.add(storage);
        return new StoredTensor(storage, 0, shape);
    }

    private static Map<String, Object> dict(Object... entries) {
        Map<String, Object> dict = new LinkedHashMap<>();
        for (int i = 0; i < entries.length; i += 2) {
            dict.put((String) entries[i], entries[i + 1]);
        }
        return dict;
    }

    private Map<String, Object> trainingState(boolean named) {
        Map<Object, Object> state = new LinkedHashMap<>();
        for (int id = 0; id < 2; id++) {
            StoredTensor step =
                    new StoredTensor(new Storage("s" + id, "FloatStorage", 4, 1, e -> 0x40400000), 0, new long[0]);
            storages.add(step.storage());
            state.put(id, dict("step", step, "exp_avg", tensor(2, id + 1)));
        }
        Map<String, Object> first = dict("lr", 0.5, "params", List.of(1));
        Map<String, Object> second = dict("lr", 0.25, "params", List.of(0));
        if (named) {
            first.put("param_names", List.of("b"));
            second.put("param_names", List.of("a"));
        }
        StoredTensor tied = tensor(2, 1);
        Map<String, Object> model = dict("a", tied, "b", tensor(2, 2), "head", tied, "buffer", tensor(3));
        return dict(
                "epoch", 7, "model", model, "optimizer", dict("state", state, "param_groups", List.of(first, second)));
    }

    private Catalog open(Object root, FileCache cache) throws IOException {
        Path file = directory.resolve("state.pt");
        TorchScript.write(file, root, storages);
        return Sources.open(file, SourceOptions.NONE, cache);
    }

    private static List<String> keys(Catalog catalog) throws IOException {
        List<String> keys = new ArrayList<>();
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            keys.add(catalog.tensor(ordinal).key());
        }
        return keys;
    }

    @Test
    void optimizerThatNamesItsParametersGivesStatesAndGroups() throws IOException {
        try (FileCache cache = new FileCache();
                Catalog catalog = open(trainingState(true), cache)) {
            assertEquals(List.of("a:exp_avg", "a:model", "b:exp_avg", "b:model", "buffer:model"), keys(catalog));
            assertEquals(List.of(new Alias("head", "a")), catalog.aliases());
            Value.Entry step = new Value.Entry(new Value.Text("step"), new Value.Int(3));
            List<Group> expected = List.of(
                    new Group("0", List.of("b"), false, new Value.Mapping(List.of(rate(0.5), step))),
                    new Group("1", List.of("a"), false, new Value.Mapping(List.of(rate(0.25), step))));
            assertEquals(expected, catalog.groups());
            assertEquals(List.of(new Attachment("epoch", "state.pt", new Value.Int(7))), catalog.attachments());
            assertEquals("model", catalog.findFact("model_key"));
        }
    }

    private static Value.Entry rate(double rate) {
        return new Value.Entry(new Value.Text("lr"), new Value.Real(rate));
    }

    @Test
    void optimizerThatDoesNotKeepsItsPaths() throws IOException {
        try (FileCache cache = new FileCache();
                Catalog catalog = open(trainingState(false), cache)) {
            assertEquals(
                    List.of(
                            "model.a:model",
                            "model.b:model",
                            "model.buffer:model",
                            "optimizer.state.0.exp_avg:model",
                            "optimizer.state.0.step:model",
                            "optimizer.state.1.exp_avg:model",
                            "optimizer.state.1.step:model"),
                    keys(catalog));
            assertEquals(List.of(), catalog.groups());
            assertEquals(
                    List.of("epoch", "optimizer.param_groups"),
                    catalog.attachments().stream().map(Attachment::name).toList());
        }
    }

    @Test
    void namesThatAreNotTheModelsAreNotBelieved() throws IOException {
        Map<String, Object> root = trainingState(true);
        ((Map<?, ?>) root.get("model")).remove("b");
        try (FileCache cache = new FileCache();
                Catalog catalog = open(root, cache)) {
            assertTrue(catalog.findTensor("optimizer.state.0.exp_avg", "model") >= 0);
        }
    }

    @Test
    void tensorsBeyondFourGibibytesAreFoundWithoutReadingThem() throws IOException {
        Storage large = new Storage("0", "FloatStorage", 4, 3L << 30, null);
        Storage small = new Storage("1", "FloatStorage", 4, 2, element -> 5);
        storages.addAll(List.of(large, small));
        Map<String, Object> root =
                dict("large", new StoredTensor(large, 0, new long[] {3, 1 << 30}), "small", StoredTensor.flat(small));
        try (FileCache cache = new FileCache();
                Catalog catalog = open(root, cache)) {
            assertEquals(
                    12L << 30,
                    catalog.tensor(catalog.findTensor("large", "model")).bytes());
            assertEquals(
                    Dtype.FLOAT32,
                    catalog.tensor(catalog.findTensor("small", "model")).dtype());
            assertEquals(List.of(), catalog.findings());
        }
    }

    private Object filled(Object state, List<?> appended, Map<String, Object> entries) {
        PickleScript.Call object =
                new PickleScript.Call(new PickleScript.Global("a", "B"), PickleScript.Tuple.of(), state);
        return new PickleScript.Filled(object, appended, entries);
    }

    @Test
    void itemsOfListsAndDictionariesOfOtherClassesAreTensors() throws IOException {
        Object dictionary = filled(null, List.of(), dict("w", tensor(2), "n", 3));
        Object list = filled(null, List.of(tensor(3), tensor(4)), dict());
        Object attributes = filled(dict("buffer", tensor(5)), List.of(), dict("w", tensor(6)));
        StoredTensor twice = tensor(7);
        Object both = filled(dict("w", twice, "u", tensor(6)), List.of(), dict("w", twice, "u", tensor(8)));
        try (FileCache cache = new FileCache();
                Catalog catalog =
                        open(dict("d", dictionary, "l", list, "a", attributes, "b", both, "x", tensor(9)), cache)) {
            assertEquals(
                    List.of(
                            "a.buffer:model",
                            "a.w:model",
                            "b.items.u:model",
                            "b.u:model",
                            "b.w:model",
                            "d.w:model",
                            "l.0:model",
                            "l.1:model",
                            "x:model"),
                    keys(catalog));
            assertEquals("b.items.w", catalog.aliases().getFirst().name());
            assertEquals(List.of(), catalog.findings());
        }
    }

    @Test
    void largeTensorInsideOfAnObjectIsAFinding() throws IOException {
        PickleScript.Call object =
                new PickleScript.Call(new PickleScript.Global("a", "B"), PickleScript.Tuple.of(tensor(1 << 19)), null);
        try (FileCache cache = new FileCache();
                Catalog catalog = open(dict("w", tensor(2), "object", object), cache)) {
            assertEquals(List.of("w:model"), keys(catalog));
            assertEquals(
                    List.of("torchsave.tensors-not-kept"),
                    catalog.findings().stream().map(Finding::code).toList());
        }
    }

    @Test
    void tensorOfAnUnknownTypeIsAFinding() throws IOException {
        StoredTensor bytes = tensor(2);
        PickleScript.Call known = bytes.reduction();
        List<Object> arguments = new ArrayList<>(known.arguments().items());
        arguments.add(new PickleScript.Global("torch", "float1_unheard_of"));
        PickleScript.Call unknown = new PickleScript.Call(
                new PickleScript.Global("torch._utils", "_rebuild_tensor_v3"), new PickleScript.Tuple(arguments), null);
        try (FileCache cache = new FileCache();
                Catalog catalog = open(dict("w", tensor(2), "unknown", unknown), cache)) {
            assertEquals(List.of("w:model"), keys(catalog));
            assertEquals(
                    List.of("torchsave.tensors-not-kept"),
                    catalog.findings().stream().map(Finding::code).toList());
        }
    }

    /** Torch counts pairs of four-bit floats, here each counts; the bytes are the same. */
    @Test
    void packedPairsOfFourBitFloatsAreRead() throws IOException {
        Storage storage = new Storage("p", "UntypedStorage", 1, 6, element -> 0x10 + element);
        storages.add(storage);
        StoredTensor pairs = new StoredTensor(storage, 0, new long[] {2, 3});
        List<Object> arguments = new ArrayList<>(pairs.reduction().arguments().items());
        arguments.add(new PickleScript.Global("torch", "float4_e2m1fn_x2"));
        PickleScript.Call call = new PickleScript.Call(
                new PickleScript.Global("torch._utils", "_rebuild_tensor_v3"), new PickleScript.Tuple(arguments), null);
        Path file = directory.resolve("state.pt");
        TorchScript.write(file, dict("w", call), storages);
        try (Checkpoint checkpoint = Checkpoint.open(file, OpenOptions.NONE);
                Arena arena = Arena.ofConfined()) {
            Tensor tensor = checkpoint.catalog().tensor(0);
            assertEquals("w:model float4_e2m1fn 2x6", tensor.toString());
            MemorySegment bytes = arena.allocate(6);
            checkpoint.read(tensor, Region.whole(tensor.shape()), bytes);
            assertArrayEquals(new byte[] {0x10, 0x11, 0x12, 0x13, 0x14, 0x15}, bytes.toArray(ValueLayout.JAVA_BYTE));
        }
    }
}
