package org.trencadis.index;

import java.util.List;
import org.trencadis.format.Value;

/**
 * An optimizer parameter group.
 *
 * @param parameters names in flat order
 * @param settings typed hyperparameters; {@code step} is among them where all parameters agree on it
 */
public record Group(String name, List<String> parameters, boolean expert, Value.Mapping settings) {
    public Group {
        parameters = List.copyOf(parameters);
    }
}
