package org.trencadis.index;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.Section;
import org.trencadis.format.Value;
import org.trencadis.tensor.Box;

/**
 * A read-only view over an index image: tensors by (name, state), their copies, fragments and extents.
 *
 * <p>Nothing is loaded: each call decodes what it returns. Safe for several threads. Every method that reads records
 * throws {@link Corrupt} where they contradict the specification, and {@link org.trencadis.storage.StorageException}
 * where the index was cut since it was opened.
 */
public final class Catalog implements AutoCloseable {
    private final IndexImage image;
    private final RecordParts parts;
    private final TensorRecords tensors;
    private final ListRecords lists;

    private Catalog(IndexImage image) {
        this.image = image;
        this.parts = new RecordParts(image);
        this.tensors = new TensorRecords(parts);
        this.lists = new ListRecords(parts);
    }

    /** The catalog over {@code image}, which it owns from now on. */
    public static Catalog over(IndexImage image) {
        return new Catalog(image);
    }

    /** The image; valid until this catalog is closed. */
    public IndexImage image() {
        return image;
    }

    /** What its records refer to, for those that check them. */
    RecordParts parts() {
        return parts;
    }

    /** The number of tensors, all states counted. */
    public int tensorCount() {
        return tensors.count();
    }

    /** The tensor at {@code ordinal} of the (name, state) order. */
    public Tensor tensor(int ordinal) throws IOException {
        return image.read(() -> tensors.tensor(ordinal));
    }

    /** The ordinal of the tensor {@code name} in {@code state}, or -1. */
    public int findTensor(String name, String state) throws IOException {
        return image.read(() -> tensors.findTensor(name, state));
    }

    /** The tensors called {@code name}, in the order of their states; empty where there are none. */
    public List<Tensor> findTensors(String name) throws IOException {
        return image.read(() -> tensors.findTensors(name));
    }

    /** Copy {@code number} of {@code tensor}; from {@code copyCount} on, its margins. */
    public Copy copy(Tensor tensor, int number) throws IOException {
        return image.read(() -> tensors.copy(tensor, number));
    }

    /** Fragment {@code number} of {@code copy}, by the row-major position of its first element. */
    public Fragment fragment(Copy copy, long number) throws IOException {
        return image.read(() -> tensors.fragment(copy, number));
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
    public Extent extent(Fragment fragment, int number) throws IOException {
        return image.read(() -> tensors.extent(fragment, number));
    }

    /** The encoding at {@code ordinal}. */
    public Encoding encoding(int ordinal) throws IOException {
        return image.read(() -> tensors.encoding(ordinal));
    }

    /** The number of files. */
    public int fileCount() {
        return Math.toIntExact(image.count(Section.FILES));
    }

    /** The file at {@code ordinal}. */
    public FileEntry file(int ordinal) throws IOException {
        return image.read(() -> tensors.file(ordinal));
    }

    /** The ranks of holder set {@code ordinal}, ascending; empty for -1. */
    public List<Long> holders(int ordinal) throws IOException {
        return image.read(() -> tensors.holders(ordinal));
    }

    /** The states in use, sorted. */
    public List<String> states() throws IOException {
        return image.read(lists::states);
    }

    /** The optimizer groups, in order. */
    public List<Group> groups() throws IOException {
        return image.read(lists::groups);
    }

    /** Second names of parameters, sorted by alias. */
    public List<Alias> aliases() throws IOException {
        return image.read(lists::aliases);
    }

    /** What is not a tensor, in the order in which it was read. */
    public List<Attachment> attachments() throws IOException {
        return image.read(lists::attachments);
    }

    /** What a person should know. */
    public List<Finding> findings() throws IOException {
        return image.read(lists::findings);
    }

    /** Facts about the checkpoint, in the order in which they were recorded. */
    public Value.Mapping facts() throws IOException {
        return image.read(lists::facts);
    }

    /** The text fact {@code name}, or null. */
    public String findFact(String name) throws IOException {
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
        image.read(() -> {
            new StructureCheck(this).run();
            return null;
        });
    }
}
