package org.trencadis.source;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;

/**
 * What a checkpoint declares about its tensor-parallel shards ({@code universal_checkpoint_info}): patterns over names, and
 * affine maps, which are preferred. Makes the {@link Placement} of each parameter.
 */
final class ParallelRules {
    /** From this version on the widths of sub-parameters are recorded. */
    private static final double WIDTHS_VERSION = 0.4;

    /** Pieces that one shard may be split into. */
    private static final long MAX_PIECES = 1 << 20;

    /**
     * A parameter that is several sub-parameters joined on one axis of a view of it.
     *
     * @param view extents of the view; one may be -1; that of {@code axis} is the sum of the sizes
     * @param sizes of the sub-parameters along {@code axis}; null where only their number is known
     * @param count of the sub-parameters
     */
    private record SubParameters(String pattern, long[] view, long[] sizes, int count, int axis, long[][] widths) {}

    private final int tp;
    private final boolean declared;
    private final double version;
    private final long vocabulary;
    private final NamePatterns replicated;
    private final NamePatterns averaged;
    private final NamePatterns halved;
    private final NamePatterns subPatterns;
    private final NamePatterns rowParallel;
    private final NamePatterns vocabularyPatterns;
    private final NamePatterns affinePatterns;
    private final Map<String, SubParameters> subParameters = new HashMap<>();
    private final Map<String, AffineMap> affine = new HashMap<>();
    private final TreeSet<String> contradictions = new TreeSet<>();
    private final TreeSet<String> byDefault = new TreeSet<>();

    private ParallelRules(Node info, int tp) throws IOException {
        this.tp = tp;
        this.declared = info != null;
        Node number = info == null ? null : Nodes.findValue(info, "universal_checkpoint_version");
        this.version = number == null ? 0 : number.asReal();
        this.vocabulary = info == null ? -1 : Nodes.findLong(info, "original_vocab_size", -1);
        this.replicated = patterns(info, "tp_replicated_parameter_patterns");
        this.averaged = patterns(info, "parameter_to_average_patterns");
        this.halved = patterns(info, "parameter_with_2_sub_params_cat_dim_0");
        this.rowParallel = patterns(info, "parameter_with_row_parallelism_patterns");
        this.vocabularyPatterns = patterns(info, "vocabulary_parameter_patterns");
        this.subPatterns = new NamePatterns(readSubParameters(info), "parameter_with_sub_params");
        this.affinePatterns = new NamePatterns(readAffine(info), "affine_map");
    }

    /**
     * The rules that {@code info} declares.
     *
     * @param info {@code universal_checkpoint_info}, or null where the checkpoint has none
     */
    static ParallelRules read(Node info, int tp) throws IOException {
        if (info != null && tp > 1) {
            Node refused = Nodes.findValue(info, "autotp_unsupported_parameter_patterns");
            if (refused != null && refused.size() > 0) {
                List<String> names = new ArrayList<>();
                refused.forEachEntry((pattern, reason) -> names.add(pattern.asText()));
                throw new SourceException(
                        refused.path() + " declares layouts that cannot be joined: " + RankGrid.firstOf(names));
            }
        }
        return new ParallelRules(info, tp);
    }

    private static NamePatterns patterns(Node info, String key) throws IOException {
        return new NamePatterns(info == null ? List.of() : Nodes.texts(Nodes.findValue(info, key)), key);
    }

    private List<String> readSubParameters(Node info) throws IOException {
        List<String> patterns = new ArrayList<>();
        Node list = info == null ? null : Nodes.findValue(info, "parameter_with_sub_params");
        Node widths = info == null ? null : Nodes.findValue(info, "sub_param_shard_widths");
        for (int i = 0; list != null && i < list.size(); i++) {
            Node entry = Nodes.attributes(list.item(i));
            for (String pattern : Nodes.texts(entry.get("patterns"))) {
                patterns.add(pattern);
                Node width = widths == null ? null : Nodes.findValue(widths, pattern);
                subParameters.putIfAbsent(pattern, readSubParameters(pattern, entry, width));
            }
        }
        return patterns;
    }

