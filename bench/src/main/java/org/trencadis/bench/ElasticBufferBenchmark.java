package org.trencadis.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;
import net.openhft.chronicle.bytes.Bytes;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The two ways to an off-heap buffer that grows: Chronicle's elastic bytes, and memory segments that are doubled and
 * copied. A million numbers are appended one by one, or in blocks of 1 MiB as the catalog's builder does, or read back.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(1)
@OperationsPerInvocation(ElasticBufferBenchmark.NUMBERS)
public class ElasticBufferBenchmark {
    static final int NUMBERS = 1 << 20;

    private static final int FIRST_BYTES = 1 << 16;
    private static final int BLOCK_BYTES = 1 << 20;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final byte[] block = new byte[BLOCK_BYTES];
    private Bytes<?> chronicle;
    private Arena arena;
    private MemorySegment segment;

    @Setup
    public void setUp() {
        chronicle = Bytes.allocateElasticDirect(FIRST_BYTES);
        arena = Arena.ofShared();
        segment = arena.allocate((long) NUMBERS * Long.BYTES, 64);
        for (int i = 0; i < NUMBERS; i++) {
            chronicle.writeLong(i);
            segment.set(LONG, (long) i * Long.BYTES, i);
        }
    }

    @TearDown
    public void tearDown() {
        chronicle.releaseLast();
        arena.close();
    }

    @Benchmark
    public long appendChronicle() {
        Bytes<?> bytes = Bytes.allocateElasticDirect(FIRST_BYTES);
        for (int i = 0; i < NUMBERS; i++) {
            bytes.writeLong(i);
        }
        long end = bytes.writePosition();
        bytes.releaseLast();
        return end;
    }

    @Benchmark
    public long appendSegment() {
        try (Growing bytes = new Growing()) {
            for (int i = 0; i < NUMBERS; i++) {
                bytes.room(Long.BYTES).set(LONG, bytes.end - Long.BYTES, i);
            }
            return bytes.end;
        }
    }

    @Benchmark
    public long appendBlocksChronicle() {
        Bytes<?> bytes = Bytes.allocateElasticDirect(FIRST_BYTES);
        for (int done = 0; done < NUMBERS * Long.BYTES; done += BLOCK_BYTES) {
            bytes.write(block, 0, BLOCK_BYTES);
        }
        long end = bytes.writePosition();
        bytes.releaseLast();
        return end;
    }

    @Benchmark
    public long appendBlocksSegment() {
        try (Growing bytes = new Growing()) {
            for (int done = 0; done < NUMBERS * Long.BYTES; done += BLOCK_BYTES) {
                MemorySegment room = bytes.room(BLOCK_BYTES);
                MemorySegment.copy(block, 0, room, ValueLayout.JAVA_BYTE, bytes.end - BLOCK_BYTES, BLOCK_BYTES);
            }
            return bytes.end;
        }
    }

    @Benchmark
    public long readChronicle() {
        long sum = 0;
        for (long i = 0; i < NUMBERS; i++) {
            sum += chronicle.readLong(i * Long.BYTES);
        }
        return sum;
    }

    @Benchmark
    public long readSegment() {
        long sum = 0;
        for (long i = 0; i < NUMBERS; i++) {
            sum += segment.get(LONG, i * Long.BYTES);
        }
        return sum;
    }

    /** Memory that is allocated anew, twice as large, when it is full. */
    private static final class Growing implements AutoCloseable {
        private Arena arena = Arena.ofConfined();
        private MemorySegment bytes = arena.allocate(FIRST_BYTES, 64);
        private long end;

        MemorySegment room(int more) {
            if (end + more > bytes.byteSize()) {
                grow(end + more);
            }
            end += more;
            return bytes;
        }

        private void grow(long least) {
            Arena next = Arena.ofConfined();
            MemorySegment larger = next.allocate(Math.max(2 * bytes.byteSize(), least), 64);
            MemorySegment.copy(bytes, 0, larger, 0, end);
            arena.close();
            arena = next;
            bytes = larger;
        }

        @Override
        public void close() {
            arena.close();
        }
    }
}
