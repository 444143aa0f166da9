package org.trencadis.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.math.BigInteger;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.format.Value;
import org.trencadis.storage.FileCache;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Files that torch wrote, against what its process had in memory. */
final class TorchFixturesTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "big_endian",
                "containers",
                "dtypes",
                "legacy_shared_storages",
                "no_crc32",
                "numpy_and_rng",
                "protocol4",
                "protocol5_containers",
                "shared_storages",
                "sparse_and_meta",
                "whole_module"
            })
    void tensorsAreThoseOfTheWritingProcess(String name) throws Exception {
        JsonNode expected =
                new ObjectMapper().readTree(resource(name + "/expected.json").toFile());
        try (FileCache cache = new FileCache();
                TorchFile file = TorchFile.open(resource(name + "/model.pt"), cache)) {
            Map<String, Node> tensors = new TreeMap<>();
            collect(file.root(), "", tensors);
            for (Map.Entry<String, JsonNode> entry : expected.get("tensors").properties()) {
                Node node = tensors.get(entry.getKey());
                assertNotNull(node, entry.getKey());
                check(entry.getValue(), node);
            }
            assertTrue(tensors.size() >= expected.get("tensors").size());
            for (Map.Entry<String, JsonNode> pair : expected.get("shared").properties()) {
                Node other = tensors.get(pair.getValue().asString());
                assertEquals(key(other), key(tensors.get(pair.getKey())), pair.getKey());
            }
        }
    }

    private static String key(Node node) throws IOException {
        return node.asTensor().storageKey();
    }

    private static void check(JsonNode expected, Node node) throws IOException, NoSuchAlgorithmException {
        TorchTensor tensor = node.asTensor();
        assertEquals(expected.get("dtype").asString(), tensor.dtype().torchName(), node.path());
        assertArrayEquals(longs(expected.get("shape")), tensor.shape(), node.path());
        if (expected.has("stride")) {
            assertArrayEquals(longs(expected.get("stride")), tensor.strides(), node.path());
        }
        if (expected.has("storage_offset") && tensor.elements() > 0) {
            long offset = (tensor.offsetBytes() - tensor.storageOffsetBytes())
                    / tensor.dtype().bytes();
            assertEquals(expected.get("storage_offset").asLong(), offset, node.path());
        }
        Value.Tensor value = (Value.Tensor) node.toValue(Long.MAX_VALUE);
        byte[] digest =
                MessageDigest.getInstance("SHA-256").digest(value.bytes().value());
        assertEquals(expected.get("sha256").asString(), HexFormat.of().formatHex(digest), node.path());
    }

    private static long[] longs(JsonNode array) {
        return IntStream.range(0, array.size())
                .mapToLong(i -> array.get(i).asLong())
                .toArray();
    }

    /** Tensors by their paths, joined by dots as in {@code expected.json}. */
    private static void collect(Node node, String path, Map<String, Node> tensors) throws IOException {
        switch (node.kind()) {
            case TENSOR -> tensors.put(path, node);
            case DICT ->
                node.forEachEntry((key, value) -> {
                    if (key.kind() == Node.Kind.TEXT || key.kind() == Node.Kind.INT) {
                        String step = key.kind() == Node.Kind.TEXT
                                ? key.asText()
                                : key.asBigInteger().toString();
                        collect(value, path.isEmpty() ? step : path + "." + step, tensors);
                    }
                });
            case LIST, TUPLE -> {
                for (int i = 0; i < node.size(); i++) {
                    collect(node.item(i), path.isEmpty() ? "" + i : path + "." + i, tensors);
                }
            }
            case OBJECT -> {
                if (node.state().kind() == Node.Kind.DICT) {
                    collect(node.state(), path, tensors);
                }
            }
            default -> {}
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"containers", "protocol5_containers"})
    void plainValuesKeepTheirKinds(String name) throws Exception {
        try (FileCache cache = new FileCache();
                TorchFile file = TorchFile.open(resource(name + "/model.pt"), cache)) {
            Node root = file.root();
            assertTrue(root.get("bool").asBool());
            assertTrue(root.get("none").isNone());
            assertEquals(BigInteger.TWO.pow(65), root.get("int").asBigInteger());
            assertEquals(-8_589_934_592L, root.get("negative").asLong());
            assertEquals(1e-300, root.get("float").asReal());
            assertEquals(Double.NEGATIVE_INFINITY, root.get("inf").asReal());
            assertEquals("ключ", root.get("str").asText());
            assertEquals("x".repeat(300), root.get("long_str").asText());
            assertArrayEquals(new byte[] {0, -1}, root.get("bytes").asBytes());
            assertArrayEquals(new byte[] {'a', 'b'}, root.get("bytearray").asBytes());
            assertEquals("torch.float16", root.get("dtype").globalName());
            assertEquals("torch.device", root.get("device").globalName());
            assertEquals("cpu", root.get("device").arguments().item(0).asText());
            assertEquals(Node.Kind.SET, root.get("set").kind());
            assertEquals(2, root.get("frozenset").item(0).asLong());
            assertEquals(2, root.get("size").item(1).asLong());
            assertEquals(1, root.get("counter").get("b").asLong());
            assertEquals(2, root.get("complex").arguments().item(1).asReal());
            assertEquals(
                    root.get("same_list").word(), root.get("same_list_again").word());
            assertEquals(Node.Kind.TENSOR, root.get("dict").find(5).kind());
            assertEquals("tuple key", root.get("dict").value(2).asText());
            assertEquals("ordered", root.get("ordered").path().replaceFirst(".*: ", ""));
        }
    }

    @Test
    void whatIsNoDenseTensorStaysInert() throws Exception {
        try (FileCache cache = new FileCache();
                TorchFile file = TorchFile.open(resource("sparse_and_meta/model.pt"), cache)) {
            assertEquals(
                    "torch._utils._rebuild_sparse_tensor",
                    file.root().get("coo").globalName());
            assertEquals(
                    "torch._utils._rebuild_meta_tensor_no_storage",
                    file.root().get("meta").globalName());
        }
    }

    @Test
    void numpyStaysInertWithItsBytes() throws Exception {
        try (FileCache cache = new FileCache();
                TorchFile file = TorchFile.open(resource("numpy_and_rng/model.pt"), cache)) {
            Node array = file.root().get("np_f64");
            assertEquals("numpy._core.multiarray._reconstruct", array.globalName());
            Node state = array.state();
            assertEquals(3, state.item(1).item(1).asLong());
            assertEquals(6 * Double.BYTES, state.item(4).asBytes().length);
            Node scalar = file.root().get("np_scalar");
            assertArrayEquals(
                    HexFormat.of().parseHex("0000c03f"),
                    scalar.arguments().item(1).asBytes());
        }
    }

    static Path resource(String name) throws URISyntaxException {
        return Path.of(
                TorchFixturesTest.class.getResource("/fixtures/torch/" + name).toURI());
    }
}
