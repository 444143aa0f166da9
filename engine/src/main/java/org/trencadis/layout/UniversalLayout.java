package org.trencadis.layout;

import java.util.Locale;
import java.util.Map;

/**
 * What a universal checkpoint folder is made for: the ZeRO stage of the job that loads it. Nothing else of the target
 * matters, as every job cuts what it needs itself.
 *
 * @param zeroStage 1, 2 or 3; the folders of stages 1 and 2 are the same, that of stage 3 is not
 */
public record UniversalLayout(int zeroStage) {
    /** What stages 1 and 2 load. */
    public static final UniversalLayout STANDARD = new UniversalLayout(1);

    private static final String KEY = "zero";

    public UniversalLayout {
        if (zeroStage < 1 || zeroStage > 3) {
            throw new IllegalArgumentException("ZeRO stage " + zeroStage);
        }
    }

    /** Whether the loader of stage 3 is meant. */
    public boolean isPartitioned() {
        return zeroStage == 3;
    }

    /**
     * Reads {@code zero=1}, {@code zero=2} or {@code zero=3}.
     *
     * @throws LayoutException where {@code text} says anything else
     */
    public static UniversalLayout parse(String text) throws LayoutException {
        Map<String, String> settings = LayoutText.parse(text);
        for (String key : settings.keySet()) {
            if (!key.equals(KEY)) {
                throw new LayoutException("layout '" + text + "': a universal checkpoint is the same for every '" + key
                        + "'; say only zero=1, zero=2 or zero=3");
            }
        }
        String stage = settings.get(KEY).toLowerCase(Locale.ROOT);
        return switch (stage) {
            case "1" -> new UniversalLayout(1);
            case "2" -> new UniversalLayout(2);
            case "3" -> new UniversalLayout(3);
            default ->
                throw new LayoutException("layout '" + text
                        + "': a universal checkpoint is made for ZeRO stage 1, 2 or 3," + " not " + stage);
        };
    }
}
