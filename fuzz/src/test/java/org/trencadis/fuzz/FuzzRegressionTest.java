package org.trencadis.fuzz;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;

/** Replays the stored inputs of each target; {@code fuzz/run} looks for new ones. */
class FuzzRegressionTest {
    @FuzzTest
    void value(FuzzedDataProvider data) {
        ValueCodecFuzzer.fuzzerTestOneInput(data);
    }

    @FuzzTest
    void index(FuzzedDataProvider data) {
        IndexFuzzer.fuzzerTestOneInput(data);
    }

    @FuzzTest
    void pickle(FuzzedDataProvider data) {
        PickleFuzzer.fuzzerTestOneInput(data);
    }

    @FuzzTest
    void archive(FuzzedDataProvider data) {
        TorchArchiveFuzzer.fuzzerTestOneInput(data);
    }

    @FuzzTest
    void safetensors(FuzzedDataProvider data) {
        SafetensorsFuzzer.fuzzerTestOneInput(data);
    }

    @FuzzTest
    void dcp(FuzzedDataProvider data) {
        DcpMetadataFuzzer.fuzzerTestOneInput(data);
    }
}
