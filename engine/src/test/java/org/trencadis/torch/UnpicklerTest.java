package org.trencadis.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.format.FormatException;
import org.trencadis.format.Value;
import org.trencadis.storage.FileCache;

final class UnpicklerTest {
    @TempDir
    Path directory;

    private Value read(byte[] pickle) throws IOException {
        return read(Files.write(directory.resolve("value.pkl"), pickle));
    }

    private static Value read(Path file) throws IOException {
        try (FileCache cache = new FileCache();
                TorchFile torch = TorchFile.openPickle(file, cache)) {
            return torch.root().toValue(0);
        }
    }

    private static Value.Int integer(long value) {
        return new Value.Int(value);
    }

    private static Value.Text text(String value) {
        return new Value.Text(value);
    }

    private static Value list(Value... items) {
        return new Value.Sequence(List.of(items));
    }

    private static Value tuple(Value... items) {
        return new Value.Tuple(List.of(items));
    }

    private static Value.Entry entry(Value key, Value value) {
        return new Value.Entry(key, value);
    }

    private static Value.Mapping mapping(Value.Entry... entries) {
        return new Value.Mapping(List.of(entries));
    }

    private static Value instance(String module, String name, Value arguments, Value state) {
        return new Value.Instance(new Value.Global(module, name), arguments, state);
    }

