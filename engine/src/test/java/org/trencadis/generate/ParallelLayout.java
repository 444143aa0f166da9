package org.trencadis.generate;

/**
 * How a made-up training run was distributed.
 *
 * @param stage ZeRO stage 1, 2 or 3; stage 3 is data parallel only
 * @param stripped whether the fp32 partition is stored without padding, as stage 1 and 2 do and BF16_Optimizer does not
 * @param subGroupElements elements of a rank's partition at which stage 3 cuts a sub-group
 */
record ParallelLayout(int stage, int pp, int tp, int dp, boolean stripped, long subGroupElements) {
    @Override
    public String toString() {
        return "zero" + stage + " pp" + pp + " tp" + tp + " dp" + dp + (stripped ? "" : " unstripped");
    }
}
