package org.trencadis.index;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.trencadis.format.AliasRecord;
import org.trencadis.format.AttachmentRecord;
import org.trencadis.format.FactRecord;
import org.trencadis.format.FieldHandle;
import org.trencadis.format.FileRecord;
import org.trencadis.format.FindingRecord;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.GroupRecord;
import org.trencadis.format.NameRecord;
import org.trencadis.format.RecordLayout;
import org.trencadis.format.Section;
import org.trencadis.format.TensorRecord;

/**
 * That the strings section holds what records refer to, each string where it is met first, and nothing else.
 *
 * <p>The order is: names of tensors; states; paths of files; of each group its members, then its name; aliases, each
 * before its target; name and scope of attachments; code and text of findings; names of facts. A record either refers to
 * the next string, or to one that was there before.
 */
final class StringCheck {
    private final Catalog catalog;
    private final IndexImage image;
    private final MemorySegment segment;
    /** Start to length of the strings so far, but for names of tensors. */
    private final Map<Long, Long> known = new HashMap<>();

    private long next;
    private long previousStart = -1;
    private long previousBytes = -1;

    StringCheck(Catalog catalog) {
        this.catalog = catalog;
        this.image = catalog.image();
        this.segment = image.segment();
    }

    void run() throws Corrupt {
        each(Section.TENSORS, this::tensorName);
        each(Section.STATES, at -> string(NameRecord.LAYOUT, NameRecord.START, NameRecord.BYTES, at));
        each(Section.FILES, at -> string(FileRecord.LAYOUT, FileRecord.PATH_START, FileRecord.PATH_BYTES, at));
        each(Section.GROUPS, this::group);
        each(Section.ALIASES, at -> {
            string(AliasRecord.LAYOUT, AliasRecord.NAME_START, AliasRecord.NAME_BYTES, at);
            string(AliasRecord.LAYOUT, AliasRecord.TARGET_START, AliasRecord.TARGET_BYTES, at);
        });
        each(Section.ATTACHMENTS, at -> {
            string(AttachmentRecord.LAYOUT, AttachmentRecord.NAME_START, AttachmentRecord.NAME_BYTES, at);
            string(AttachmentRecord.LAYOUT, AttachmentRecord.SCOPE_START, AttachmentRecord.SCOPE_BYTES, at);
        });
        each(Section.FINDINGS, at -> {
            string(FindingRecord.LAYOUT, FindingRecord.CODE_START, FindingRecord.CODE_BYTES, at);
            string(FindingRecord.LAYOUT, FindingRecord.TEXT_START, FindingRecord.TEXT_BYTES, at);
        });
        each(Section.FACTS, at -> string(FactRecord.LAYOUT, FactRecord.NAME_START, FactRecord.NAME_BYTES, at));
        if (next != image.count(Section.STRINGS)) {
            throw new Corrupt(
                    "every byte of STRINGS belongs to a string",
                    next,
                    image.count(Section.STRINGS),
                    new Place(image.resource(), "STRINGS", image.offset(Section.STRINGS)));
        }
    }

    @FunctionalInterface
    private interface RecordCheck {
        void check(long at) throws Corrupt;
    }

    private void each(Section section, RecordCheck check) throws Corrupt {
        for (long ordinal = 0; ordinal < image.count(section); ordinal++) {
            check.check(image.at(section, ordinal));
        }
    }

    /** Tensors of one name follow each other and share it; there may be too many to remember them all. */
    private void tensorName(long at) throws Corrupt {
        long start = TensorRecord.NAME_START.get(segment, at);
        long bytes = TensorRecord.NAME_BYTES.get(segment, at);
        if (start != previousStart || bytes != previousBytes) {
            fresh(TensorRecord.LAYOUT, TensorRecord.NAME_START, start, bytes, at);
            previousStart = start;
            previousBytes = bytes;
        }
    }

    private void group(long at) throws Corrupt {
        long start = GroupRecord.MEMBER_START.get(segment, at);
        long count = GroupRecord.MEMBER_COUNT.get(segment, at);
        image.at(Section.MEMBERS, start, count);
        for (long member = 0; member < count; member++) {
            long name = image.at(Section.MEMBERS, start + member);
            string(NameRecord.LAYOUT, NameRecord.START, NameRecord.BYTES, name);
        }
        string(GroupRecord.LAYOUT, GroupRecord.NAME_START, GroupRecord.NAME_BYTES, at);
    }

    private void string(RecordLayout layout, FieldHandle.U64 startField, FieldHandle.U32 bytesField, long at)
            throws Corrupt {
        long start = startField.get(segment, at);
        long bytes = bytesField.get(segment, at);
        Long length = known.get(start);
        if (length == null || length != bytes) {
            fresh(layout, startField, start, bytes, at);
            known.put(start, bytes);
        }
    }

    private void fresh(RecordLayout layout, FieldHandle.U64 field, long start, long bytes, long at) throws Corrupt {
        if (start != next) {
            throw layout.fault(
                    field.offsetBytes(),
                    at,
                    "a string is the next one or one that was there before",
                    next,
                    start,
                    image.resource());
        }
        byte[] text = catalog.parts().bytes(Section.STRINGS, start, bytes);
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text));
        } catch (CharacterCodingException e) {
            throw layout.fault(field.offsetBytes(), at, "a string is UTF-8", "UTF-8", "other bytes", image.resource());
        }
        next += bytes;
    }
}
