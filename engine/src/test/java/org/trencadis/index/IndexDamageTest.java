package org.trencadis.index;

import static java.util.Map.entry;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.trencadis.damage.Corruption;
import org.trencadis.damage.Corruption.Edit;
import org.trencadis.damage.Corruption.Kind;
import org.trencadis.damage.Heap;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Truncated;
import org.trencadis.format.FormatException.Unsupported;
import org.trencadis.format.FormatLimits;
import org.trencadis.format.IndexHeader;
import org.trencadis.format.RecordLayout;
import org.trencadis.format.Section;

/** The damage matrix of an index: every edit of every field of every record, with its checks left as they were and redone. */
class IndexDamageTest {
    private static final int LEAST_EDITS = 3000;
    private static final long MOST_HEAP_BYTES = 8 << 20;

    /** Fields whose change can also be met where other records no longer fit: where the fault may be found then. */
    private static final Map<String, Set<String>> FOUND_ELSEWHERE = Map.ofEntries(
            entry("TensorRecord.state", Set.of("TensorRecord.nameStart", "STATES")),
            entry(
                    "TensorRecord.dtype",
                    Set.of("ExtentRecord.lengthBytes", "FragmentRecord.extentCount", "TensorRecord.flags")),
            entry(
                    "TensorRecord.order",
                    Set.of("TensorRecord.elementCount", "TensorRecord.shapeStart", "CopyRecord.coordinateStart")),
            entry("TensorRecord.flags", Set.of("TensorRecord.root", "CopyRecord.flags")),
            entry("TensorRecord.copyCount", Set.of("TensorRecord.copyStart", "TensorRecord.flags", "CopyRecord.flags")),
            entry(
                    "TensorRecord.marginCount",
                    Set.of("TensorRecord.copyStart", "TensorRecord.copyCount", "CopyRecord.flags")),
            entry("CopyRecord.fragmentCount", Set.of("CopyRecord.fragmentStart", "FRAGMENTS")),
            entry("FragmentRecord.start", Set.of("CopyRecord.fragmentStart")),
            entry(
                    "FragmentRecord.count",
                    Set.of(
                            "FragmentRecord.start",
                            "FragmentRecord.extentCount",
                            "CopyRecord.fragmentStart",
                            "ExtentRecord.lengthBytes")),
            entry("FragmentRecord.extentCount", Set.of("FragmentRecord.encoding", "ExtentRecord.lengthBytes")),
            entry(
                    "FragmentRecord.encoding",
                    Set.of("ExtentRecord.offset", "ExtentRecord.lengthBytes", "FragmentRecord.extentCount")),
            entry("EncodingRecord.transform", Set.of("EncodingRecord.streamOffset", "FragmentRecord.extentCount")),
            entry("EncodingRecord.streamOffset", Set.of("FragmentRecord.encoding")),
            entry(
                    "CoordinateRecord.value",
                    Set.of(
                            "TensorRecord.elementCount",
                            "TensorRecord.flags",
                            "FragmentRecord.start",
                            "CopyRecord.fragmentStart",
                            "CopyRecord.flags",
                            "ExtentRecord.offset")),
            entry("ExtentRecord.file", Set.of("ExtentRecord.offset")),
            entry("ExtentRecord.lengthBytes", Set.of("FragmentRecord.extentCount", "ExtentRecord.offset")),
            entry("EncodingRecord.order", Set.of("EncodingRecord.strideStart", "COORDINATES")),
            entry("FileRecord.flags", Set.of("FileRecord.digest")),
            entry("FileRecord.pathBytes", Set.of("FileRecord.kind")),
            entry("FileRecord.sizeBytes", Set.of("ExtentRecord.offset")),
            entry("GroupRecord.memberStart", Set.of("MEMBERS")),
            entry("GroupRecord.memberCount", Set.of("MEMBERS")),
            entry(
                    "SectionEntry.entryCount",
                    Set.of(
                            "SectionEntry.offsetBytes",
                            "section table",
                            "body",
                            "STRINGS",
                            "FRAGMENTS",
                            "COORDINATES",
                            "EXTENTS",
                            "MEMBERS",
                            "VALUES",
                            "STATES",
                            "EncodingRecord.byteOrder",
                            "HolderRecord.valueStart")));

