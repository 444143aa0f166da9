package org.trencadis.source.megatron;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.trencadis.source.Draft;
import org.trencadis.source.Nodes;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;

/**
 * Reads {@code distrib_optim.pt}: the states of Megatron's distributed optimizer, gathered from its data-parallel ranks to
 * flat buffers, one for each piece of the model and dtype of its parameters. The file does not say where parameters lie.
 * States are taken where lengths prove positions and the master weights found there are those of the model; where one
 * rank's are not, none are.
 */
final class FlatOptimizer {
    static final String FILE = "distrib_optim.pt";

    private static final String MASTER = "param";
    private static final List<String> STATES = List.of(MASTER, "exp_avg", "exp_avg_sq");

    private static final int COMPARED_ELEMENTS = 1024;
    private static final long BUCKET_ELEMENTS = 40_000_000;
    private static final long BUCKET_ELEMENTS_OF_RANK = 1_000_000;

    private final Draft draft;
    private final FileCache cache;
    private final LegacyGeometry geometry;
    private final StoredArguments args;
    private final List<Found> found = new ArrayList<>();
    private final List<String> refused = new ArrayList<>();
    private int files;

    FlatOptimizer(Draft draft, FileCache cache, LegacyGeometry geometry, StoredArguments args) {
        this.draft = draft;
        this.cache = cache;
        this.geometry = geometry;
        this.args = args;
    }

    private record Found(LegacyPart part, String state, TorchTensor tensor, int file, int holders) {}

    /**
     * Reads a rank's file, without adding anything yet.
     *
     * @param model the file that holds the rank's model
     * @param pieces parameters of each piece, in the module's order
     */
    void read(Path file, Path model, int stage, int rank, List<List<LegacyPart>> pieces) throws IOException {
        files++;
        try (TorchFile torch = TorchFile.open(file, cache)) {
            Reading reading = new Reading(torch, model, stage, rank, pieces);
            String problem = args.isTrue("overlap_param_gather_with_optimizer_step")
                    ? "the job had an optimizer for the first piece and another one for the rest"
                    : reading.findProblem();
            if (problem == null) {
                found.addAll(reading.states);
            } else {
                refused.add(draft.relative(file) + ": " + problem);
            }
        }
    }

    /** Whether each rank has a file, and all of them were understood. */
    boolean isComplete() {
        return files == geometry.pp() * geometry.ranks() && refused.isEmpty();
    }

    boolean hasFiles() {
        return files > 0;
    }

    /** Adds the states, or a finding. */
    void write() throws IOException {
        if (hasFiles() && !isComplete()) {
            if (refused.isEmpty()) {
                refused.add("only " + files + " ranks have the file");
            }
            draft.builder()
                    .addFinding(
                            "megatron.distrib-optim",
                            "the optimizer's states are not in the catalog, as " + FILE + " does not record where"
                                    + " parameters lie in its flat buffers and nothing else proves it: "
                                    + Nodes.firstOf(refused)
                                    + ". Load the checkpoint in the job that wrote it and save it with --ckpt-format"
                                    + " torch_dist --dist-ckpt-optim-fully-reshardable");
            return;
        }
        for (Found each : found) {
            each.part().add(draft, each.state(), each.tensor(), each.file(), each.holders());
        }
    }

    /** One file; methods return what is wrong with it, or null. */
    private final class Reading {
        private final List<Found> states = new ArrayList<>();
        private final TorchFile torch;
        private final Path model;
        private final int stage;
        private final int rank;
        private final List<List<LegacyPart>> pieces;
        private final int file;
        private final int holders;

        Reading(TorchFile torch, Path model, int stage, int rank, List<List<LegacyPart>> pieces) {
            this.torch = torch;
            this.model = model;
            this.stage = stage;
            this.rank = rank;
            this.pieces = pieces;
            this.file = draft.file(torch);
            this.holders = LegacyTensors.holders(draft, geometry, stage, rank);
        }

        String findProblem() throws IOException {
            Node root = torch.root();
            List<Node> optimizers = new ArrayList<>();
            for (int i = 0; Nodes.isList(root) && i < root.size(); i++) {
                optimizers.add(root.item(i));
            }
            if (!Nodes.isList(root)) {
                optimizers.add(root);
            }
            // Experts have an optimizer of their own where ranks share them.
            boolean experts = pieces.stream().anyMatch(piece -> piece.stream().anyMatch(this::isShared));
            int expected = experts ? 2 : 1;
            if (optimizers.size() != expected) {
                return "it holds " + optimizers.size() + " optimizers, expected " + expected;
            }
            for (int i = 0; i < expected; i++) {
                boolean elsewhere =
                        i == 0 && rank / geometry.tp() > 0 && optimizers.get(i).isNone();
                String problem = elsewhere ? null : findProblem(optimizers.get(i), i == 1);
                if (problem != null) {
                    return problem;
                }
            }
            return null;
        }

        private boolean isShared(LegacyPart part) {
            return part.expert() && geometry.ep() > 1;
        }

        private String findProblem(Node optimizer, boolean expert) throws IOException {
            if (optimizer.kind() != Kind.DICT || optimizer.find("buckets_coalesced") == null) {
                return "it is of the form before April 2024, whose buckets depend on the job";
            }
            int number = 0;
            for (int piece = 0; piece < pieces.size(); piece++) {
                Map<Dtype, List<LegacyPart>> buffers = new LinkedHashMap<>();
                Set<String> names = new HashSet<>();
                for (LegacyPart part : pieces.get(piece)) {
                    if (isShared(part) == expert && names.add(part.name())) {
                        buffers.computeIfAbsent(part.held().dtype(), dtype -> new ArrayList<>())
                                .add(part);
                    }
                }
                for (Map.Entry<Dtype, List<LegacyPart>> buffer : buffers.entrySet()) {
                    String problem =
                            findProblem(optimizer.find((long) number), piece, buffer.getKey(), buffer.getValue());
                    if (problem != null) {
                        return "buffer " + number + " " + problem;
                    }
                    number++;
                }
            }
            return optimizer.find((long) number) == null
                    ? null
                    : "it holds more buffers than the " + number + " that the model's parameters fill";
        }

