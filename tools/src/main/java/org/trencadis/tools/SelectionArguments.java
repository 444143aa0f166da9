package org.trencadis.tools;

import java.util.ArrayList;
import java.util.List;
import org.trencadis.TensorFilter;
import picocli.CommandLine.Option;

/** Which tensors a command is about. */
final class SelectionArguments {
    @Option(
            names = "--include",
            paramLabel = "PATTERN",
            split = ",",
            description = "Only tensors whose whole name matches: * stands for anything, ? for one character.")
    List<String> include = new ArrayList<>();

    @Option(names = "--exclude", paramLabel = "PATTERN", split = ",", description = "No tensors whose name matches.")
    List<String> exclude = new ArrayList<>();

    @Option(
            names = "--states",
            paramLabel = "STATE",
            split = ",",
            description = "Only these states: fp32, exp_avg, exp_avg_sq, model ...")
    List<String> states = new ArrayList<>();

    TensorFilter filter() {
        return TensorFilter.of(include, exclude, states);
    }
}