    private SubParameters readSubParameters(String pattern, Node entry, Node widths) throws IOException {
        Node shape = entry.get("shape");
        int axis = Math.toIntExact(entry.get("partition_dim").asLong());
        if (axis < 0 || axis >= shape.size()) {
            throw new SourceException(entry.path() + " is split on axis " + axis + " of " + shape.size() + " axes");
        }
        long[] view = new long[shape.size()];
        for (int i = 0; i < view.length; i++) {
            Node extent = shape.item(i);
            view[i] = Nodes.isList(extent) ? Arrays.stream(Nodes.longs(extent)).sum() : extent.asLong();
        }
        Node split = shape.item(axis);
        long[] sizes = Nodes.isList(split) ? Nodes.longs(split) : null;
        int count = sizes == null ? Math.toIntExact(split.asLong()) : sizes.length;
        if (sizes == null && version >= WIDTHS_VERSION) {
            sizes = new long[] {split.asLong()};
            count = 1;
        }
        long[][] recorded = widths == null ? null : new long[widths.size()][];
        for (int i = 0; recorded != null && i < recorded.length; i++) {
            recorded[i] = Nodes.longs(widths.item(i));
        }
        return new SubParameters(pattern, view, sizes, count, axis, recorded);
    }

    private List<String> readAffine(Node info) throws IOException {
        List<String> patterns = new ArrayList<>();
        Node map = info == null || tp == 1 ? null : Nodes.findValue(info, "affine_map");
        if (map == null) {
            return patterns;
        }
        if (map.get("version").asLong() != 1) {
            throw new SourceException(map.get("version").path() + " is "
                    + map.get("version").asLong() + ", expected 1: other affine maps are not supported");
        }
        map.get("params").forEachEntry((pattern, entry) -> {
            patterns.add(pattern.asText());
            affine.put(pattern.asText(), AffineMap.read(entry, tp));
        });
        return patterns;
    }

    /**
     * The placement of a parameter.
     *
     * @param shapes of its shards by tensor-parallel rank
     */
    Placement place(String name, long[][] shapes) throws IOException {
        Placement placement;
        if (tp == 1) {
            placement = Placement.unique(shapes[0]);
        } else {
            checkDeclared(name, shapes);
            placement = joined(name, shapes);
        }
        return cutVocabulary(name, placement);
    }

    /** The placement of a buffer: what a pattern says, else equal copies. */
    Placement placeBuffer(String name, long[][] shapes) throws IOException {
        if (tp == 1) {
            return Placement.unique(shapes[0]);
        }
        if (declared && findRule(name) != null) {
            return place(name, shapes);
        }
        for (long[] shape : shapes) {
            if (!Arrays.equals(shape, shapes[0])) {
                throw new SourceException("buffer " + name + " has different shapes on tensor-parallel ranks ("
                        + print(shapes) + ") and no pattern says how they are joined; declare it in "
                        + "universal_checkpoint_info or with --source-layout");
            }
        }
        return Placement.same(shapes[0], Placement.Join.REPLICAS, tp);
    }

    private void checkDeclared(String name, long[][] shapes) throws SourceException {
        if (!declared) {
            throw new SourceException("the checkpoint has " + tp + " tensor-parallel ranks but no "
                    + "universal_checkpoint_info that says how their shards are joined: parameter " + name
                    + " has shards of shape " + print(shapes) + "; declare for each parameter whether it is replicated,"
                    + " averaged or sharded on which axis, with --source-layout");
        }
    }

