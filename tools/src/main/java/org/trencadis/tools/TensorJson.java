package org.trencadis.tools;

import org.trencadis.index.Tensor;

/** The fields by which JSON documents describe a tensor. */
final class TensorJson {
    private TensorJson() {}

    static Json writeHead(Json json, Tensor tensor) {
        return json.field("name", tensor.name())
                .field("state", tensor.state())
                .field("dtype", tensor.dtype().torchName())
                .field("shape", tensor.shape())
                .field("bytes", tensor.bytes());
    }
}
