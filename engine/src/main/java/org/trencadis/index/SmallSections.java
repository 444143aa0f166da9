package org.trencadis.index;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ObjLongConsumer;
import org.trencadis.format.AliasRecord;
import org.trencadis.format.AttachmentRecord;
import org.trencadis.format.EncodingRecord;
import org.trencadis.format.FactRecord;
import org.trencadis.format.FileRecord;
import org.trencadis.format.FindingRecord;
import org.trencadis.format.GroupRecord;
import org.trencadis.format.HolderRecord;
import org.trencadis.format.NameRecord;
import org.trencadis.format.RecordLayout;
import org.trencadis.format.Section;
import org.trencadis.format.Value;
import org.trencadis.format.ValueCodec;

/** The sections of an image that are small enough for the heap: all but tensors, copies, fragments and their numbers. */
final class SmallSections {
    private final Map<Section, ByteArrayOutputStream> sections = new EnumMap<>(Section.class);
    private final Map<String, Range> ranges = new HashMap<>();

    /** A run of bytes in the strings or values section. */
    record Range(long start, int bytes) {}

    Range string(String text) {
        return ranges.computeIfAbsent(text, key -> append(Section.STRINGS, key.getBytes(StandardCharsets.UTF_8)));
    }

    /** A string that is known to be new, which is not remembered. */
    Range string(byte[] utf8) {
        return append(Section.STRINGS, utf8);
    }

    private Range value(Value value) {
        return append(Section.VALUES, ValueCodec.encode(value));
    }

    private Range append(Section section, byte[] bytes) {
        ByteArrayOutputStream out = out(section);
        Range range = new Range(out.size(), bytes.length);
        out.writeBytes(bytes);
        return range;
    }

    private ByteArrayOutputStream out(Section section) {
        return sections.computeIfAbsent(section, key -> new ByteArrayOutputStream());
    }

    byte[] bytes(Section section) {
        return out(section).toByteArray();
    }

    int size(Section section) {
        return out(section).size();
    }

    private void record(Section section, ObjLongConsumer<MemorySegment> writer) {
        RecordLayout layout = section.layout();
        byte[] record = new byte[layout.sizeBytes()];
        writer.accept(MemorySegment.ofArray(record), 0);
        out(section).writeBytes(record);
    }

    void addState(String state) {
        addName(Section.STATES, string(state));
    }

    private void addName(Section section, Range name) {
        record(section, (segment, at) -> {
            NameRecord.START.set(segment, at, name.start());
            NameRecord.BYTES.set(segment, at, name.bytes());
        });
    }

    /** Adds an encoding whose strides, if it has any, start at {@code strideStart} of the coordinates. */
    void addEncoding(Encoding encoding, long strideStart) {
        record(Section.ENCODINGS, (segment, at) -> {
            EncodingRecord.BYTE_ORDER.set(segment, at, encoding.bigEndian() ? 2 : 1);
            int flags = (encoding.conjugate() ? EncodingRecord.CONJUGATE : 0)
                    | (encoding.negate() ? EncodingRecord.NEGATE : 0);
            EncodingRecord.FLAGS.set(segment, at, flags);
            EncodingRecord.ORDER.set(segment, at, encoding.strides() == null ? 0 : encoding.strides().length);
            EncodingRecord.STRIDE_START.set(segment, at, strideStart);
            EncodingRecord.TRANSFORM.set(segment, at, encoding.zstd() ? EncodingRecord.ZSTD : 0);
            EncodingRecord.STREAM_OFFSET.set(segment, at, encoding.streamOffset());
        });
    }

