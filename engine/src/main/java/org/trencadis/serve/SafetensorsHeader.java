package org.trencadis.serve;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.trencadis.tensor.Dtype;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.json.JsonFactory;

/** The head of a safetensors file: its length as eight bytes, then JSON, padded so that data starts 8-aligned. */
final class SafetensorsHeader {
    /** The longest JSON that the safetensors library reads, in bytes. */
    static final int MAX_BYTES = 100_000_000;

    /** The library's own order of element types, last first: the wider ones come first, so that each is aligned. */
    private static final List<Dtype> DTYPES = List.of(
            Dtype.UINT64,
            Dtype.INT64,
            Dtype.FLOAT64,
            Dtype.COMPLEX64,
            Dtype.FLOAT32,
            Dtype.UINT32,
            Dtype.INT32,
            Dtype.BFLOAT16,
            Dtype.FLOAT16,
            Dtype.UINT16,
            Dtype.INT16,
            Dtype.FLOAT8_E5M2FNUZ,
            Dtype.FLOAT8_E4M3FNUZ,
            Dtype.FLOAT8_E8M0FNU,
            Dtype.FLOAT8_E4M3FN,
            Dtype.FLOAT8_E5M2,
            Dtype.INT8,
            Dtype.UINT8,
            Dtype.FLOAT6_E3M2FN,
            Dtype.FLOAT6_E2M3FN,
            Dtype.FLOAT4_E2M1FN,
            Dtype.BOOL);

    /** The order of tensors in a file: by element type, then by the bytes of the name. */
    static final Comparator<ExportedTensor> ORDER = Comparator.comparingInt(
                    (ExportedTensor tensor) -> DTYPES.indexOf(tensor.dtype()))
            .thenComparing(ExportedTensor::name, SafetensorsHeader::compareNames);

    private SafetensorsHeader() {}

    private static int compareNames(String left, String right) {
        return Arrays.compareUnsigned(
                left.getBytes(java.nio.charset.StandardCharsets.UTF_8),
                right.getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }

    /** Length and padded JSON for {@code tensors}, which lie in this order. */
    static byte[] encode(List<ExportedTensor> tensors, Map<String, String> metadata) throws IOException {
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        text.writeBytes(new byte[Long.BYTES]);
        try (JsonGenerator json =
                new JsonFactory().createGenerator(tools.jackson.core.ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            json.writeObjectPropertyStart("__metadata__");
            metadata.forEach(json::writeStringProperty);
            json.writeEndObject();
            long at = 0;
            for (ExportedTensor tensor : tensors) {
                write(json, tensor, at);
                at += tensor.bytes();
            }
            json.writeEndObject();
        }
        while (text.size() % Long.BYTES != 0) {
            text.write(' ');
        }
        int jsonBytes = text.size() - Long.BYTES;
        if (jsonBytes > MAX_BYTES) {
            throw new IOException("a safetensors header may have " + MAX_BYTES + " bytes, this one would have "
                    + jsonBytes + ": choose a smaller --max-shard-size");
        }
        byte[] bytes = text.toByteArray();
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, jsonBytes);
        return bytes;
    }

    private static void write(JsonGenerator json, ExportedTensor tensor, long startBytes) throws IOException {
        String dtype = tensor.dtype().safetensorsName();
        if (dtype == null) {
            throw new IOException("safetensors has no type for "
                    + tensor.dtype().torchName() + " of " + tensor.tensor().key() + ": leave it out with --exclude");
        }
        if (tensor.name().equals("__metadata__")) {
            throw new IOException("safetensors reserves the name __metadata__: leave it out with --exclude");
        }
        json.writeObjectPropertyStart(tensor.name());
        json.writeStringProperty("dtype", dtype);
        json.writeArrayPropertyStart("shape");
        for (long extent : tensor.tensor().shape()) {
            json.writeNumber(extent);
        }
        json.writeEndArray();
        json.writeArrayPropertyStart("data_offsets");
        json.writeNumber(startBytes);
        json.writeNumber(startBytes + tensor.bytes());
        json.writeEndArray();
        json.writeEndObject();
    }
}