        private String findProblem(Node buffer, int piece, Dtype dtype, List<LegacyPart> parts) throws IOException {
            if (buffer == null || buffer.kind() != Kind.DICT || buffer.size() != 1) {
                return "is not there";
            }
            Node key = buffer.key(0);
            String name = (Nodes.isList(key) && key.size() > 0 ? key.item(0) : key).globalName();
            if (!("torch." + dtype.torchName()).equals(name)) {
                return "is of " + name + ", the model's parameters are of torch." + dtype.torchName();
            }
            Map<String, TorchTensor> flats = new LinkedHashMap<>();
            Set<Long> lengths = new TreeSet<>();
            for (String state : STATES) {
                Node node = buffer.value(0).find(state);
                TorchTensor flat = node == null || node.kind() != Kind.TENSOR ? null : node.asTensor();
                if (flat == null || flat.shape().length != 1 || !flat.isRowMajor() || flat.dtype() != Dtype.FLOAT32) {
                    return "has no flat float32 tensor " + state;
                }
                lengths.add(flat.elements());
                flats.put(state, flat);
            }
            BufferPlan plan = plan(parts);
            long[] starts =
                    lengths.size() > 1 ? null : plan.find(lengths.iterator().next(), bucketElements(piece));
            if (starts == null) {
                return "is of " + lengths + " elements; the model's parameters fill " + plan.lengths()
                        + ", depending on where the job's buckets ended";
            }
            return add(parts, starts, flats);
        }

        private BufferPlan plan(List<LegacyPart> parts) {
            long[] elements = new long[parts.size()];
            boolean[] alone = new boolean[parts.size()];
            for (int i = 0; i < elements.length; i++) {
                elements[i] = parts.get(i).held().elements();
                alone[i] = geometry.pp() > 1 && args.isTied() && parts.get(i).isEmbedding();
            }
            return new BufferPlan(elements, alone);
        }

        /** As the job cut buckets: only where it reduced gradients meanwhile, on the first stage, in its first piece. */
        private long bucketElements(int piece) {
            if (!args.isTrue("overlap_grad_reduce") || stage > 0 || piece > 0) {
                return Long.MAX_VALUE;
            }
            long ranks = args.number(geometry.dp(), "data_parallel_size");
            long size = Math.max(BUCKET_ELEMENTS, BUCKET_ELEMENTS_OF_RANK * Math.clamp(ranks, 1, Nodes.MAX_COUNT));
            return Math.max(1, args.number(size, "ddp_bucket_size"));
        }

        private String add(List<LegacyPart> parts, long[] starts, Map<String, TorchTensor> flats) throws IOException {
            for (int i = 0; i < starts.length; i++) {
                LegacyPart part = parts.get(i);
                long[] shape = part.held().shape();
                for (Map.Entry<String, TorchTensor> each : flats.entrySet()) {
                    TorchTensor tensor =
                            AttentionOrder.at(each.getValue(), starts[i], shape, Shapes.rowMajorStrides(shape));
                    states.add(new Found(
                            part, each.getKey().equals(MASTER) ? "fp32" : each.getKey(), tensor, file, holders));
                    if (each.getKey().equals(MASTER) && !isMaster(tensor, part.held())) {
                        return "does not hold the master weights of " + part.name() + " where they should lie";
                    }
                }
            }
            return null;
        }

        /** Whether the first and the last elements of a master weight, rounded, are those of the module. */
        private boolean isMaster(TorchTensor master, TorchTensor held) throws IOException {
            if (!held.isRowMajor()) {
                return false;
            }
            int count = (int) Math.min(held.elements(), COMPARED_ELEMENTS);
            try (FileLease flat = cache.lease(torch.file());
                    FileLease module = cache.lease(model)) {
                for (long from : new long[] {0, held.elements() - count}) {
                    ByteBuffer wide = read(flat, master, from, count);
                    ByteBuffer narrow = read(module, held, from, count);
                    for (int i = 0; i < count; i++) {
                        if (!isRounded(wide.getFloat(), narrow, held.dtype())) {
                            return false;
                        }
                    }
                }
            }
            return true;
        }
    }

    private static ByteBuffer read(FileLease lease, TorchTensor tensor, long from, int count) throws IOException {
        byte[] bytes = new byte[count * tensor.dtype().bytes()];
        lease.read(tensor.offsetBytes() + from * tensor.dtype().bytes(), MemorySegment.ofArray(bytes), 0, bytes.length);
        return ByteBuffer.wrap(bytes).order(tensor.bigEndian() ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
    }

    private static boolean isRounded(float wide, ByteBuffer narrow, Dtype dtype) {
        int bits = Float.floatToRawIntBits(wide);
        return switch (dtype) {
            case FLOAT32 -> Float.isNaN(wide) ? Float.isNaN(narrow.getFloat()) : narrow.getInt() == bits;
            case FLOAT16 -> Float.floatToFloat16(wide) == narrow.getShort();
            case BFLOAT16 -> {
                // To nearest, ties to even.
                short rounded = (short) (bits + 0x7FFF + (bits >>> 16 & 1) >>> 16);
                short stored = narrow.getShort();
                yield Float.isNaN(wide) || rounded == stored;
            }
            default -> false;
        };
    }
}