    void addFile(FileEntry file) {
        Range path = string(file.path());
        record(Section.FILES, (segment, at) -> {
            FileRecord.KIND.set(segment, at, file.shard() ? FileRecord.SHARD : FileRecord.FOREIGN);
            FileRecord.FLAGS.set(segment, at, file.digest() != null ? FileRecord.HAS_DIGEST : 0);
            FileRecord.PATH_START.set(segment, at, path.start());
            FileRecord.PATH_BYTES.set(segment, at, path.bytes());
            FileRecord.SIZE_BYTES.set(segment, at, file.sizeBytes());
            FileRecord.DEVICE.set(segment, at, file.device());
            FileRecord.INODE.set(segment, at, file.inode());
            FileRecord.MTIME.set(segment, at, file.mtimeNs());
            FileRecord.CTIME.set(segment, at, file.ctimeNs());
            if (file.digest() != null) {
                FileRecord.DIGEST.set(segment, at, file.digest());
            }
        });
    }

    void addHolders(List<Long> ranks) {
        Range value = value(new Value.Tuple(
                ranks.stream().map(rank -> (Value) new Value.Int(rank)).toList()));
        record(Section.HOLDERS, (segment, at) -> {
            HolderRecord.VALUE_START.set(segment, at, value.start());
            HolderRecord.VALUE_BYTES.set(segment, at, value.bytes());
        });
    }

    void addGroup(Group group) {
        long memberStart = out(Section.MEMBERS).size() / NameRecord.LAYOUT.sizeBytes();
        group.parameters().forEach(parameter -> addName(Section.MEMBERS, string(parameter)));
        Range name = string(group.name());
        Range value = value(group.settings());
        record(Section.GROUPS, (segment, at) -> {
            GroupRecord.MEMBER_START.set(segment, at, memberStart);
            GroupRecord.MEMBER_COUNT.set(segment, at, group.parameters().size());
            GroupRecord.NAME_START.set(segment, at, name.start());
            GroupRecord.NAME_BYTES.set(segment, at, name.bytes());
            GroupRecord.FLAGS.set(segment, at, group.expert() ? GroupRecord.EXPERT : 0);
            GroupRecord.VALUE_START.set(segment, at, value.start());
            GroupRecord.VALUE_BYTES.set(segment, at, value.bytes());
        });
    }

    void addAlias(Alias alias) {
        Range name = string(alias.name());
        Range target = string(alias.target());
        record(Section.ALIASES, (segment, at) -> {
            AliasRecord.NAME_START.set(segment, at, name.start());
            AliasRecord.NAME_BYTES.set(segment, at, name.bytes());
            AliasRecord.TARGET_START.set(segment, at, target.start());
            AliasRecord.TARGET_BYTES.set(segment, at, target.bytes());
        });
    }

    void addAttachment(Attachment attachment) {
        Range name = string(attachment.name());
        Range scope = string(attachment.scope());
        Range value = value(attachment.value());
        record(Section.ATTACHMENTS, (segment, at) -> {
            AttachmentRecord.NAME_START.set(segment, at, name.start());
            AttachmentRecord.NAME_BYTES.set(segment, at, name.bytes());
            AttachmentRecord.SCOPE_START.set(segment, at, scope.start());
            AttachmentRecord.SCOPE_BYTES.set(segment, at, scope.bytes());
            AttachmentRecord.VALUE_START.set(segment, at, value.start());
            AttachmentRecord.VALUE_BYTES.set(segment, at, value.bytes());
        });
    }

    void addFinding(Finding finding) {
        Range code = string(finding.code());
        Range text = string(finding.text());
        record(Section.FINDINGS, (segment, at) -> {
            FindingRecord.CODE_START.set(segment, at, code.start());
            FindingRecord.CODE_BYTES.set(segment, at, code.bytes());
            FindingRecord.TEXT_START.set(segment, at, text.start());
            FindingRecord.TEXT_BYTES.set(segment, at, text.bytes());
        });
    }

    void addFact(String fact, Value content) {
        Range name = string(fact);
        Range value = value(content);
        record(Section.FACTS, (segment, at) -> {
            FactRecord.NAME_START.set(segment, at, name.start());
            FactRecord.NAME_BYTES.set(segment, at, name.bytes());
            FactRecord.VALUE_START.set(segment, at, value.start());
            FactRecord.VALUE_BYTES.set(segment, at, value.bytes());
        });
    }
}
