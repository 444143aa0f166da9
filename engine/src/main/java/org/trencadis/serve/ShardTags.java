package org.trencadis.serve;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Pickler;

/**
 * What a universal file says beside the tensor: how a job that loads it cuts the tensor for its own tensor-parallel ranks.
 *
 * @param axis shards are chunks of this axis; -1 for none (replicated, averaged, or said by a map)
 * @param halves parts of {@code axis} that are cut one by one; 1 for none
 * @param sub sub-parameters that are cut one by one, or null
 * @param isVocabulary whether rows may be padded
 * @param experts number of experts along axis 0, 0 where it holds none
 */
record ShardTags(int axis, int halves, SubParameters sub, boolean isVocabulary, int experts) {
    /** Nothing is said: a tensor that no optimizer owns. */
    static final ShardTags NONE = new ShardTags(-1, 1, null, false, 0);

    /**
     * Sub-parameters that lie one after another on one axis of a view of the tensor.
     *
     * @param patterns names they were declared for
     * @param view extents of the view, one may be -1; the one of {@code axis} is the sum of {@code sizes}
     * @param parts sizes of the parts of each extent that was declared as a tuple, null for the others
     */
    record SubParameters(List<String> patterns, long[] view, long[][] parts, int axis) {}

    /** The number of tags. */
    int count() {
        return (axis >= 0 ? 1 : 0)
                + (halves > 1 ? 1 : 0)
                + (sub != null ? 1 : 0)
                + (isVocabulary ? 1 : 0)
                + (experts > 0 ? 2 : 0);
    }

    /** The shape that the file's tensor has: {@code shape}, or the view in which sub-parameters are named. */
    long[] fileShape(long[] shape) {
        if (sub == null) {
            return shape;
        }
        long[] view = sub.view().clone();
        long known = 1;
        int open = -1;
        for (int i = 0; i < view.length; i++) {
            if (view[i] < 0) {
                open = i;
            } else {
                known *= view[i];
            }
        }
        long elements = Shapes.elements(shape);
        if (open >= 0 && known > 0) {
            view[open] = elements / known;
        }
        return Shapes.elements(view) == elements ? view : shape;
    }

    /** Writes the tags as entries of the dictionary that is being written. */
    void write(Pickler pickler) throws IOException {
        if (sub != null) {
            pickler.text("sub_param_shape");
            writeSubParameters(pickler);
        }
        if (axis >= 0) {
            pickler.text("cat_dim");
            pickler.integer(axis);
        }
        if (halves > 1) {
            pickler.text("param_n_sub_params");
            pickler.integer(halves);
        }
        if (isVocabulary) {
            pickler.text("vocab_tensor");
            pickler.bool(true);
        }
        if (experts > 0) {
            pickler.text("is_expert_param");
            pickler.bool(true);
            pickler.text("ep_num_experts");
            pickler.integer(experts);
        }
    }

    private void writeSubParameters(Pickler pickler) throws IOException {
        pickler.object("deepspeed.checkpoint.universal_checkpoint", "SubparamShape", 3, () -> {
            pickler.text("patterns");
            pickler.list(sub.patterns().size(), () -> sub.patterns().forEach(pickler::text));
            pickler.text("shape");
            pickler.tuple(sub.view().length, () -> {
                for (int i = 0; i < sub.view().length; i++) {
                    writeExtent(pickler, i);
                }
            });
            pickler.text("partition_dim");
            pickler.integer(sub.axis());
        });
    }

    private void writeExtent(Pickler pickler, int number) throws IOException {
        long[] parts = sub.parts()[number];
        if (parts == null) {
            pickler.integer(sub.view()[number]);
        } else {
            pickler.tuple(parts.length, () -> Arrays.stream(parts).forEach(pickler::integer));
        }
    }
}