    /** Fields that may be changed to another meaning that contradicts nothing: the reason why no rule can see it. */
    private static final Map<String, String> MAY_BE_LEGAL = Map.ofEntries(
            entry("IndexHeader.optionalFeatures", "a reader ignores them"),
            entry("TensorRecord.nameBytes", "the first tensor may be called nothing"),
            entry("TensorRecord.state", "another state that keeps the order"),
            entry("TensorRecord.dtype", "another type of the same width"),
            entry("TensorRecord.flags", "not derived: only the bytes could tell"),
            entry("TensorRecord.root", "only the bytes could tell"),
            entry("CopyRecord.root", "only the bytes could tell"),
            entry("CopyRecord.holders", "another set of ranks"),
            entry("FragmentRecord.start", "a partial copy holds other elements"),
            entry("FragmentRecord.encoding", "elements encoded in another way"),
            entry("FragmentRecord.holders", "another set of ranks"),
            entry("CoordinateRecord.value", "extents of an empty tensor, boxes of partial copies and margins, strides"),
            entry("ExtentRecord.file", "the same bytes of another file"),
            entry("ExtentRecord.offset", "other bytes of the same file"),
            entry("ExtentRecord.lengthBytes", "two extents of one fragment share its bytes in another way"),
            entry("EncodingRecord.byteOrder", "the other byte order"),
            entry("EncodingRecord.flags", "other values of the same bytes"),
            entry("EncodingRecord.transform", "bytes taken for a stream, whose length only its bytes say"),
            entry("EncodingRecord.streamOffset", "another place in the stream"),
            entry("FileRecord.sizeBytes", "a length that still holds all extents"),
            entry("FileRecord.device", "another stamp"),
            entry("FileRecord.inode", "another stamp"),
            entry("FileRecord.mtimeNs", "another stamp"),
            entry("FileRecord.ctimeNs", "another stamp"),
            entry("FileRecord.digest", "another shard or another file"),
            entry("GroupRecord.flags", "experts or not"),
            entry("AttachmentRecord.scopeStart", "two scopes of one length change places"));

    /** A field of a string's length or a value's: the next string or value no longer starts where it must. */
    private static final Set<String> LENGTHS = Set.of(
            "nameBytes",
            "targetBytes",
            "scopeBytes",
            "codeBytes",
            "textBytes",
            "pathBytes",
            "bytes",
            "valueBytes",
            "memberStart",
            "memberCount",
            "entryCount");

    private static byte[] file;
    private static IndexFile index;
    private static Corruption corruption;

    @BeforeAll
    static void damage() throws IOException {
        file = SampleCatalog.bytes();
        index = new IndexFile(file);
        corruption = index.corruption();
    }

    @Test
    void theSampleIsSoundAndUsesEveryRecord() throws IOException {
        IndexFile.check(file);
        for (Section section : Section.values()) {
            assertTrue(index.count(section) >= 2, section + " has " + index.count(section));
        }
        assertTrue(
                corruption.edits().size() >= LEAST_EDITS,
                "edits: " + corruption.edits().size());
        assertTrue(corruption.unchanged() < corruption.edits().size() / 4, "left out: " + corruption.unchanged());
    }

    @Test
    void anEditAloneBreaksTheCheckOfItsPart() {
        for (Edit edit : corruption.edits()) {
            FormatException fault =
                    assertThrows(FormatException.class, () -> IndexFile.check(edit.bytes()), edit::toString);
            if (edit.name().equals("IndexHeader.magic")) {
                assertFault(edit, fault, Unsupported.class, "header", 0);
                continue;
            }
            long at = edit.offset();
            String part = "page " + index.pageOf(at);
            long start = IndexHeader.LAYOUT.sizeBytes() + (long) index.pageOf(at) * FormatLimits.PAGE_BYTES;
            if (at < IndexHeader.LAYOUT.sizeBytes()) {
                part = "header";
                start = 0;
            } else if (at >= index.directoryOffset()) {
                part = "page directory";
                start = index.directoryOffset();
            }
            assertFault(edit, fault, Corrupt.class, part, start);
            assertEquals("CRC32C of " + part, fault.rule(), edit::toString);
        }
    }

