package org.trencadis.index;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.trencadis.format.FormatLimits;
import org.trencadis.format.Value;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;

/**
 * Takes tensors, copies and fragments in the order in which a source meets them, and makes the catalog of them.
 *
 * <p>Tensors and copies are small objects; fragments, of which there may be tens of millions, go to off-heap logs
 * and from there straight to their place in the image. Not safe for several threads.
 */
public final class CatalogBuilder implements AutoCloseable {
    /** A tensor that is being collected. */
    static final class TensorDraft {
        final byte[] name;
        final String state;
        final Dtype dtype;
        final long[] shape;
        final List<CopyDraft> copies = new ArrayList<>(1);
        final List<CopyDraft> margins = new ArrayList<>(0);
        boolean derived;
        boolean blend;
        byte[] root;

        TensorDraft(String name, String state, Dtype dtype, long[] shape) {
            this.name = name.getBytes(StandardCharsets.UTF_8);
            this.state = state;
            this.dtype = dtype;
            this.shape = shape;
        }

        String key() {
            return new String(name, StandardCharsets.UTF_8) + ":" + state;
        }
    }

    /** A copy that is being collected. */
    static final class CopyDraft {
        final int number;
        final TensorDraft tensor;
        final boolean margin;
        final int holders;
        long fragmentCount;
        byte[] root;

        CopyDraft(int number, TensorDraft tensor, boolean margin, int holders) {
            this.number = number;
            this.tensor = tensor;
            this.margin = margin;
            this.holders = holders;
        }
    }

    final List<TensorDraft> tensors = new ArrayList<>();
    final List<CopyDraft> copies = new ArrayList<>();
    final List<FileEntry> files = new ArrayList<>();
    final List<Encoding> encodings = new ArrayList<>();
    final List<List<Long>> holderSets = new ArrayList<>();
    final List<Group> groups = new ArrayList<>();
    final List<Alias> aliases = new ArrayList<>();
    final List<Attachment> attachments = new ArrayList<>();
    final List<Finding> findings = new ArrayList<>();
    final List<Value.Entry> facts = new ArrayList<>();
    final FragmentLog log = new FragmentLog();
    private final Map<String, Map<String, Integer>> ordinals = new HashMap<>();
    private final Map<List<Long>, Integer> holderOrdinals = new HashMap<>();

    /**
     * The tensor {@code name} in {@code state}, added where it is new.
     *
     * @param shape logical extents; not copied
     * @return its number in this builder, not its ordinal in the catalog
     * @throws CatalogException when the tensor was added with another type or shape, or cannot be stored
     */
    public int addTensor(String name, String state, Dtype dtype, long[] shape) throws CatalogException {
        Integer known = findTensor(name, state);
        if (known != null) {
            checkSame(tensors.get(known), dtype, shape);
            return known;
        }
        TensorDraft draft = new TensorDraft(name, state, dtype, shape);
        checkStorable(draft);
        ordinals.computeIfAbsent(name, key -> new HashMap<>(8)).put(state, tensors.size());
        tensors.add(draft);
        return tensors.size() - 1;
    }

    /** The number of the tensor {@code name} in {@code state}, or null. */
    public Integer findTensor(String name, String state) {
        Map<String, Integer> states = ordinals.get(name);
        return states == null ? null : states.get(state);
    }

    private static void checkSame(TensorDraft draft, Dtype dtype, long[] shape) throws CatalogException {
        if (draft.dtype != dtype || !Arrays.equals(draft.shape, shape)) {
            throw new CatalogException("tensor " + draft.key() + " is declared twice: as " + draft.dtype.torchName()
                    + " " + Shapes.print(draft.shape) + " and as " + dtype.torchName() + " " + Shapes.print(shape));
        }
    }

    private static void checkStorable(TensorDraft draft) throws CatalogException {
        if (draft.name.length > FormatLimits.MAX_NAME_BYTES) {
            throw new CatalogException("a name of " + draft.name.length + " bytes; at most "
                    + FormatLimits.MAX_NAME_BYTES + " can be stored");
        }
        if (draft.shape.length > FormatLimits.MAX_ORDER) {
            throw new CatalogException("tensor " + draft.key() + " has " + draft.shape.length + " axes, at most "
                    + FormatLimits.MAX_ORDER + " can be stored");
        }
        try {
            draft.dtype.bytes(Shapes.elements(draft.shape));
        } catch (ArithmeticException e) {
            throw new CatalogException(
                    "tensor " + draft.key() + " of shape " + Shapes.print(draft.shape) + " has 2^63 bytes or more");
        }
    }

    /** Adds a copy of a tensor; fragments are then added to its number. {@code holders} is a set's number or -1. */
    public int addCopy(int tensor, int holders) {
        return addCopy(tensor, false, holders);
    }

    /** Adds a margin: a copy of rows beyond the logical shape. */
    public int addMargin(int tensor, int holders) {
        return addCopy(tensor, true, holders);
    }

    private int addCopy(int tensor, boolean margin, int holders) {
        TensorDraft draft = tensors.get(tensor);
        CopyDraft copy = new CopyDraft(copies.size(), draft, margin, holders);
        (margin ? draft.margins : draft.copies).add(copy);
        copies.add(copy);
        return copies.size() - 1;
    }