    private String findRule(String name) throws SourceException {
        for (NamePatterns patterns :
                List.of(affinePatterns, replicated, averaged, halved, subPatterns, rowParallel, vocabularyPatterns)) {
            String found = patterns.find(name);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    private Placement joined(String name, long[][] shapes) throws SourceException {
        String pattern = affinePatterns.find(name);
        if (pattern == null) {
            if (findRule(name) == null && shapes[0].length > 0) {
                byDefault.add(name);
            }
            return byPatterns(name, shapes);
        }
        Placement exact = byAffine(name, affine.get(pattern), shapes);
        checkAgainstPatterns(name, shapes, exact);
        return exact;
    }

    private Placement byAffine(String name, AffineMap map, long[][] shapes) throws SourceException {
        ShardMap[] shards = new ShardMap[tp];
        boolean allWhole = true;
        ShardMap whole = ShardMap.whole(map.shape());
        for (int rank = 0; rank < tp; rank++) {
            if (!Arrays.equals(map.shardShapes()[rank], shapes[rank])) {
                throw new SourceException("affine map of " + name + " gives rank " + rank + " a shard of shape "
                        + Shapes.print(map.shardShapes()[rank]) + ", param_shapes one of "
                        + Shapes.print(shapes[rank]));
            }
            shards[rank] = map.shard(rank, name);
            allWhole &= shards[rank].isSame(whole);
        }
        return new Placement(map.shape(), allWhole ? Placement.Join.REPLICAS : Placement.Join.PARTS, shards);
    }

    private void checkAgainstPatterns(String name, long[][] shapes, Placement exact) {
        try {
            Placement other = byPatterns(name, shapes);
            boolean same = Arrays.equals(other.shape(), exact.shape());
            for (int rank = 0; rank < tp && same; rank++) {
                same = other.shards()[rank].isSame(exact.shards()[rank]);
            }
            if (!same) {
                contradictions.add(name);
            }
        } catch (SourceException e) {
            contradictions.add(name);
        }
    }

    private Placement byPatterns(String name, long[][] shapes) throws SourceException {
        if (shapes[0].length == 0 || replicated.find(name) != null) {
            checkEqual(name, shapes, "replicated");
            return Placement.same(shapes[0], Placement.Join.REPLICAS, tp);
        }
        if (averaged.find(name) != null) {
            checkEqual(name, shapes, "averaged");
            return Placement.same(shapes[0], Placement.Join.BLEND, tp);
        }
        if (halved.find(name) != null) {
            return halves(name, shapes);
        }
        String sub = subPatterns.find(name);
        if (sub != null) {
            return subParameters(name, subParameters.get(sub), shapes);
        }
        return parts(name, shapes, rowParallel.find(name) != null ? 1 : 0);
    }

    private static void checkEqual(String name, long[][] shapes, String rule) throws SourceException {
        for (long[] shape : shapes) {
            if (!Arrays.equals(shape, shapes[0])) {
                throw new SourceException("parameter " + name + " is declared as " + rule
                        + ", but its shards have different shapes: " + print(shapes));
            }
        }
    }

    /** Shards joined on one axis; widths are the shards' own. */
    private Placement parts(String name, long[][] shapes, int axis) throws SourceException {
        long[] shape = joinedShape(name, shapes, axis);
        ShardMap[] shards = new ShardMap[tp];
        long next = 0;
        for (int rank = 0; rank < tp; rank++) {
            long[] offsets = new long[shape.length];
            offsets[axis] = next;
            next += shapes[rank][axis];
            shards[rank] = ShardMap.of(new Box(offsets, shapes[rank]));
        }
        return new Placement(shape, Placement.Join.PARTS, shards);
    }

    private static long[] joinedShape(String name, long[][] shapes, int axis) throws SourceException {
        if (axis >= shapes[0].length) {
            throw new SourceException("parameter " + name + " of shape " + Shapes.print(shapes[0])
                    + " is declared as joined on axis " + axis);
        }
        long[] whole = shapes[0].clone();
        whole[axis] = 0;
        for (long[] shape : shapes) {
            boolean fits = shape.length == whole.length;
            for (int i = 0; fits && i < whole.length; i++) {
                fits = i == axis || shape[i] == whole[i];
            }
            if (!fits) {
                throw new SourceException("shards of parameter " + name + " cannot be joined on axis " + axis
                        + ": their shapes are " + print(shapes));
            }
            whole[axis] = Math.addExact(whole[axis], shape[axis]);
        }
        return whole;
    }

    /** Gate and up of a gated network: each shard is the first half of its rows, then the rest. */
    private Placement halves(String name, long[][] shapes) throws SourceException {
        long[][] widths = new long[2][tp];
        for (int rank = 0; rank < tp; rank++) {
            long rows = shapes[rank].length == 0 ? 0 : shapes[rank][0];
            widths[0][rank] = Math.ceilDiv(rows, 2L);
            widths[1][rank] = rows - widths[0][rank];
        }
        long[] shape = joinedShape(name, shapes, 0);
        return interleaved(name, shape, 1, widths, Shapes.elements(shape) / Math.max(shape[0], 1));
    }

    private Placement subParameters(String name, SubParameters sub, long[][] shapes) throws SourceException {
        long elements = 0;
        for (long[] shape : shapes) {
            elements += Shapes.elements(shape);
        }
        long[] sizes = sub.sizes() != null ? sub.sizes() : equalSizes(name, sub, shapes);
        long[] view = sub.view().clone();
        view[sub.axis()] = Arrays.stream(sizes).sum();
        resolve(name, view, elements);
        long[][] widths = checkedWidths(name, sub, sizes);
        long outer = 1;
        long inner = 1;
        for (int axis = 0; axis < view.length; axis++) {
            outer *= axis < sub.axis() ? view[axis] : 1;
            inner *= axis > sub.axis() ? view[axis] : 1;
        }
        checkShardSizes(name, widths, outer * inner, shapes);
        return interleaved(name, wholeShape(name, sub, shapes, view, elements), outer, widths, inner);
    }

    private static long[] equalSizes(String name, SubParameters sub, long[][] shapes) throws SourceException {
        long whole = 0;
        for (long[] shape : shapes) {
            if (sub.axis() >= shape.length) {
                throw new SourceException("parameter " + name + " of shape " + Shapes.print(shape) + " has no axis "
                        + sub.axis() + " that sub-parameters could be joined on");
            }
            whole += shape[sub.axis()];
        }
        if (sub.count() <= 0 || whole % sub.count() != 0) {
            throw new SourceException("parameter " + name + ": " + whole + " elements of axis " + sub.axis()
                    + " are not " + sub.count() + " equal sub-parameters");
        }
        long[] sizes = new long[sub.count()];
        Arrays.fill(sizes, whole / sub.count());
        return sizes;
    }

    private static void resolve(String name, long[] view, long elements) throws SourceException {
        int open = -1;
        long known = 1;
        for (int axis = 0; axis < view.length; axis++) {
            if (view[axis] < 0 && open >= 0) {
                throw new SourceException("the view of parameter " + name + " has two open extents");
            } else if (view[axis] < 0) {
                open = axis;
            } else {
                known = Math.multiplyExact(known, view[axis]);
            }
        }
        if (open >= 0 && known > 0 && elements % known == 0) {
            view[open] = elements / known;
        } else if (open >= 0 || known != elements) {
            throw new SourceException("the declared view " + Arrays.toString(view) + " of parameter " + name
                    + " does not fit its " + elements + " elements");
        }
    }

    private long[][] checkedWidths(String name, SubParameters sub, long[] sizes) throws SourceException {
        long[][] widths = sub.widths();
        if (widths == null && version >= WIDTHS_VERSION) {
            throw new SourceException("universal_checkpoint_info of version " + version + " records no"
                    + " sub_param_shard_widths for pattern " + sub.pattern() + ", which parameter " + name + " needs");
        }
        if (widths == null) {
            widths = new long[sizes.length][tp];
            for (int i = 0; i < sizes.length; i++) {
                if (sizes[i] % tp != 0) {
                    throw new SourceException("sub-parameter " + i + " of " + name + " has size " + sizes[i]
                            + ", which " + tp + " ranks cannot share evenly, and no widths are recorded");
                }
                Arrays.fill(widths[i], sizes[i] / tp);
            }
        }
        boolean fits = widths.length == sizes.length;
        for (int i = 0; fits && i < sizes.length; i++) {
            fits = widths[i].length == tp
                    && Arrays.stream(widths[i]).allMatch(width -> width >= 0)
                    && Arrays.stream(widths[i]).sum() == sizes[i];
        }
        if (!fits) {
            throw new SourceException("the recorded widths of parameter " + name + ", "
                    + Arrays.deepToString(widths) + ", do not share sub-parameters of sizes "
                    + Arrays.toString(sizes) + " among " + tp + " ranks");
        }
        return widths;
    }

    private void checkShardSizes(String name, long[][] widths, long rest, long[][] shapes) throws SourceException {
        for (int rank = 0; rank < tp; rank++) {
            long width = 0;
            for (long[] of : widths) {
                width += of[rank];
            }
            if (width * rest != Shapes.elements(shapes[rank])) {
                throw new SourceException("the recorded widths of parameter " + name + " give rank " + rank + " "
                        + width * rest + " elements, its shard " + Shapes.print(shapes[rank]) + " has "
                        + Shapes.elements(shapes[rank]));
            }
        }
    }

    /** The module's own shape: the axis on which shards differ from the whole, which the view may hide, is summed. */
    private static long[] wholeShape(String name, SubParameters sub, long[][] shapes, long[] view, long elements)
            throws SourceException {
        if (view.length == shapes[0].length) {
            long[] joined = joinedShape(name, shapes, sub.axis());
            if (Arrays.equals(joined, view)) {
                return joined;
            }
        }
        for (int axis = 0; axis < shapes[0].length; axis++) {
            long others = 1;
            for (int i = 0; i < shapes[0].length; i++) {
                others *= i == axis ? 1 : shapes[0][i];
            }
            if (endsAt(view, sub.axis(), shapes[0], axis) && others > 0 && elements % others == 0) {
                return joinedShape(name, shapes, axis);
            }
        }
        throw new SourceException("the declared view " + Arrays.toString(view) + " of parameter " + name
                + " is no view of shards of shape " + print(shapes));
    }

    /** Whether axis {@code split} of the view is inside axis {@code axis} of the module's shape. */
    private static boolean endsAt(long[] view, int split, long[] shape, int axis) {
        long inner = 1;
        for (int i = axis + 1; i < shape.length; i++) {
            inner *= shape[i];
        }
        long viewInner = 1;
        for (int i = view.length - 1; i > split; i--) {
            viewInner *= view[i];
        }
        return viewInner % inner == 0 && (axis == 0 || viewInner < inner * shape[axis]);
    }

    /**
     * Shards that hold, for each of {@code outer} blocks, their width of each sub-parameter in turn.
     *
     * @param widths by sub-parameter, then rank
     * @param inner elements of one step of a width
     */
    private Placement interleaved(String name, long[] shape, long outer, long[][] widths, long inner)
            throws SourceException {
        if (outer > MAX_PIECES / widths.length) {
            throw new SourceException("parameter " + name + " is split into " + outer + " times " + widths.length
                    + " pieces for each rank; at most " + MAX_PIECES + " are supported");
        }
        long block = 0;
        for (long[] of : widths) {
            block += Arrays.stream(of).sum();
        }
        Box whole = Box.whole(shape);
        ShardMap[] shards = new ShardMap[tp];
        for (int rank = 0; rank < tp; rank++) {
            ShardMap.Builder builder = new ShardMap.Builder();
            for (long o = 0; o < outer; o++) {
                long at = o * block;
                for (long[] of : widths) {
                    long before = Arrays.stream(of, 0, rank).sum();
                    builder.add(new Region(whole, (at + before) * inner, of[rank] * inner));
                    at += Arrays.stream(of).sum();
                }
            }
            shards[rank] = builder.build();
        }
        return new Placement(shape, Placement.Join.PARTS, shards);
    }

    /** Rows beyond the original vocabulary become a margin. */
    private Placement cutVocabulary(String name, Placement placement) throws SourceException {
        long[] shape = placement.shape();
        if (shape.length != 2 || vocabulary < 0 || vocabularyPatterns.find(name) == null || shape[0] <= vocabulary) {
            return placement;
        }
        ShardMap[] shards = new ShardMap[placement.shards().length];
        for (int i = 0; i < shards.length; i++) {
            shards[i] = placement.shards()[i].cutRows(vocabulary);
        }
        return new Placement(new long[] {vocabulary, shape[1]}, placement.join(), shards);
    }

    /** Parameters whose affine map and patterns say different things; the map was followed. */
    List<String> contradictions() {
        return List.copyOf(contradictions);
    }

    /** Parameters that no pattern speaks of and that were joined on axis 0, DeepSpeed's default. */
    List<String> byDefault() {
        return List.copyOf(byDefault);
    }

    private static String print(long[][] shapes) {
        List<String> texts = new ArrayList<>();
        for (long[] shape : shapes) {
            texts.add(Shapes.print(shape));
        }
        return String.join(", ", texts);
    }
}