    private static void assertFault(
            Edit edit, FormatException fault, Class<? extends FormatException> type, String section, long offset) {
        assertEquals(type, fault.getClass(), edit + ": " + fault.getMessage());
        assertEquals(section, fault.place().section(), edit::toString);
        assertEquals(offset, fault.place().offsetBytes(), edit::toString);
    }

    @Test
    void anEditWithItsChecksRedoneBreaksARule() throws IOException {
        Set<String> legal = new HashSet<>();
        Map<String, Integer> refused = new HashMap<>();
        for (Edit edit : corruption.edits()) {
            byte[] damaged = signed(edit);
            if (Arrays.equals(damaged, file)) {
                assertTrue(edit.name().endsWith("Crc"), edit + " was undone by signing");
                continue;
            }
            long heapBefore = Heap.allocatedBytes();
            try {
                IndexFile.check(damaged);
                assertTrue(MAY_BE_LEGAL.containsKey(edit.name()), edit + " was not noticed");
                legal.add(edit.name());
            } catch (FormatException e) {
                refused.merge(edit.name(), 1, Integer::sum);
                checkFault(edit, e);
            }
            long heap = Heap.allocatedBytes() - heapBefore;
            assertTrue(heap < MOST_HEAP_BYTES, edit + " took " + heap + " bytes of heap");
        }
        assertEquals(new TreeSet<>(MAY_BE_LEGAL.keySet()), new TreeSet<>(legal), "declared legal and found legal");
        assertTrue(refused.size() > 90, "fields whose damage is refused: " + refused.size());
    }

    private static byte[] signed(Edit edit) {
        byte[] damaged = edit.bytes().clone();
        index.sign(damaged);
        return damaged;
    }

    private void checkFault(Edit edit, FormatException fault) {
        String section = fault.place().section();
        long offset = fault.place().offsetBytes();
        String message = edit + ": " + fault.getMessage();
        Class<? extends FormatException> type = expectedType(edit);
        assertEquals(type, fault.getClass(), message);
        if (type != Corrupt.class) {
            assertEquals("header", section, message);
            assertEquals(edit.offset(), offset, message);
        } else if (section.equals(edit.name())) {
            // The field itself, or another one of its kind with which it no longer fits.
            assertTrue(offset == edit.offset() || isField(section, offset), message);
        } else {
            boolean next = LENGTHS.contains(edit.field().name())
                    && (section.endsWith("Start")
                            || section.endsWith(".start")
                            || section.equals("STRINGS")
                            || section.equals("VALUES"));
            assertTrue(
                    next || FOUND_ELSEWHERE.getOrDefault(edit.name(), Set.of()).contains(section),
                    "found in a place that is not declared: " + message);
            // One entry more in a section is a record of zeros, which no edit knows.
            boolean known = !section.contains(".") || edit.name().equals("SectionEntry.entryCount");
            assertTrue(known || isField(section, offset), "no such field there: " + message);
        }
    }

    private static Class<? extends FormatException> expectedType(Edit edit) {
        return switch (edit.name()) {
            case "IndexHeader.magic", "IndexHeader.version", "IndexHeader.requiredFeatures" -> Unsupported.class;
            case "IndexHeader.fileBytes" ->
                Long.compareUnsigned(edit.value(), file.length) > 0 ? Truncated.class : Corrupt.class;
            default -> Corrupt.class;
        };
    }

    /** Whether a field called {@code Record.field} stands at {@code offset}. */
    private static boolean isField(String name, long offset) {
        for (Edit edit : corruption.edits()) {
            if (edit.name().equals(name) && edit.offset() == offset) {
                return true;
            }
        }
        return false;
    }

