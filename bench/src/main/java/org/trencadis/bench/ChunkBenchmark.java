package org.trencadis.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.trencadis.codec.Codec;
import org.trencadis.format.Digests;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FormatLimits;

/** What is done to one chunk of 4 MiB: hashes, checks and codecs, on float32 weights whose low bits are noise. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(1)
public class ChunkBenchmark {
    private static final Place PLACE = new Place("benchmark", "chunk", 0);

    private final MessageDigest sha256 = Digests.sha256();
    private final byte[] array = new byte[FormatLimits.CHUNK_BYTES];
    private final ByteBuffer chunk = ByteBuffer.allocateDirect(FormatLimits.CHUNK_BYTES);
    private final ByteBuffer decoded = ByteBuffer.allocateDirect(FormatLimits.CHUNK_BYTES);
    private final ByteBuffer room = ByteBuffer.allocateDirect(Codec.roomBytes(FormatLimits.CHUNK_BYTES));
    private final ByteBuffer lz4 = ByteBuffer.allocateDirect(Codec.roomBytes(FormatLimits.CHUNK_BYTES));
    private final ByteBuffer zstd = ByteBuffer.allocateDirect(Codec.roomBytes(FormatLimits.CHUNK_BYTES));

    @Setup
    public void setUp() {
        SampleCheckpoint.fill(chunk, new SplittableRandom(1));
        // Weights alone do not pay to be compressed by LZ4; a chunk of which half is zero does.
        for (int at = 0; at < chunk.capacity() / 2; at++) {
            chunk.put(at, (byte) 0);
        }
        chunk.get(0, array);
        if (!Codec.LZ4.encode(chunk.duplicate(), lz4) || !Codec.ZSTD.encode(chunk.duplicate(), zstd)) {
            throw new IllegalStateException("the sample does not compress");
        }
    }

    @Benchmark
    public byte[] sha256() {
        return sha256.digest(array);
    }

    @Benchmark
    public long crc32c() {
        CRC32C crc = new CRC32C();
        crc.update(chunk.duplicate());
        return crc.getValue();
    }

    @Benchmark
    public boolean lz4Encode() {
        return Codec.LZ4.encode(chunk.duplicate(), room.clear());
    }

    @Benchmark
    public ByteBuffer lz4Decode() throws IOException {
        Codec.LZ4.decode(lz4, decoded.clear(), PLACE);
        return decoded;
    }

    @Benchmark
    public boolean zstdEncode() {
        return Codec.ZSTD.encode(chunk.duplicate(), room.clear());
    }

    @Benchmark
    public ByteBuffer zstdDecode() throws IOException {
        Codec.ZSTD.decode(zstd, decoded.clear(), PLACE);
        return decoded;
    }
}
