package org.trencadis.container;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.trencadis.format.FormatLimits;

class ShardPlanTest {
    private static ShardPlan plan(long... bytes) {
        return ShardPlan.of(bytes.length, run -> bytes[run], FormatLimits.SHARD_BYTES);
    }

    @Test
    void runsFillShardsInOrderAndNoneIsSplitThatFitsInOne() {
        long half = FormatLimits.SHARD_BYTES / 2;
        ShardPlan plan = plan(half, half, half, 0, 100);
        assertEquals(3, plan.shardCount());
        assertEquals(0, plan.shard(plan.firstPart(0)));
        assertEquals(1, plan.shard(plan.firstPart(1)));
        assertEquals(2, plan.shard(plan.firstPart(2)));
        assertEquals(plan.firstPart(3), plan.endPart(3));
        assertEquals(2, plan.shard(plan.firstPart(4)));
        assertEquals(plan.chunks(plan.firstPart(2)), plan.slot(plan.firstPart(4)));
    }

    @Test
    void aRunLargerThanAShardTakesShardsOfItsOwnUpToItsLastPart() {
        long bytes = 2 * FormatLimits.SHARD_BYTES + 5;
        ShardPlan plan = plan(10, bytes, 20);
        assertEquals(3, plan.endPart(1) - plan.firstPart(1));
        assertEquals(4, plan.shardCount());
        assertEquals(3, plan.shard(plan.firstPart(2)));
        assertEquals(plan.firstPart(1) + 2, plan.part(1, 512));
        assertEquals(0, plan.chunkOfPart(512));
        assertEquals(5, plan.chunkBytes(plan.firstPart(1) + 2, 0));
        assertEquals(256, plan.slots(1));
        assertEquals(2, plan.slots(3));
    }

    @Test
    void manyTinyRunsDoNotMakeAnEndlessTable() {
        ShardPlan plan = ShardPlan.of(200_000, run -> 8, FormatLimits.SHARD_BYTES);
        assertEquals(4, plan.shardCount());
        for (int shard = 0; shard < plan.shardCount(); shard++) {
            assertTrue(plan.slots(shard) <= 65_536);
        }
    }

    @Test
    void everyPieceOfEveryRunHasOneSlot() {
        Random random = new Random(1);
        long shardBytes = 3L * FormatLimits.CHUNK_BYTES;
        for (int round = 0; round < 200; round++) {
            long[] bytes = random.longs(random.nextInt(30), 0, 5 * shardBytes).toArray();
            ShardPlan plan = ShardPlan.of(bytes.length, run -> bytes[run], shardBytes);
            int[] next = new int[plan.shardCount()];
            int shard = 0;
            for (int run = 0; run < bytes.length; run++) {
                long left = bytes[run];
                for (long piece = 0; left > 0; piece++) {
                    int part = plan.part(run, piece);
                    int chunk = plan.chunkOfPart(piece);
                    assertTrue(plan.shard(part) >= shard);
                    shard = plan.shard(part);
                    assertEquals(next[shard]++, plan.slot(part) + chunk);
                    assertEquals(Math.min(left, FormatLimits.CHUNK_BYTES), plan.chunkBytes(part, chunk));
                    assertEquals(
                            bytes[run] <= shardBytes ? 1 : 2, Math.min(2, plan.endPart(run) - plan.firstPart(run)));
                    left -= plan.chunkBytes(part, chunk);
                }
            }
            for (int i = 0; i < next.length; i++) {
                assertEquals(next[i], plan.slots(i));
            }
        }
    }
}
