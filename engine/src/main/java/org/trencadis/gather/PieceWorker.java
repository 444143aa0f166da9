package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.LongConsumer;
import org.trencadis.format.FormatLimits;
import org.trencadis.storage.OutputFile;
import org.trencadis.tensor.Region;

/** One thread of a walk: its buffers, and what is done with a step. */
final class PieceWorker implements AutoCloseable {
    private final Gatherer gatherer;
    private final PieceWalk.PieceSink sink;
    private final LongConsumer progress;
    private final DigestCollector collector;
    private final ReplicaCheck replicas;
    private final PieceHash hash = new PieceHash();
    private final Arena arena = Arena.ofConfined();
    private MemorySegment pieces;
    private MemorySegment masterPieces;

    PieceWorker(Gatherer gatherer, PieceWalk.PieceSink sink, LongConsumer progress, DigestCollector collector) {
        this.gatherer = gatherer;
        this.sink = sink;
        this.progress = progress;
        this.collector = collector;
        this.replicas = new ReplicaCheck(gatherer);
    }

    void work(WalkQueue queue, Workers workers) throws IOException {
        List<WalkQueue.Step> batch = queue.next();
        while (!batch.isEmpty() && !workers.isStopped()) {
            for (WalkQueue.Step step : batch) {
                walk(step.unit(), step.number());
            }
            batch = queue.next();
        }
    }

    private void walk(WalkQueue.Unit unit, long step) throws IOException {
        if (pieces == null) {
            pieces = arena.allocate(PieceBytes.BUFFER_BYTES, OutputFile.BLOCK_BYTES);
        }
        if (unit.model == null) {
            piece(unit.lane, step, pieces);
            return;
        }
        if (masterPieces == null) {
            masterPieces = arena.allocate(PieceBytes.BUFFER_BYTES, OutputFile.BLOCK_BYTES);
        }
        piece(unit.model, step, pieces);
        for (int part = 0; part < unit.ratio; part++) {
            long number = step * unit.ratio + part;
            if (number < unit.lane.pieces) {
                piece(unit.lane, number, masterPieces);
                compare(unit, number, part);
            }
        }
    }

    /** Compares a piece of the master with the part of the model's piece that may be its rounding. */
    private void compare(WalkQueue.Unit unit, long number, int part) {
        long from = number * (FormatLimits.CHUNK_BYTES / Float.BYTES);
        if (!unit.derivation.isOpen(unit.model.readCopy, from)) {
            return;
        }
        long elements = PieceBytes.length(unit.lane.bytes, number) / Float.BYTES;
        long modelOffset = (long) part * FormatLimits.CHUNK_BYTES / unit.ratio;
        long first = Rounding.findDifference(masterPieces, 0, unit.model.tensor.dtype(), pieces, modelOffset, elements);
        if (first >= 0) {
            unit.derivation.refute(unit.model.readCopy, from + first);
        }
    }

    /** Gathers, hashes, checks and hands out one piece, which stays in {@code buffer}. */
    private void piece(Lane lane, long number, MemorySegment buffer) throws IOException {
        PieceBytes.gather(
                lane.tensor.dtype(),
                lane.region,
                number,
                (region, target) -> {
                    read(lane, region, target);
                    if (lane.checked) {
                        replicas.check(lane.tensor, region, target);
                    }
                },
                buffer);
        int length = PieceBytes.length(lane.bytes, number);
        byte[] sha256 = hash.sha256(buffer, length);
        if (sink != null && lane.storedCopy != Lane.NOT_STORED) {
            ByteBuffer bytes = buffer.asSlice(0, length).asByteBuffer().asReadOnlyBuffer();
            sink.accept(lane.tensor, lane.storedCopy, number, bytes, sha256.clone());
        }
        if (lane.add(number, sha256)) {
            collector.complete(lane);
        }
        progress.accept(length);
    }

    private void read(Lane lane, Region region, MemorySegment target) throws IOException {
        switch (lane.readCopy) {
            case Lane.COMBINED -> gatherer.gather(lane.tensor, region, target);
            case Lane.AVERAGED -> gatherer.gatherAverage(lane.tensor, region, target);
            default -> gatherer.gatherCopy(lane.tensor, lane.readCopy, region, target);
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
