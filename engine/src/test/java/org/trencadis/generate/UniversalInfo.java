package org.trencadis.generate;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.generate.PickleScript.Tuple;

/** The {@code universal_checkpoint_info} (version 0.4) that a training script would declare for a made-up model. */
final class UniversalInfo {
    private UniversalInfo() {}

    static Map<String, Object> of(List<Parameter> parameters) {
        Map<String, Object> info = new LinkedHashMap<>();
        info.put("universal_checkpoint_version", 0.4);
        List<Object> subParameters = new ArrayList<>();
        Map<String, Object> widths = new LinkedHashMap<>();
        for (Parameter parameter : parameters) {
            String pattern = "^" + parameter.name().replace(".", "\\.") + "$";
            switch (parameter.split().kind()) {
                case REPLICATED ->
                    list(info, "tp_replicated_parameter_patterns").add(pattern);
                case AVERAGED -> list(info, "parameter_to_average_patterns").add(pattern);
                case COLUMNS ->
                    list(info, "parameter_with_row_parallelism_patterns").add(pattern);
                case HALVES ->
                    list(info, "parameter_with_2_sub_params_cat_dim_0").add(pattern);
                case VOCABULARY -> {
                    list(info, "vocabulary_parameter_patterns").add(pattern);
                    info.put("original_vocab_size", parameter.shape()[0]);
                }
                case PARTS -> {
                    subParameters.add(subParameter(
                            pattern, Tuple.of(parts(parameter), parameter.shape()[1]), 0));
                    widths.put(pattern, widths(parameter.split().widths()));
                }
                case BLOCKS -> {
                    long blocks = parameter.split().parts().length;
                    Tuple shape = Tuple.of(blocks, Tuple.of(parameter.split().parts()[0]), -1);
                    subParameters.add(subParameter(pattern, shape, 1));
                    widths.put(pattern, widths(new long[][] {parameter.split().widths()[0]}));
                }
                case ROWS -> {}
            }
        }
        if (!subParameters.isEmpty()) {
            info.put("parameter_with_sub_params", subParameters);
            info.put("sub_param_shard_widths", widths);
        }
        return info;
    }

    private static Map<String, Object> subParameter(String pattern, Tuple shape, int dimension) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("patterns", List.of(pattern));
        entry.put("shape", shape);
        entry.put("partition_dim", dimension);
        return entry;
    }

    private static Tuple parts(Parameter parameter) {
        List<Object> parts = new ArrayList<>();
        for (long part : parameter.split().parts()) {
            parts.add(part);
        }
        return new Tuple(parts);
    }

    private static List<Object> widths(long[][] widths) {
        List<Object> rows = new ArrayList<>();
        for (long[] part : widths) {
            List<Object> row = new ArrayList<>();
            for (long width : part) {
                row.add(width);
            }
            rows.add(row);
        }
        return rows;
    }

    @SuppressWarnings("unchecked")
    private static List<Object> list(Map<String, Object> info, String key) {
        return (List<Object>) info.computeIfAbsent(key, missing -> new ArrayList<>());
    }
}
