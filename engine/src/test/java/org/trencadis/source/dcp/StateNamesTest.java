package org.trencadis.source.dcp;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.trencadis.source.distcp.SavedEntry;
import org.trencadis.source.distcp.SavedEntry.Step;
import org.trencadis.source.distcp.TensorKey;
import org.trencadis.tensor.Dtype;

/** State dictionaries of several optimizers, and of optimizers that only number their parameters. */
class StateNamesTest {
    private final List<SavedEntry> entries = new ArrayList<>();

    /** A tensor at a path; numbers are positions in lists. */
    private void tensor(Object... path) {
        add(Dtype.FLOAT32, path);
    }

    private void value(Object... path) {
        add(null, path);
    }

    private void add(Dtype dtype, Object... path) {
        List<Step> steps = Arrays.stream(path)
                .map(step -> new Step(step.toString(), step instanceof Integer))
                .toList();
        String name = String.join(".", steps.stream().map(Step::text).toList());
        entries.add(new SavedEntry(name, steps, dtype, dtype == null ? null : new long[] {2}));
    }

    private void assertNames(String... expected) {
        StateNames names = new StateNames(entries);
        List<String> found = names.tensors().values().stream()
                .map(key -> key.name() + ' ' + key.state())
                .toList();
        assertEquals(List.of(expected), found);
        assertEquals(found.size(), new HashSet<>(found).size());
    }

    private void addTraining(String model, String optimizer, String parameter) {
        tensor(model.split("/")[0], model.split("/")[1], parameter);
        tensor(optimizer.split("/")[0], optimizer.split("/")[1], "state", parameter, "exp_avg");
        value(optimizer.split("/")[0], optimizer.split("/")[1], "param_groups", 0, "params");
    }

    @Test
    void twoModelsOfEqualNamesKeepTheirOptimizersApart() {
        addTraining("actor/model", "actor/optim", "l.weight");
        addTraining("critic/model", "critic/optim", "l.weight");
        assertNames(
                "actor.model.l.weight model",
                "actor.model.l.weight exp_avg",
                "critic.model.l.weight model",
                "critic.model.l.weight exp_avg");
        assertEquals("critic.model.l.weight", new StateNames(entries).scoped("critic.optim", "l.weight"));
    }

    @Test
    void statesGoToTheModelOfTheirOptimizerWhereNamesDiffer() {
        addTraining("actor/model", "actor/optim", "l.weight");
        addTraining("critic/model", "critic/optim", "m.weight");
        assertNames(
                "actor.model.l.weight model",
                "actor.model.l.weight exp_avg",
                "critic.model.m.weight model",
                "critic.model.m.weight exp_avg");
    }

    @Test
    void twoOptimizersOfOneModelsEqualParametersAreToldApartByTheirPlaces() {
        addTraining("app/model", "app/first", "l.weight");
        addTraining("app/model", "app/second", "l.weight");
        entries.remove(3);
        assertNames("l.weight model", "app.first.state.l.weight exp_avg", "app.second.state.l.weight exp_avg");
    }

    @Test
    void twoOptimizersOfOneModelsPartsShareItsNames() {
        addTraining("app/model", "app/first", "l.weight");
        addTraining("app/model", "app/second", "m.weight");
        assertNames("l.weight model", "l.weight exp_avg", "m.weight model", "m.weight exp_avg");
        assertEquals(
                new TensorKey("m.weight", "exp_avg"),
                new StateNames(entries).findState("app.second.state.m.weight.exp_avg"));
    }

    @Test
    void parametersThatAreNumbersHaveTheNamesThatTheirGroupsGiveThem() {
        tensor("model", "l.weight");
        tensor("optim", "state", "0", "exp_avg");
        value("optim", "param_groups", 0, "params");
        assertNames("l.weight model", StateNames.numbered("optim", "0") + " exp_avg");
    }

    @Test
    void aListOfParametersHasNumbersForNames() {
        tensor("model", "0");
        tensor("optim", "state", "0", "exp_avg");
        value("optim", "param_groups", 0, "params");
        assertNames("0 model", "0 exp_avg");
    }
}