    @Test
    void readingDamageWithoutACheckEndsInACleanFault() {
        for (Edit edit : corruption.edits()) {
            byte[] damaged = signed(edit);
            long heapBefore = Heap.allocatedBytes();
            try (Catalog catalog = IndexFile.open(damaged)) {
                IndexFile.walk(catalog);
            } catch (FormatException e) {
                assertNotEquals("", e.rule());
            } catch (IOException | RuntimeException | Error e) {
                fail(edit + " raised " + e, e);
            }
            long heap = Heap.allocatedBytes() - heapBefore;
            assertTrue(heap < MOST_HEAP_BYTES, edit + " took " + heap + " bytes of heap");
        }
    }

    @Test
    void anIndexThatIsCutIsTruncated() {
        for (int length = 0; length < file.length; length++) {
            byte[] cut = Arrays.copyOf(file, length);
            Truncated fault = assertThrows(Truncated.class, () -> IndexFile.check(cut));
            assertEquals("header", fault.place().section());
            boolean hasHeader = length >= IndexHeader.LAYOUT.sizeBytes();
            assertEquals(
                    hasHeader ? IndexHeader.FILE_BYTES.offsetBytes() : 0,
                    fault.place().offsetBytes());
        }
    }

    @Test
    void anIndexWithMoreBehindItIsCorrupt() {
        for (byte[] tail : new byte[][] {{0}, {1}, new byte[4096], file}) {
            byte[] longer = Arrays.copyOf(file, file.length + tail.length);
            System.arraycopy(tail, 0, longer, file.length, tail.length);
            Corrupt fault = assertThrows(Corrupt.class, () -> IndexFile.check(longer));
            assertEquals("IndexHeader.fileBytes", fault.place().section());
            assertEquals(IndexHeader.FILE_BYTES.offsetBytes(), fault.place().offsetBytes());
        }
    }

    @Test
    void whatIsNotAnIndexIsUnsupported() {
        byte[] ones = new byte[500];
        Arrays.fill(ones, (byte) 0xFF);
        byte[] text = "# a text of more than a hundred and twenty-eight characters "
                .repeat(5)
                .getBytes(StandardCharsets.UTF_8);
        for (byte[] other : new byte[][] {new byte[500], ones, text}) {
            Unsupported fault = assertThrows(Unsupported.class, () -> IndexFile.check(other));
            assertEquals(0, fault.place().offsetBytes());
        }
    }

    @Test
    void halvesOfTwoIndexesDoNotFit() throws IOException {
        byte[] other = file.clone();
        int note = index.offset(Section.STRINGS) > 0 ? (int) index.offset(Section.STRINGS) : 0;
        other[note] ^= 1;
        index.sign(other);
        byte[] spliced = other.clone();
        System.arraycopy(file, 0, spliced, 0, index.directoryOffset());
        Corrupt fault = assertThrows(Corrupt.class, () -> IndexFile.check(spliced));
        assertEquals("page directory", fault.place().section());
    }

    @Test
    void unusedBytesMustBeZero() throws IOException {
        int tested = 0;
        for (Section section : Section.values()) {
            RecordLayout layout = section.layout();
            long end = index.offset(section) + index.count(section) * section.entryBytes();
            if (end % FormatLimits.SECTION_ALIGNMENT == 0) {
                continue;
            }
            byte[] damaged = file.clone();
            damaged[(int) end] = 1;
            index.sign(damaged);
            Corrupt fault = assertThrows(Corrupt.class, () -> IndexFile.check(damaged), section::toString);
            assertEquals("body", fault.place().section(), String.valueOf(layout));
            assertEquals(end, fault.place().offsetBytes());
            tested++;
        }
        assertTrue(tested > 8, "gaps tested: " + tested);
    }

    @Test
    void everyKindOfEditIsApplied() {
        Map<Kind, Integer> kinds = new HashMap<>();
        corruption.edits().forEach(edit -> kinds.merge(edit.kind(), 1, Integer::sum));
        for (Kind kind : Kind.values()) {
            assertTrue(kinds.getOrDefault(kind, 0) > 200, kind + ": " + kinds.get(kind));
        }
    }
}
