package org.trencadis.torch;

import java.util.HashMap;
import java.util.Map;
import org.trencadis.tensor.Dtype;

/**
 * The only names that a pickle of ours may mention, each with the way in which it may be used.
 *
 * <p>Loading a pickle calls what it names. What was read as inert data from a hostile file must stay inert, so a name is
 * written because it stands here, never because it stood in a file.
 */
final class EmittedGlobals {
    /** What a pickle may do with a name. */
    enum Use {
        /** Mention it. */
        CONSTANT,
        /** Call it with arguments. */
        CALL,
        /** Make an object without calling its constructor, then set its attributes. */
        NEW
    }

    private static final Map<String, Use> ALLOWED = new HashMap<>();

    static {
        allow(
                Use.CALL,
                "builtins.set",
                "torch.Size",
                "torch.device",
                "collections.OrderedDict",
                "deepspeed.runtime.zero.config.ZeroStageEnum",
                "numpy.dtype",
                "numpy.core.multiarray._reconstruct",
                "numpy._core.multiarray._reconstruct",
                "numpy.core.multiarray.scalar",
                "numpy._core.multiarray.scalar");
        allow(
                Use.NEW,
                "argparse.Namespace",
                "deepspeed.runtime.fp16.loss_scaler.LossScaler",
                "deepspeed.runtime.fp16.loss_scaler.DynamicLossScaler",
                "deepspeed.checkpoint.universal_checkpoint.SubparamShape",
                "deepspeed.utils.tensor_fragment.fragment_address");
        allow(Use.CONSTANT, "numpy.ndarray");
        for (Dtype dtype : Dtype.values()) {
            allow(Use.CONSTANT, "torch." + dtype.torchName());
        }
    }

    private EmittedGlobals() {}

    private static void allow(Use use, String... names) {
        for (String name : names) {
            ALLOWED.put(name, use);
        }
    }

    /** How {@code module.name} may be used, or null where it may not be written. */
    static Use find(String module, String name) {
        return ALLOWED.get(module + "." + name);
    }
}
