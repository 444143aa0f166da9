package org.trencadis.index;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.trencadis.format.AliasRecord;
import org.trencadis.format.AttachmentRecord;
import org.trencadis.format.EncodingRecord;
import org.trencadis.format.FactRecord;
import org.trencadis.format.FieldHandle;
import org.trencadis.format.FileRecord;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.GroupRecord;
import org.trencadis.format.HolderRecord;
import org.trencadis.format.NameRecord;
import org.trencadis.format.RecordLayout;
import org.trencadis.format.Section;
import org.trencadis.format.Value;

/**
 * How the records stand to each other that are not tensors, copies or fragments: states, encodings, files, holders,
 * groups, aliases, and everything that has a value. Values stand in the order of their records without gaps.
 */
final class SmallSectionCheck {
    private final Catalog catalog;
    private final IndexImage image;
    private final MemorySegment segment;
    private long nextValue;

    SmallSectionCheck(Catalog catalog) {
        this.catalog = catalog;
        this.image = catalog.image();
        this.segment = image.segment();
    }

    /** @param strideStart where the strides of the first encoding must stand in the coordinates section */
    void run(long strideStart) throws Corrupt {
        checkSorted(Section.STATES, NameRecord.LAYOUT, NameRecord.START, NameRecord.BYTES);
        checkEncodings(strideStart);
        for (long ordinal = 0; ordinal < image.count(Section.FILES); ordinal++) {
            checkFile(image.at(Section.FILES, ordinal));
        }
        checkHolders();
        checkGroups();
        checkSorted(Section.ALIASES, AliasRecord.LAYOUT, AliasRecord.NAME_START, AliasRecord.NAME_BYTES);
        checkValues(
                Section.ATTACHMENTS,
                AttachmentRecord.LAYOUT,
                AttachmentRecord.VALUE_START,
                AttachmentRecord.VALUE_BYTES);
        checkValues(Section.FACTS, FactRecord.LAYOUT, FactRecord.VALUE_START, FactRecord.VALUE_BYTES);
        checkEnd(Section.VALUES, nextValue);
    }

    private void checkSorted(Section section, RecordLayout layout, FieldHandle.U64 start, FieldHandle.U32 bytes)
            throws Corrupt {
        byte[] previous = null;
        for (long ordinal = 0; ordinal < image.count(section); ordinal++) {
            long at = image.at(section, ordinal);
            byte[] name = catalog.parts().bytes(Section.STRINGS, start.get(segment, at), bytes.get(segment, at));
            if (previous != null && Arrays.compareUnsigned(previous, name) >= 0) {
                throw layout.fault(
                        start.offsetBytes(),
                        at,
                        section + " are sorted by name, each once",
                        "a later name",
                        catalog.parts().text(name),
                        image.resource());
            }
            previous = name;
        }
    }

    private void checkEncodings(long strideStart) throws Corrupt {
        long next = strideStart;
        for (long ordinal = 0; ordinal < image.count(Section.ENCODINGS); ordinal++) {
            long at = image.at(Section.ENCODINGS, ordinal);
            int order = EncodingRecord.ORDER.get(segment, at);
            catalog.parts().checkStart(EncodingRecord.LAYOUT, EncodingRecord.STRIDE_START, at, order == 0 ? 0 : next);
            next += order;
            checkTransform(at);
        }
        checkEnd(Section.COORDINATES, next);
    }

    private void checkTransform(long at) throws Corrupt {
        boolean none = EncodingRecord.TRANSFORM.get(segment, at) == 0;
        long offset = EncodingRecord.STREAM_OFFSET.get(segment, at);
        if (none ? offset != 0 : offset < 0) {
            throw EncodingRecord.LAYOUT.fault(
                    EncodingRecord.STREAM_OFFSET.offsetBytes(),
                    at,
                    "only elements of a stream have a position in one",
                    none ? "0" : "0 to 2^63 - 1",
                    offset,
                    image.resource());
        }
    }

