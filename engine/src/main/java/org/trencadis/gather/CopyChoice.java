package org.trencadis.gather;

/**
 * What to do with replicas of a tensor, which must be equal but may not be.
 *
 * @param check whether all copies are compared, and a disagreement refused
 * @param copy the copy that is taken where the tensor has it and it is complete, else copy 0
 * @param average whether the complete copies of a tensor that disagree are averaged as those of a blend
 */
public record CopyChoice(boolean check, int copy, boolean average) {
    /** Replicas are compared; a disagreement is refused by name. */
    public static final CopyChoice REFUSE = new CopyChoice(true, 0, false);

    /** Copy 0 is taken unseen. */
    public static final CopyChoice FIRST = take(0);

    /** Copies that disagree are averaged. */
    public static final CopyChoice AVERAGE = new CopyChoice(false, 0, true);

    /** Copy {@code number} is taken where there is one; other tensors' replicas are not compared. */
    public static CopyChoice take(int number) {
        return new CopyChoice(false, number, false);
    }

    /**
     * The choice as a command line writes it: {@code first}, {@code average} or a copy's number.
     *
     * @throws IllegalArgumentException for anything else
     */
    public static CopyChoice parse(String text) {
        return switch (text) {
            case "first" -> FIRST;
            case "average" -> AVERAGE;
            default -> {
                if (!text.matches("[0-9]{1,9}")) {
                    throw new IllegalArgumentException(
                            "copies: expected first, average or a number, but it is " + text);
                }
                yield take(Integer.parseInt(text));
            }
        };
    }
}
