package org.trencadis.index;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.format.AliasRecord;
import org.trencadis.format.AttachmentRecord;
import org.trencadis.format.CoordinateRecord;
import org.trencadis.format.CopyRecord;
import org.trencadis.format.EncodingRecord;
import org.trencadis.format.ExtentRecord;
import org.trencadis.format.FactRecord;
import org.trencadis.format.FileRecord;
import org.trencadis.format.FindingRecord;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FragmentRecord;
import org.trencadis.format.GroupRecord;
import org.trencadis.format.HolderRecord;
import org.trencadis.format.NameRecord;
import org.trencadis.format.RecordLayout;
import org.trencadis.format.Section;
import org.trencadis.format.TensorRecord;
import org.trencadis.format.Value;
import org.trencadis.format.ValueCodec;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/**
 * A read-only view over an index image: tensors by (name, state), their copies, fragments and extents.
 *
 * <p>Nothing is loaded: each call decodes what it returns. Safe for several threads. Every method that reads records
 * throws {@link Corrupt} where they contradict the specification.
 */
public final class Catalog implements AutoCloseable {
    private final IndexImage image;
    private final MemorySegment segment;
    private final RecordLayout.Limits limits;

    private Catalog(IndexImage image) {
        this.image = image;
        this.segment = image.segment();
        Map<String, Long> counts = new HashMap<>();
        for (Section section : Section.values()) {
            counts.put(section.limit(), image.count(section));
        }
        this.limits = counts::get;
    }

    /** The catalog over {@code image}, which it owns from now on. */
    public static Catalog over(IndexImage image) {
        return new Catalog(image);
    }

    /** The image; valid until this catalog is closed. */
    public IndexImage image() {
        return image;
    }

    /** The number of tensors, all states counted. */
    public int tensorCount() {
        return Math.toIntExact(image.count(Section.TENSORS));
    }

    /** The tensor at {@code ordinal} of the (name, state) order. */
    public Tensor tensor(int ordinal) throws Corrupt {
        long at = image.at(Section.TENSORS, ordinal);
        check(TensorRecord.LAYOUT, at);
        int order = TensorRecord.ORDER.get(segment, at);
        int flags = TensorRecord.FLAGS.get(segment, at);
        return new Tensor(
                ordinal,
                string(TensorRecord.NAME_START.get(segment, at), TensorRecord.NAME_BYTES.get(segment, at)),
                state((int) TensorRecord.STATE.get(segment, at)),
                Dtype.find(TensorRecord.DTYPE.get(segment, at)),
                coordinates(TensorRecord.SHAPE_START.get(segment, at), order),
                TensorRecord.ELEMENT_COUNT.get(segment, at),
                TensorRecord.COPY_START.get(segment, at),
                (int) TensorRecord.COPY_COUNT.get(segment, at),
                (int) TensorRecord.MARGIN_COUNT.get(segment, at),
                (flags & TensorRecord.DERIVED) != 0,
                (flags & TensorRecord.BLEND) != 0,
                (flags & TensorRecord.HAS_ROOT) != 0 ? TensorRecord.ROOT.get(segment, at) : null);
    }

    /** The ordinal of the tensor {@code name} in {@code state}, or -1. */
    public int findTensor(String name, String state) throws Corrupt {
        int at = lowerBound(name.getBytes(StandardCharsets.UTF_8), state.getBytes(StandardCharsets.UTF_8));
        if (at == tensorCount()) {
            return -1;
        }
        Tensor tensor = tensor(at);
        return tensor.name().equals(name) && tensor.state().equals(state) ? at : -1;
    }

    /** The tensors called {@code name}, in the order of their states; empty where there are none. */
    public List<Tensor> findTensors(String name) throws Corrupt {
        List<Tensor> found = new ArrayList<>();
        int at = lowerBound(name.getBytes(StandardCharsets.UTF_8), new byte[0]);
        for (; at < tensorCount(); at++) {
            Tensor tensor = tensor(at);
            if (!tensor.name().equals(name)) {
                break;
            }
            found.add(tensor);
        }
        return found;
    }