    /** The number of the last copy of {@code tensor}, added where it has none. */
    public int copyOf(int tensor) {
        TensorDraft draft = tensors.get(tensor);
        if (draft.copies.isEmpty()) {
            return addCopy(tensor, -1);
        }
        return draft.copies.getLast().number;
    }

    /**
     * Adds a fragment with one extent; {@link #addExtent} adds further ones. A region without elements is not recorded.
     *
     * @param encoding number from {@link #addEncoding}, or -1 for canonical
     * @param holders number from {@link #addHolders}, or -1
     * @param file number from {@link #addFile}
     * @param offset foreign: byte offset of the first element; shard: ordinal of the first chunk
     * @param lengthBytes decoded bytes of the extent
     */
    public void addFragment(int copy, Region region, int encoding, int holders, int file, long offset, long lengthBytes)
            throws IOException {
        if (region.count() == 0) {
            return;
        }
        copies.get(copy).fragmentCount++;
        log.add(copy, region, encoding, holders);
        log.addExtent(file, offset, lengthBytes);
    }

    /** Adds an extent to the fragment that was added last. */
    public void addExtent(int file, long offset, long lengthBytes) throws IOException {
        log.addExtent(file, offset, lengthBytes);
    }

    /** Marks a tensor as the rounding of its master. */
    public void setDerived(int tensor) {
        tensors.get(tensor).derived = true;
    }

    /** Marks a tensor whose copies are averaged when read. */
    public void setBlend(int tensor) {
        tensors.get(tensor).blend = true;
    }

    /** Sets the root of a tensor. */
    public void setRoot(int tensor, byte[] root) {
        tensors.get(tensor).root = root;
    }

    /** Sets the root of one copy of a blend. */
    public void setCopyRoot(int copy, byte[] root) {
        copies.get(copy).root = root;
    }

    /** Adds a file; the number is for {@link #addFragment}. */
    public int addFile(FileEntry file) {
        files.add(file);
        return files.size() - 1;
    }

    /** Adds an encoding; the number is for {@link #addFragment}. */
    public int addEncoding(Encoding encoding) {
        encodings.add(encoding);
        return encodings.size() - 1;
    }

    /** The number of a set of ranks, the same for equal sets. */
    public int addHolders(List<Long> ranks) {
        List<Long> sorted = List.copyOf(new TreeSet<>(ranks));
        return holderOrdinals.computeIfAbsent(sorted, key -> {
            holderSets.add(key);
            return holderSets.size() - 1;
        });
    }

    public void addGroup(Group group) {
        groups.add(group);
    }

    public void addAlias(String name, String target) {
        aliases.add(new Alias(name, target));
    }

    public void addAttachment(Attachment attachment) {
        attachments.add(attachment);
    }

    public void addFinding(String code, String text) {
        findings.add(new Finding(code, text));
    }

    /** Records a fact about the checkpoint: framework, geometry, base of foreign files, evidence. */
    public void addFact(String name, Value value) {
        facts.add(new Value.Entry(new Value.Text(name), value));
    }

    /**
     * Builds the catalog and proves its coverage.
     *
     * @param resource what it describes, for messages
     * @throws CatalogException naming tensor, region and files where a copy has a hole or an overlap
     */
    public Catalog build(String resource) throws IOException {
        checkTexts();
        Catalog catalog = new ImageBuilder(this).build(resource);
        try {
            CoverageProof.prove(catalog);
            return catalog;
        } catch (IOException | RuntimeException e) {
            catalog.close();
            throw e;
        }
    }

    /** Names come from files that nobody checked, so one may be longer than an index can say. */
    private void checkTexts() throws CatalogException {
        for (FileEntry file : files) {
            checkText("the path of a file", file.path());
        }
        for (Group group : groups) {
            checkText("the name of a group", group.name());
            for (String parameter : group.parameters()) {
                checkText("the name of a parameter", parameter);
            }
        }
        for (Alias alias : aliases) {
            checkText("an alias", alias.name());
            checkText("the target of an alias", alias.target());
        }
        for (Attachment attachment : attachments) {
            checkText("the name of an attachment", attachment.name());
            checkText("the scope of an attachment", attachment.scope());
        }
        for (Finding finding : findings) {
            checkText("a finding", finding.text());
        }
        for (Value.Entry fact : facts) {
            checkText("the name of a fact", ((Value.Text) fact.key()).value());
        }
    }

    private static void checkText(String what, String text) throws CatalogException {
        int bytes = text.length() * 3 <= FormatLimits.MAX_NAME_BYTES ? 0 : text.getBytes(StandardCharsets.UTF_8).length;
        if (bytes > FormatLimits.MAX_NAME_BYTES) {
            throw new CatalogException(what + " has " + bytes + " bytes, at most " + FormatLimits.MAX_NAME_BYTES
                    + " can be stored: " + text.substring(0, 60) + "…");
        }
    }

    @Override
    public void close() throws IOException {
        log.close();
    }
}