    private void checkFile(long at) throws Corrupt {
        boolean shard = FileRecord.KIND.get(segment, at) == FileRecord.SHARD;
        boolean hasDigest = (FileRecord.FLAGS.get(segment, at) & FileRecord.HAS_DIGEST) != 0;
        if (shard != (FileRecord.PATH_BYTES.get(segment, at) == 0)) {
            throw fileFault(
                    FileRecord.KIND.offsetBytes(),
                    at,
                    "a foreign file has a path, a shard has none",
                    FileRecord.PATH_BYTES.get(segment, at) + " bytes of path");
        }
        if (shard && !hasDigest) {
            throw fileFault(FileRecord.FLAGS.offsetBytes(), at, "the digest of a shard is its id", "no digest");
        }
        for (FieldHandle.U64 stamp :
                new FieldHandle.U64[] {FileRecord.DEVICE, FileRecord.INODE, FileRecord.MTIME, FileRecord.CTIME}) {
            if (shard && stamp.get(segment, at) != 0) {
                throw fileFault(stamp.offsetBytes(), at, "a shard has no stamp", stamp.get(segment, at));
            }
        }
        catalog.parts().checkDigest(FileRecord.LAYOUT, FileRecord.DIGEST, at, hasDigest);
    }

    private Corrupt fileFault(int field, long at, String rule, Object actual) {
        return FileRecord.LAYOUT.fault(field, at, rule, "as the rule says", actual, image.resource());
    }

    private void checkHolders() throws Corrupt {
        for (long ordinal = 0; ordinal < image.count(Section.HOLDERS); ordinal++) {
            long at = image.at(Section.HOLDERS, ordinal);
            Value value = value(HolderRecord.LAYOUT, HolderRecord.VALUE_START, HolderRecord.VALUE_BYTES, at);
            long previous = -1;
            for (long rank : catalog.parts().ranks(value, at)) {
                if (rank <= previous) {
                    throw HolderRecord.LAYOUT.fault(
                            HolderRecord.VALUE_START.offsetBytes(),
                            at,
                            "ranks of a holder set ascend",
                            "more than " + previous,
                            rank,
                            image.resource());
                }
                previous = rank;
            }
        }
    }

    private void checkGroups() throws Corrupt {
        long nextMember = 0;
        for (long ordinal = 0; ordinal < image.count(Section.GROUPS); ordinal++) {
            long at = image.at(Section.GROUPS, ordinal);
            catalog.parts().checkStart(GroupRecord.LAYOUT, GroupRecord.MEMBER_START, at, nextMember);
            nextMember += GroupRecord.MEMBER_COUNT.get(segment, at);
            Value value = value(GroupRecord.LAYOUT, GroupRecord.VALUE_START, GroupRecord.VALUE_BYTES, at);
            if (!(value instanceof Value.Mapping)) {
                throw GroupRecord.LAYOUT.fault(
                        GroupRecord.VALUE_START.offsetBytes(),
                        at,
                        "hyperparameters are a mapping",
                        "mapping",
                        value.getClass().getSimpleName(),
                        image.resource());
            }
        }
        checkEnd(Section.MEMBERS, nextMember);
    }

    private void checkValues(Section section, RecordLayout layout, FieldHandle.U64 start, FieldHandle.U64 bytes)
            throws Corrupt {
        for (long ordinal = 0; ordinal < image.count(section); ordinal++) {
            value(layout, start, bytes, image.at(section, ordinal));
        }
    }

    private Value value(RecordLayout layout, FieldHandle.U64 start, FieldHandle.U64 bytes, long at) throws Corrupt {
        catalog.parts().checkStart(layout, start, at, nextValue);
        long length = bytes.get(segment, at);
        nextValue += length;
        return catalog.parts().value(start.get(segment, at), length);
    }

    private void checkEnd(Section section, long used) throws Corrupt {
        if (used != image.count(section)) {
            throw new Corrupt(
                    "every entry of " + section + " belongs to one record",
                    used,
                    image.count(section),
                    new Place(image.resource(), section.name(), image.offset(section)));
        }
    }
}
