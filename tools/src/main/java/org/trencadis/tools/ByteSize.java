package org.trencadis.tools;

import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A number of bytes as a person writes it: {@code 5GB} is 5·10⁹, {@code 4GiB} is 4·2³⁰. */
final class ByteSize {
    private static final Pattern FORM = Pattern.compile("([0-9]{1,18})\\s*([A-Za-z]*)");
    private static final Map<String, Long> UNITS = Map.of(
            "", 1L,
            "b", 1L,
            "kb", 1_000L,
            "mb", 1_000_000L,
            "gb", 1_000_000_000L,
            "tb", 1_000_000_000_000L,
            "kib", 1L << 10,
            "mib", 1L << 20,
            "gib", 1L << 30,
            "tib", 1L << 40);

    private ByteSize() {}

    static long parse(String option, String text) {
        Matcher matcher = FORM.matcher(text.strip());
        Long unit = matcher.matches() ? UNITS.get(matcher.group(2).toLowerCase(Locale.ROOT)) : null;
        try {
            long bytes = unit == null ? 0 : Math.multiplyExact(Long.parseLong(matcher.group(1)), unit);
            if (bytes > 0) {
                return bytes;
            }
        } catch (ArithmeticException e) {
            throw new UsageException(option + " is beyond any file: " + text);
        }
        throw new UsageException(option + " takes a size like 500MB, 5GB or 4GiB, not " + text);
    }
}
