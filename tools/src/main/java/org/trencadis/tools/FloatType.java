package org.trencadis.tools;

import java.util.Locale;
import java.util.Map;
import org.trencadis.tensor.Dtype;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads the name of a type that floats can be rounded to: the short one, or torch's, in any case. */
final class FloatType implements ITypeConverter<Dtype> {
    private static final Map<String, Dtype> SHORT =
            Map.of("bf16", Dtype.BFLOAT16, "fp16", Dtype.FLOAT16, "fp32", Dtype.FLOAT32);

    @Override
    public Dtype convert(String text) {
        String name = text.toLowerCase(Locale.ROOT);
        for (Map.Entry<String, Dtype> each : SHORT.entrySet()) {
            if (name.equals(each.getKey()) || name.equals(each.getValue().torchName())) {
                return each.getValue();
            }
        }
        throw new TypeConversionException(
                "floats are rounded to bf16, fp16 or fp32 (bfloat16, float16, float32), not to " + text);
    }
}
