package org.trencadis.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.trencadis.format.Value;

/** The expected bytes are what Python's {@code pickle.dumps(value, 2)} gives. */
final class PicklerTest {
    private static final Value NONE = new Value.None();

    @Test
    void plainValuesArePickledByteForByteAsPythonDoes() throws IOException {
        BigInteger big = BigInteger.ONE.shiftLeft(200);
        Value numbers = new Value.Sequence(List.of(
                integer(1),
                integer(255),
                integer(256),
                integer(65535),
                integer(65536),
                integer(-1),
                integer(1L << 31),
                integer(-(1L << 31)),
                integer((1L << 31) - 1),
                integer(1L << 40),
                integer(-(1L << 40)),
                new Value.Int(big),
                new Value.Int(big.negate())));
        Value value = mapping(
                text("a"), numbers,
                text("t"), new Value.Tuple(List.of()),
                text("t1"), new Value.Tuple(List.of(integer(1))),
                text("t4"), new Value.Tuple(List.of(integer(1), integer(2), integer(3), integer(4))),
                text("n"), NONE,
                text("b"), new Value.Sequence(List.of(new Value.Bool(true), new Value.Bool(false))),
                text("f"), new Value.Sequence(List.of(real(1.5), real(Double.POSITIVE_INFINITY), real(-0.0))),
                text("e"), new Value.Sequence(List.of()),
                text("d"), mapping(),
                text("s"), text("\u00e9\uD83D\uDE00"),
                integer(7), mapping(text("x"), new Value.Sequence(List.of(integer(3)))));
        assertEquals(
                "80027d71002858010000006171015d7102284b014bff4d00014dffff4a000001004affffffff8a0500000080004a00000080"
                        + "4affffff7f8a060000000000018a060000000000ff8a1a00000000000000000000000000000000000000000000"
                        + "000000018a1a00000000000000000000000000000000000000000000000000ff65580100000074710329580200"
                        + "0000743171044b01857105580200000074347106284b014b024b034b0474710758010000006e71084e58010000"
                        + "006271095d710a28888965580100000066710b5d710c28473ff8000000000000477ff000000000000047800000"
                        + "000000000065580100000065710d5d710e580100000064710f7d711058010000007371115806000000c3a9f09f"
                        + "988071124b077d711358010000007871145d71154b036173752e",
                pickle(value));
    }

    @Test
    void objectsOfAllowedClassesArePickledAsPythonDoes() throws IOException {
        Value scaler = instance(
                "deepspeed.runtime.fp16.loss_scaler",
                "LossScaler",
                List.of(),
                mapping(text("cur_scale"), real(1), text("dynamic"), new Value.Bool(false)));
        assertEquals(
                "8002636465657073706565642e72756e74696d652e667031362e6c6f73735f7363616c65720a4c6f73735363616c65720a71"
                        + "00298171017d71022858090000006375725f7363616c657103473ff0000000000000580700000064796e616d69"
                        + "6371048975622e",
                pickle(scaler));
        Value stage = instance("deepspeed.runtime.zero.config", "ZeroStageEnum", List.of(integer(1)), NONE);
        assertEquals(
                "8002636465657073706565642e72756e74696d652e7a65726f2e636f6e6669670a5a65726f5374616765456e756d0a71004b"
                        + "018571015271022e",
                pickle(stage));
        Pickler size = new Pickler();
        size.size(new long[] {2, 3});
        assertEquals(
                "800263746f7263680a53697a650a71004b024b038671018571025271032e",
                HexFormat.of().formatHex(size.finish()));
    }

    @Test
    void bytesAreEncodedTextAsProtocolTwoHasNone() throws IOException {
        assertEquals(
                "8002635f636f646563730a656e636f64650a7100580300000061c3bf710158060000006c6174696e3171028671035271042e",
                pickle(new Value.Blob(new byte[] {'a', (byte) 0xFF})));
    }

    @Test
    void sharedAndSelfContainingValuesAreWrittenOnce() throws IOException {
        Value inner = new Value.Sequence(List.of(integer(1)));
        Value root = new Value.Sequence(List.of(inner, new Value.Shared(1), new Value.Shared(0)));
        assertEquals("80025d7100285d71014b016168016800652e", pickle(root));
    }

