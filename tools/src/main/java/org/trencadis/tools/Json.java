package org.trencadis.tools;

import java.io.IOException;
import java.io.OutputStream;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonEncoding;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.core.json.JsonFactory;

/** Writes one JSON document as a stream: however many tensors there are, none is kept. */
final class Json implements AutoCloseable {
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .disable(StreamWriteFeature.AUTO_CLOSE_TARGET)
            .disable(StreamWriteFeature.AUTO_CLOSE_CONTENT)
            .build();

    private final OutputStream out;
    private final JsonGenerator generator;

    /** What goes inside an object or array. */
    @FunctionalInterface
    interface Body {
        void write() throws IOException;
    }

    private Json(OutputStream out) {
        this.out = out;
        this.generator = FACTORY.createGenerator(ObjectWriteContext.empty(), out, JsonEncoding.UTF8);
    }

    /** Writes a document that is one object. */
    static void document(OutputStream out, Document document) throws IOException {
        try (Json json = new Json(out)) {
            json.generator.writeStartObject();
            document.write(json);
            json.generator.writeEndObject();
        } catch (JacksonException e) {
            throw e.getCause() instanceof IOException cause ? cause : new IOException(e.getMessage(), e);
        }
        out.write('\n');
    }

    /** Writes the fields of the outermost object. */
    @FunctionalInterface
    interface Document {
        void write(Json json) throws IOException;
    }

    Json field(String name, String value) {
        generator.writeName(name);
        if (value == null) {
            generator.writeNull();
        } else {
            generator.writeString(value);
        }
        return this;
    }

    Json field(String name, long value) {
        generator.writeNumberProperty(name, value);
        return this;
    }

    /** A number, or null for NaN and infinities, which JSON does not have. */
    Json field(String name, double value) {
        generator.writeName(name);
        if (Double.isFinite(value)) {
            generator.writeNumber(value);
        } else {
            generator.writeNull();
        }
        return this;
    }

    Json field(String name, boolean value) {
        generator.writeBooleanProperty(name, value);
        return this;
    }

    /** A digest in hexadecimal, or null. */
    Json field(String name, byte[] digest) {
        return field(name, digest == null ? null : Printable.hex(digest));
    }

    Json field(String name, long[] numbers) {
        generator.writeName(name);
        if (numbers == null) {
            generator.writeNull();
        } else {
            generator.writeArray(numbers, 0, numbers.length);
        }
        return this;
    }

    Json object(String name, Body body) throws IOException {
        generator.writeObjectPropertyStart(name);
        body.write();
        generator.writeEndObject();
        return this;
    }

    Json array(String name, Body body) throws IOException {
        generator.writeArrayPropertyStart(name);
        body.write();
        generator.writeEndArray();
        return this;
    }

    /** An object as the next item of an array. */
    Json item(Body body) throws IOException {
        generator.writeStartObject();
        body.write();
        generator.writeEndObject();
        return this;
    }

    Json item(String text) {
        generator.writeString(text);
        return this;
    }

    /** An array as the next item of an array. */
    Json itemArray(Body body) throws IOException {
        generator.writeStartArray();
        body.write();
        generator.writeEndArray();
        return this;
    }

    Json item(double number) {
        generator.writeNumber(number);
        return this;
    }

    Json item(long number) {
        generator.writeNumber(number);
        return this;
    }

    @Override
    public void close() throws IOException {
        generator.close();
        out.flush();
    }
}
