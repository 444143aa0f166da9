package org.trencadis.index;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.format.AliasRecord;
import org.trencadis.format.AttachmentRecord;
import org.trencadis.format.FactRecord;
import org.trencadis.format.FindingRecord;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.GroupRecord;
import org.trencadis.format.NameRecord;
import org.trencadis.format.Section;
import org.trencadis.format.Value;

/** Decodes the lists that stand beside the tensors: states, groups, aliases, attachments, findings and facts. */
final class ListRecords {
    private final RecordParts parts;
    private final IndexImage image;
    private final MemorySegment segment;

    ListRecords(RecordParts parts) {
        this.parts = parts;
        this.image = parts.image();
        this.segment = image.segment();
    }

    /** The states in use, sorted. */
    List<String> states() throws Corrupt {
        List<String> states = new ArrayList<>();
        for (int ordinal = 0; ordinal < image.count(Section.STATES); ordinal++) {
            states.add(parts.state(ordinal));
        }
        return states;
    }

    /** The optimizer groups, in order. */
    List<Group> groups() throws Corrupt {
        List<Group> groups = new ArrayList<>();
        for (long ordinal = 0; ordinal < image.count(Section.GROUPS); ordinal++) {
            long at = image.at(Section.GROUPS, ordinal);
            parts.check(GroupRecord.LAYOUT, at);
            long start = GroupRecord.MEMBER_START.get(segment, at);
            List<String> members = new ArrayList<>();
            for (long member = 0; member < GroupRecord.MEMBER_COUNT.get(segment, at); member++) {
                long name = image.at(Section.MEMBERS, start + member);
                members.add(parts.string(NameRecord.START.get(segment, name), NameRecord.BYTES.get(segment, name)));
            }
            groups.add(new Group(
                    parts.string(GroupRecord.NAME_START.get(segment, at), GroupRecord.NAME_BYTES.get(segment, at)),
                    members,
                    (GroupRecord.FLAGS.get(segment, at) & GroupRecord.EXPERT) != 0,
                    parts.mapping(
                            GroupRecord.VALUE_START.get(segment, at), GroupRecord.VALUE_BYTES.get(segment, at), at)));
        }
        return groups;
    }

    /** Second names of parameters, sorted by alias. */
    List<Alias> aliases() throws Corrupt {
        List<Alias> aliases = new ArrayList<>();
        for (long ordinal = 0; ordinal < image.count(Section.ALIASES); ordinal++) {
            long at = image.at(Section.ALIASES, ordinal);
            parts.check(AliasRecord.LAYOUT, at);
            aliases.add(new Alias(
                    parts.string(AliasRecord.NAME_START.get(segment, at), AliasRecord.NAME_BYTES.get(segment, at)),
                    parts.string(
                            AliasRecord.TARGET_START.get(segment, at), AliasRecord.TARGET_BYTES.get(segment, at))));
        }
        return aliases;
    }

    /** What is not a tensor, in the order in which it was read. */
    List<Attachment> attachments() throws Corrupt {
        List<Attachment> attachments = new ArrayList<>();
        for (long ordinal = 0; ordinal < image.count(Section.ATTACHMENTS); ordinal++) {
            long at = image.at(Section.ATTACHMENTS, ordinal);
            parts.check(AttachmentRecord.LAYOUT, at);
            attachments.add(new Attachment(
                    parts.string(
                            AttachmentRecord.NAME_START.get(segment, at), AttachmentRecord.NAME_BYTES.get(segment, at)),
                    parts.string(
                            AttachmentRecord.SCOPE_START.get(segment, at),
                            AttachmentRecord.SCOPE_BYTES.get(segment, at)),
                    parts.value(
                            AttachmentRecord.VALUE_START.get(segment, at),
                            AttachmentRecord.VALUE_BYTES.get(segment, at))));
        }
        return attachments;
    }

    /** What a person should know. */
    List<Finding> findings() throws Corrupt {
        List<Finding> findings = new ArrayList<>();
        for (long ordinal = 0; ordinal < image.count(Section.FINDINGS); ordinal++) {
            long at = image.at(Section.FINDINGS, ordinal);
            parts.check(FindingRecord.LAYOUT, at);
            findings.add(new Finding(
                    parts.string(FindingRecord.CODE_START.get(segment, at), FindingRecord.CODE_BYTES.get(segment, at)),
                    parts.string(
                            FindingRecord.TEXT_START.get(segment, at), FindingRecord.TEXT_BYTES.get(segment, at))));
        }
        return findings;
    }

    /** Facts about the checkpoint, in the order in which they were recorded. */
    Value.Mapping facts() throws Corrupt {
        List<Value.Entry> facts = new ArrayList<>();
        for (long ordinal = 0; ordinal < image.count(Section.FACTS); ordinal++) {
            long at = image.at(Section.FACTS, ordinal);
            parts.check(FactRecord.LAYOUT, at);
            String name = parts.string(FactRecord.NAME_START.get(segment, at), FactRecord.NAME_BYTES.get(segment, at));
            facts.add(new Value.Entry(
                    new Value.Text(name),
                    parts.value(FactRecord.VALUE_START.get(segment, at), FactRecord.VALUE_BYTES.get(segment, at))));
        }
        return new Value.Mapping(facts);
    }
}