    @Test
    void namesOutsideTheListAreNeverWritten() {
        Value call = instance("os", "system", List.of(text("true")), NONE);
        assertThrows(IllegalArgumentException.class, () -> pickle(call));
        assertThrows(IllegalArgumentException.class, () -> pickle(new Value.Global("os", "system")));
        Value constantCalled = instance("numpy", "ndarray", List.of(), NONE);
        assertThrows(IllegalArgumentException.class, () -> pickle(constantCalled));
        Pickler pickler = new Pickler();
        assertThrows(IllegalArgumentException.class, () -> pickler.call("builtins", "eval", 0, () -> {}));
        assertThrows(IllegalArgumentException.class, () -> pickler.object("os", "_Environ", 0, () -> {}));
    }

    @Test
    void entriesThatNameForbiddenThingsAreLeftOutWithANotice() throws IOException {
        Value evil = instance("os", "system", List.of(text("true")), NONE);
        Value value = mapping(
                text("keep"),
                integer(1),
                text("call"),
                evil,
                text("list"),
                new Value.Sequence(List.of(integer(1), evil)),
                text("inside"),
                mapping(text("function"), new Value.Global("builtins", "eval"), text("x"), integer(2)));
        List<String> notices = new ArrayList<>();
        Value cleaned = Emittable.clean(value, "args", notices::add);
        assertEquals(mapping(text("keep"), integer(1), text("inside"), mapping(text("x"), integer(2))), cleaned);
        assertEquals(
                List.of(
                        "args.call: left out: os.system is not a name that is written",
                        "args.list[1]: left out: os.system is not a name that is written",
                        "args.inside.function: left out: builtins.eval is not a name that is written"),
                notices);
        assertNull(Emittable.clean(evil, "x", notices::add));
    }

    @Test
    void referencesStayRightWhenContainersBeforeThemAreLeftOut() throws IOException {
        Value evil = instance("os", "system", List.of(), NONE);
        // containers: 0 root, 1 dropped list, 2 its inner list, 3 evil, 4 its arguments, 5 kept list
        Value dropped = new Value.Sequence(List.of(new Value.Sequence(List.of(integer(1))), evil));
        Value value = mapping(
                text("bad"), dropped,
                text("good"), new Value.Sequence(List.of(integer(2))),
                text("again"), new Value.Shared(5),
                text("gone"), new Value.Shared(2),
                text("self"), new Value.Shared(0));
        List<String> notices = new ArrayList<>();
        Value cleaned = Emittable.clean(value, "v", notices::add);
        assertEquals(
                mapping(
                        text("good"), new Value.Sequence(List.of(integer(2))),
                        text("again"), new Value.Shared(1),
                        text("self"), new Value.Shared(0)),
                cleaned);
        assertTrue(notices.contains("v.gone: left out: it refers to a value that is not written"), notices.toString());
        assertTrue(pickle(cleaned).length() > 0);
    }

    @Test
    void aTupleThatHoldsItselfIsLeftOut() {
        Value tuple = new Value.Tuple(List.of(new Value.Sequence(List.of(new Value.Shared(0)))));
        assertNull(Emittable.clean(tuple, "t", notice -> {}));
    }

    @Test
    void memoNumbersPastOneByteAreLong() throws IOException {
        List<Value> items = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            items.add(text("t" + i));
        }
        items.add(text("t299"));
        String pickle = pickle(new Value.Sequence(items));
        String long299 = HexFormat.of().formatHex("t299".getBytes(StandardCharsets.UTF_8)) + "722c010000";
        assertTrue(pickle.endsWith(long299 + "6a2c010000" + "652e"), pickle);
    }

    private static String pickle(Value value) throws IOException {
        Pickler pickler = new Pickler();
        pickler.value(value);
        return HexFormat.of().formatHex(pickler.finish());
    }

    private static Value.Int integer(long value) {
        return new Value.Int(value);
    }

    private static Value.Text text(String value) {
        return new Value.Text(value);
    }

    private static Value.Real real(double value) {
        return new Value.Real(value);
    }

    private static Value.Mapping mapping(Value... keysAndValues) {
        List<Value.Entry> entries = new ArrayList<>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            entries.add(new Value.Entry(keysAndValues[i], keysAndValues[i + 1]));
        }
        return new Value.Mapping(entries);
    }

    private static Value instance(String module, String name, List<Value> arguments, Value state) {
        return new Value.Instance(
                new Value.Global(module, name), new Value.Tuple(Arrays.asList(arguments.toArray(new Value[0]))), state);
    }
}