    /** CPython's pickles of one object in each protocol. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5})
    void eachProtocolGivesTheSameValue(int protocol) throws Exception {
        Value none = new Value.None();
        BigInteger big = BigInteger.TEN.pow(40);
        Value expected = mapping(
                entry(
                        text("ints"),
                        list(
                                integer(0),
                                integer(-1),
                                integer(255),
                                integer(65_536),
                                integer(-2_147_483_648L),
                                integer(1L << 59),
                                integer(Long.MIN_VALUE),
                                new Value.Int(big),
                                new Value.Int(big.negate()))),
                entry(
                        text("reals"),
                        list(
                                new Value.Real(0.1),
                                new Value.Real(-0.0),
                                new Value.Real(1e300),
                                new Value.Real(Double.NEGATIVE_INFINITY),
                                new Value.Real(Double.NaN))),
                entry(text("texts"), list(text(""), text("a\nb\\c'\""), text("é€𝄞"), text("x".repeat(300)))),
                entry(
                        text("bytes"),
                        list(
                                new Value.Blob(new byte[0]),
                                new Value.Blob(new byte[] {0, 10, -1}),
                                new Value.Blob(new byte[] {7, 8}))),
                entry(text("constants"), tuple(none, new Value.Bool(true), new Value.Bool(false), tuple())),
                entry(
                        text("tuples"),
                        list(
                                tuple(integer(1)),
                                tuple(integer(1), integer(2)),
                                tuple(integer(1), integer(2), integer(3)),
                                tuple(integer(1), integer(2), integer(3), integer(4)))),
                entry(integer(7), mapping(entry(tuple(integer(1), text("k")), list()))),
                entry(
                        text("set"),
                        new Value.Instance(new Value.Global("builtins", "set"), tuple(list(integer(5))), none)),
                entry(
                        text("frozen"),
                        new Value.Instance(new Value.Global("builtins", "frozenset"), tuple(list(integer(6))), none)),
                entry(text("ordered"), mapping(entry(text("z"), integer(1)), entry(text("a"), integer(2)))),
                entry(
                        text("long"),
                        list(java.util.Collections.nCopies(2500, none).toArray(Value[]::new))));
        assertEquals(expected, read(TorchFixturesTest.resource("pickles/protocol" + protocol + ".pkl")));
    }

    @Test
    void sharedContainersAreNumberedInOrderOfTheirStart() throws IOException {
        // [[], (7,), the list, the tuple, itself]
        byte[] pickle = new PickleWriter()
                .op(Opcode.EMPTY_LIST, Opcode.BINPUT, 0, Opcode.MARK)
                .op(Opcode.EMPTY_LIST, Opcode.BINPUT, 1)
                .op(Opcode.BININT1, 7, Opcode.TUPLE1, Opcode.BINPUT, 2)
                .op(Opcode.BINGET, 1, Opcode.BINGET, 2, Opcode.BINGET, 0, Opcode.APPENDS)
                .stop();
        assertEquals(
                list(list(), tuple(integer(7)), new Value.Shared(1), new Value.Shared(2), new Value.Shared(0)),
                read(pickle));
    }

    @Test
    void tupleThatHoldsItselfThroughAListEnds() throws IOException {
        // CPython's pickle of a tuple of a list of that tuple.
        byte[] pickle = new PickleWriter()
                .op(Opcode.EMPTY_LIST, Opcode.BINPUT, 0, Opcode.BINGET, 0, Opcode.TUPLE1, Opcode.BINPUT, 1)
                .op(Opcode.APPEND, Opcode.POP, Opcode.BINGET, 1)
                .stop();
        // APPEND leaves the list, POP takes it: what is left is the tuple.
        byte[] whole = new PickleWriter()
                .op(Opcode.EMPTY_LIST, Opcode.BINPUT, 0, Opcode.BINGET, 0, Opcode.TUPLE1, Opcode.BINPUT, 1)
                .op(Opcode.APPEND)
                .stop();
        assertEquals(tuple(list(new Value.Shared(0))), read(pickle));
        assertEquals(list(tuple(new Value.Shared(0))), read(whole));
    }

    @Test
    void unknownCallableBecomesAnObjectWithAllThatWasSetOnIt() throws IOException {
        byte[] pickle = new PickleWriter()
                .global("my.module", "Thing")
                .op(Opcode.BININT1, 1, Opcode.TUPLE1, Opcode.REDUCE)
                .op(Opcode.BININT1, 2, Opcode.APPEND)
                .op(Opcode.BININT1, 3, Opcode.BININT1, 4, Opcode.SETITEM)
                .op(Opcode.BININT1, 5, Opcode.BUILD)
                .op(Opcode.BININT1, 6, Opcode.APPEND)
                .stop();
        assertEquals(
                instance(
                        "my.module",
                        "Thing",
                        tuple(integer(1)),
                        tuple(integer(5), list(integer(2), integer(6)), mapping(entry(integer(3), integer(4))))),
                read(pickle));
    }

    @Test
    void classesOfEachOpcodeAreInert() throws IOException {
        Value none = new Value.None();
        byte[] inst = new PickleWriter()
                .op(Opcode.MARK, Opcode.BININT1, 1)
                .line(Opcode.INST, "os\nsystem")
                .stop();
        assertEquals(instance("os", "system", tuple(integer(1)), none), read(inst));
        byte[] obj = new PickleWriter()
                .op(Opcode.MARK)
                .global("os", "system")
                .op(Opcode.BININT1, 1, Opcode.BININT1, 2, Opcode.OBJ)
                .stop();
        assertEquals(instance("os", "system", tuple(integer(1), integer(2)), none), read(obj));
        byte[] newObject = new PickleWriter()
                .global("os", "system")
                .op(Opcode.EMPTY_TUPLE, Opcode.EMPTY_DICT, Opcode.NEWOBJ_EX)
                .stop();
        assertEquals(instance("os", "system", tuple(tuple(), mapping()), none), read(newObject));
        byte[] calledObject = new PickleWriter()
                .global("builtins", "getattr")
                .op(Opcode.EMPTY_TUPLE, Opcode.REDUCE, Opcode.EMPTY_TUPLE, Opcode.REDUCE)
                .stop();
        assertEquals(
                new Value.Instance(instance("builtins", "getattr", tuple(), none), tuple(), none), read(calledObject));
    }

    @Test
    void whatIsCalledMayBeAnythingAndAnythingDeep() throws IOException {
        byte[] noneCalled = new PickleWriter()
                .op(Opcode.NONE, Opcode.EMPTY_TUPLE, Opcode.REDUCE)
                .stop();
        Value none = new Value.None();
        assertEquals(new Value.Instance(none, tuple(), none), read(noneCalled));
        PickleWriter pickle = new PickleWriter().global("a", "b");
        for (int i = 0; i < 50_000; i++) {
            pickle.op(Opcode.EMPTY_TUPLE, Opcode.REDUCE);
        }
        Path file = Files.write(directory.resolve("deep.pkl"), pickle.stop());
        try (FileCache cache = new FileCache();
                TorchFile torch = TorchFile.openPickle(file, cache)) {
            assertEquals("a.b", torch.root().globalName());
            assertThrows(FormatException.Unsupported.class, () -> torch.root().toValue(0));
        }
    }

    @Test
    void stateOnAnOrderedDictionaryIsKeptBesideItsEntries() throws IOException {
        byte[] pickle = new PickleWriter()
                .global("collections", "OrderedDict")
                .op(Opcode.EMPTY_TUPLE, Opcode.REDUCE)
                .op(Opcode.BININT1, 1, Opcode.BININT1, 2, Opcode.SETITEM)
                .op(Opcode.EMPTY_DICT)
                .text("_metadata")
                .op(Opcode.BININT1, 9, Opcode.SETITEM, Opcode.BUILD)
                .op(Opcode.BININT1, 3, Opcode.BININT1, 4, Opcode.SETITEM)
                .stop();
        Path file = Files.write(directory.resolve("value.pkl"), pickle);
        try (FileCache cache = new FileCache();
                TorchFile torch = TorchFile.openPickle(file, cache)) {
            assertEquals(2, torch.root().find(1).asLong());
            assertEquals(4, torch.root().find(3).asLong());
            assertEquals(9, torch.root().state().get("_metadata").asLong());
        }
    }

    @Test
    void orderedDictionaryOfPairsIsADictionary() throws IOException {
        byte[] pickle = new PickleWriter()
                .global("collections", "OrderedDict")
                .op(Opcode.EMPTY_LIST, Opcode.MARK)
                .text("a")
                .op(Opcode.BININT1, 1, Opcode.TUPLE2)
                .text("b")
                .op(Opcode.BININT1, 2, Opcode.TUPLE2)
                .op(Opcode.APPENDS, Opcode.TUPLE1, Opcode.REDUCE)
                .stop();
        assertEquals(mapping(entry(text("a"), integer(1)), entry(text("b"), integer(2))), read(pickle));
    }

    @Test
    void pythonTwoStringsAreTextWhereTheyCanBe() throws IOException {
        byte[] pickle = new PickleWriter()
                .op(Opcode.MARK)
                .line(Opcode.STRING, "'a\\x41\\n\\''")
                .op(Opcode.SHORT_BINSTRING, 2, 'h', 'i')
                .number(Opcode.BINSTRING, 1, 4)
                .op(0xFF)
                .op(Opcode.LIST)
                .stop();
        assertEquals(list(text("aA\n'"), text("hi"), new Value.Blob(new byte[] {-1})), read(pickle));
    }

    @Test
    void longTextCrossesTheWindowAndIsOneSymbol() throws IOException {
        String large = "äx".repeat(50_000);
        byte[] pickle = new PickleWriter()
                .op(Opcode.EMPTY_DICT, Opcode.MARK)
                .text(large)
                .op(Opcode.BININT1, 1)
                .text(large)
                .op(Opcode.BININT1, 2, Opcode.SETITEMS)
                .stop();
        assertEquals(mapping(entry(text(large), integer(2))), read(pickle));
    }

    @Test
    void errorNamesFileOpcodeAndOffset() {
        byte[] pickle = new PickleWriter()
                .op(Opcode.PROTO, 2, Opcode.NONE, Opcode.BINGET, 9)
                .stop();
        FormatException error = assertThrows(FormatException.Corrupt.class, () -> read(pickle));
        assertTrue(error.place().resource().endsWith("value.pkl"), error.getMessage());
        assertEquals("pickle opcode BINGET", error.place().section());
        assertEquals(3, error.place().offsetBytes());
    }
}