    private int lowerBound(byte[] name, byte[] state) throws Corrupt {
        int low = 0;
        int high = tensorCount();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (compare(middle, name, state) < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private int compare(int ordinal, byte[] name, byte[] state) throws Corrupt {
        long at = image.at(Section.TENSORS, ordinal);
        long start = TensorRecord.NAME_START.get(segment, at);
        int order = compare(start, TensorRecord.NAME_BYTES.get(segment, at), name);
        if (order != 0) {
            return order;
        }
        long record = image.at(Section.STATES, TensorRecord.STATE.get(segment, at));
        return compare(NameRecord.START.get(segment, record), NameRecord.BYTES.get(segment, record), state);
    }

    private int compare(long start, long bytes, byte[] key) throws Corrupt {
        long at = image.at(Section.STRINGS, start, bytes);
        MemorySegment other = MemorySegment.ofArray(key);
        long mismatch = MemorySegment.mismatch(segment, at, at + bytes, other, 0, key.length);
        if (mismatch < 0) {
            return 0;
        }
        if (mismatch == bytes || mismatch == key.length) {
            return Long.compare(bytes, key.length);
        }
        return Byte.compareUnsigned(segment.get(ValueLayout.JAVA_BYTE, at + mismatch), key[(int) mismatch]);
    }

    /** Copy {@code number} of {@code tensor}; from {@code copyCount} on, its margins. */
    public Copy copy(Tensor tensor, int number) throws Corrupt {
        if (number < 0 || number >= tensor.copyCount() + tensor.marginCount()) {
            throw new IndexOutOfBoundsException("copy " + number + " of tensor " + tensor.key() + ", which has "
                    + tensor.copyCount() + " copies and " + tensor.marginCount() + " margins");
        }
        long ordinal = tensor.copyStart() + number;
        long at = image.at(Section.COPIES, ordinal);
        check(CopyRecord.LAYOUT, at);
        int flags = (int) CopyRecord.FLAGS.get(segment, at);
        return new Copy(
                ordinal,
                tensor.shape().length,
                CopyRecord.FRAGMENT_START.get(segment, at),
                CopyRecord.FRAGMENT_COUNT.get(segment, at),
                CopyRecord.COORDINATE_START.get(segment, at),
                (flags & CopyRecord.COMPLETE) != 0,
                (flags & CopyRecord.MARGIN) != 0,
                CopyRecord.HOLDERS.getInt(segment, at),
                (flags & CopyRecord.HAS_ROOT) != 0 ? CopyRecord.ROOT.get(segment, at) : null);
    }

    /** Fragment {@code number} of {@code copy}, by the row-major position of its first element. */
    public Fragment fragment(Copy copy, long number) throws Corrupt {
        if (number < 0 || number >= copy.fragmentCount()) {
            throw new IndexOutOfBoundsException("fragment " + number + " of " + copy.fragmentCount());
        }
        long at = image.at(Section.FRAGMENTS, copy.fragmentStart() + number);
        int order = copy.order();
        long[] numbers = coordinates(copy.coordinateStart() + number * 2 * order, 2 * order);
        long start = FragmentRecord.START.get(segment, at);
        long count = FragmentRecord.COUNT.get(segment, at);
        try {
            Box box = new Box(Arrays.copyOf(numbers, order), Arrays.copyOfRange(numbers, order, 2 * order));
            return new Fragment(
                    new Region(box, start, count),
                    FragmentRecord.EXTENT_START.get(segment, at),
                    Math.toIntExact(FragmentRecord.EXTENT_COUNT.get(segment, at)),
                    FragmentRecord.ENCODING.getInt(segment, at),
                    FragmentRecord.HOLDERS.getInt(segment, at));
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw FragmentRecord.LAYOUT.fault(
                    FragmentRecord.START.offsetBytes(),
                    at,
                    "a fragment is a region",
                    "an interval of a box",
                    e.getMessage(),
                    image.resource());
        }
    }

    /** Receives fragments of a walk. */
    @FunctionalInterface
    public interface FragmentSink {
        void accept(Fragment fragment) throws IOException;
    }

    /** Walks the fragments of {@code copy} in order. */
    public void forEachFragment(Copy copy, FragmentSink sink) throws IOException {
        for (long number = 0; number < copy.fragmentCount(); number++) {
            sink.accept(fragment(copy, number));
        }
    }

    /** The smallest box around the fragments of a margin: its region, all of which it holds. */
    public Box marginBox(Copy margin) throws IOException {
        int order = margin.order();
        long[] from = new long[order];
        long[] end = new long[order];
        Arrays.fill(from, margin.fragmentCount() == 0 ? 0 : Long.MAX_VALUE);
        forEachFragment(
                margin,
                fragment -> fragment.region().forEachBox(box -> {
                    for (int axis = 0; axis < order; axis++) {
                        from[axis] = Math.min(from[axis], box.offsets()[axis]);
                        end[axis] = Math.max(end[axis], box.end(axis));
                    }
                }));
        long[] extents = new long[order];
        Arrays.setAll(extents, axis -> end[axis] - from[axis]);
        return new Box(from, extents);
    }

    /** Extent {@code number} of {@code fragment}. */
    public Extent extent(Fragment fragment, int number) throws Corrupt {
        long at = image.at(Section.EXTENTS, fragment.extentStart() + number);
        check(ExtentRecord.LAYOUT, at);
        return new Extent(
                Math.toIntExact(ExtentRecord.FILE.get(segment, at)),
                ExtentRecord.OFFSET.get(segment, at),
                ExtentRecord.LENGTH_BYTES.get(segment, at));
    }

    /** The encoding at {@code ordinal}. */
    public Encoding encoding(int ordinal) throws Corrupt {
        long at = image.at(Section.ENCODINGS, ordinal);
        check(EncodingRecord.LAYOUT, at);
        int flags = EncodingRecord.FLAGS.get(segment, at);
        int order = EncodingRecord.ORDER.get(segment, at);
        return new Encoding(
                EncodingRecord.BYTE_ORDER.get(segment, at) == 2,
                (flags & EncodingRecord.CONJUGATE) != 0,
                (flags & EncodingRecord.NEGATE) != 0,
                order == 0 ? null : coordinates(EncodingRecord.STRIDE_START.get(segment, at), order),
                EncodingRecord.TRANSFORM.get(segment, at) == EncodingRecord.ZSTD,
                EncodingRecord.STREAM_OFFSET.get(segment, at));
    }

    /** The number of files. */
    public int fileCount() {
        return Math.toIntExact(image.count(Section.FILES));
    }

    /** The file at {@code ordinal}. */
    public FileEntry file(int ordinal) throws Corrupt {
        long at = image.at(Section.FILES, ordinal);
        check(FileRecord.LAYOUT, at);
        boolean hasDigest = (FileRecord.FLAGS.get(segment, at) & FileRecord.HAS_DIGEST) != 0;
        return new FileEntry(
                FileRecord.KIND.get(segment, at) == FileRecord.SHARD,
                string(FileRecord.PATH_START.get(segment, at), FileRecord.PATH_BYTES.get(segment, at)),
                FileRecord.SIZE_BYTES.get(segment, at),
                FileRecord.DEVICE.get(segment, at),
                FileRecord.INODE.get(segment, at),
                FileRecord.MTIME.get(segment, at),
                FileRecord.CTIME.get(segment, at),
                hasDigest ? FileRecord.DIGEST.get(segment, at) : null);
    }

    /** The ranks of holder set {@code ordinal}, ascending; empty for -1. */
    public List<Long> holders(int ordinal) throws Corrupt {
        if (ordinal < 0) {
            return List.of();
        }
        long at = image.at(Section.HOLDERS, ordinal);
        return ranks(value(HolderRecord.VALUE_START.get(segment, at), HolderRecord.VALUE_BYTES.get(segment, at)), at);
    }

    /** The ranks that a value lists. */
    List<Long> ranks(Value value, long at) throws Corrupt {
        List<Long> ranks = new ArrayList<>();
        if (!(value instanceof Value.Tuple tuple)) {
            throw corrupt("a holder set is a tuple of ranks", "tuple", value.getClass(), "HolderRecord", at);
        }
        for (Value item : tuple.items()) {
            if (!(item instanceof Value.Int rank)) {
                throw corrupt("a holder set is a tuple of ranks", "whole number", item, "HolderRecord", at);
            }
            ranks.add(rank.value().longValue());
        }
        return ranks;
    }

    /** The states in use, sorted. */
    public List<String> states() throws Corrupt {
        List<String> states = new ArrayList<>();
        for (int ordinal = 0; ordinal < image.count(Section.STATES); ordinal++) {
            states.add(state(ordinal));
        }
        return states;
    }

    /** The optimizer groups, in order. */
    public List<Group> groups() throws Corrupt {
        List<Group> groups = new ArrayList<>();
        for (long ordinal = 0; ordinal < image.count(Section.GROUPS); ordinal++) {
            long at = image.at(Section.GROUPS, ordinal);
            check(GroupRecord.LAYOUT, at);
            long start = GroupRecord.MEMBER_START.get(segment, at);
            List<String> members = new ArrayList<>();
            for (long member = 0; member < GroupRecord.MEMBER_COUNT.get(segment, at); member++) {
                long name = image.at(Section.MEMBERS, start + member);
                members.add(string(NameRecord.START.get(segment, name), NameRecord.BYTES.get(segment, name)));
            }
            groups.add(new Group(
                    string(GroupRecord.NAME_START.get(segment, at), GroupRecord.NAME_BYTES.get(segment, at)),
                    members,
                    (GroupRecord.FLAGS.get(segment, at) & GroupRecord.EXPERT) != 0,
                    mapping(GroupRecord.VALUE_START.get(segment, at), GroupRecord.VALUE_BYTES.get(segment, at), at)));
        }
        return groups;
    }

    /** Second names of parameters, sorted by alias. */
    public List<Alias> aliases() throws Corrupt {
        List<Alias> aliases = new ArrayList<>();
        for (long ordinal = 0; ordinal < image.count(Section.ALIASES); ordinal++) {
            long at = image.at(Section.ALIASES, ordinal);
            check(AliasRecord.LAYOUT, at);
            aliases.add(new Alias(
                    string(AliasRecord.NAME_START.get(segment, at), AliasRecord.NAME_BYTES.get(segment, at)),
                    string(AliasRecord.TARGET_START.get(segment, at), AliasRecord.TARGET_BYTES.get(segment, at))));
        }
        return aliases;
    }

    /** What is not a tensor, in the order in which it was read. */
    public List<Attachment> attachments() throws Corrupt {
        List<Attachment> attachments = new ArrayList<>();
        for (long ordinal = 0; ordinal < image.count(Section.ATTACHMENTS); ordinal++) {
            long at = image.at(Section.ATTACHMENTS, ordinal);
            check(AttachmentRecord.LAYOUT, at);
            attachments.add(new Attachment(
                    string(AttachmentRecord.NAME_START.get(segment, at), AttachmentRecord.NAME_BYTES.get(segment, at)),
                    string(
                            AttachmentRecord.SCOPE_START.get(segment, at),
                            AttachmentRecord.SCOPE_BYTES.get(segment, at)),
                    value(
                            AttachmentRecord.VALUE_START.get(segment, at),
                            AttachmentRecord.VALUE_BYTES.get(segment, at))));
        }
        return attachments;
    }

    /** What a person should know. */
    public List<Finding> findings() throws Corrupt {
        List<Finding> findings = new ArrayList<>();
        for (long ordinal = 0; ordinal < image.count(Section.FINDINGS); ordinal++) {
            long at = image.at(Section.FINDINGS, ordinal);
            check(FindingRecord.LAYOUT, at);
            findings.add(new Finding(
                    string(FindingRecord.CODE_START.get(segment, at), FindingRecord.CODE_BYTES.get(segment, at)),
                    string(FindingRecord.TEXT_START.get(segment, at), FindingRecord.TEXT_BYTES.get(segment, at))));
        }
        return findings;
    }

    /** Facts about the checkpoint, in the order in which they were recorded. */
    public Value.Mapping facts() throws Corrupt {
        List<Value.Entry> facts = new ArrayList<>();
        for (long ordinal = 0; ordinal < image.count(Section.FACTS); ordinal++) {
            long at = image.at(Section.FACTS, ordinal);
            check(FactRecord.LAYOUT, at);
            String name = string(FactRecord.NAME_START.get(segment, at), FactRecord.NAME_BYTES.get(segment, at));
            facts.add(new Value.Entry(
                    new Value.Text(name),
                    value(FactRecord.VALUE_START.get(segment, at), FactRecord.VALUE_BYTES.get(segment, at))));
        }
        return new Value.Mapping(facts);
    }

    /** The text fact {@code name}, or null. */
    public String findFact(String name) throws Corrupt {
        return facts().find(name) instanceof Value.Text text ? text.value() : null;
    }

    @Override
    public void close() {
        image.close();
    }

    /**
     * Checks all of the index, page by page and record by record, and the coverage of every copy.
     *
     * @throws Corrupt naming the first field that breaks a rule
     */
    public void checkStructure() throws IOException {
        new StructureCheck(this).run();
    }

    /** The exclusive bounds that the rules of this image's records are compared with. */
    RecordLayout.Limits limits() {
        return limits;
    }

    private void check(RecordLayout layout, long at) throws Corrupt {
        layout.check(segment, at, limits, image.resource(), at);
    }

    /** Checks a field that says where the next entries start. */
    void checkStart(RecordLayout layout, RecordLayout.U64 field, long at, long expected) throws Corrupt {
        long actual = field.get(segment, at);
        if (actual != expected) {
            throw layout.fault(
                    field.offsetBytes(),
                    at,
                    "a record starts where the one before it ends",
                    expected,
                    actual,
                    image.resource());
        }
    }

    /** Checks a digest that is zeros where it is not known. */
    void checkDigest(RecordLayout layout, RecordLayout.Bytes field, long at, boolean known) throws Corrupt {
        byte[] digest = field.get(segment, at);
        if (known == Arrays.equals(digest, new byte[digest.length])) {
            throw layout.fault(
                    field.offsetBytes(),
                    at,
                    "a digest is zeros exactly where its flag says it is not known",
                    known ? "a digest" : "zeros",
                    known ? "zeros" : "a digest",
                    image.resource());
        }
    }

    /** The bytes of a section of bytes. */
    byte[] bytes(Section section, long start, long bytes) throws Corrupt {
        long at = image.at(section, start, bytes);
        return segment.asSlice(at, bytes).toArray(ValueLayout.JAVA_BYTE);
    }

    String text(byte[] utf8) {
        return new String(utf8, StandardCharsets.UTF_8);
    }

    String string(long start, long bytes) throws Corrupt {
        return text(bytes(Section.STRINGS, start, bytes));
    }

    String state(int ordinal) throws Corrupt {
        long at = image.at(Section.STATES, ordinal);
        return string(NameRecord.START.get(segment, at), NameRecord.BYTES.get(segment, at));
    }

    long[] coordinates(long start, int count) throws Corrupt {
        long at = image.at(Section.COORDINATES, start, count);
        long[] numbers = new long[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = CoordinateRecord.VALUE.get(segment, at + 8L * i);
        }
        return numbers;
    }

    Value value(long start, long bytes) throws Corrupt {
        long at = image.at(Section.VALUES, start, bytes);
        if (bytes > Integer.MAX_VALUE - 16) {
            throw corrupt("a value is below 2 GiB", Integer.MAX_VALUE - 16, bytes, "VALUES", at);
        }
        byte[] copy = segment.asSlice(at, bytes).toArray(ValueLayout.JAVA_BYTE);
        return ValueCodec.decode(copy, new Place(image.resource(), "VALUES", at));
    }

    private Value.Mapping mapping(long start, long bytes, long record) throws Corrupt {
        Value value = value(start, bytes);
        if (value instanceof Value.Mapping mapping) {
            return mapping;
        }
        throw corrupt("hyperparameters are a mapping", "mapping", value.getClass(), "GroupRecord", record);
    }

    private Corrupt corrupt(String rule, Object expected, Object actual, String section, long at) {
        return new Corrupt(rule, expected, actual, new Place(image.resource(), section, at));
    }
}
