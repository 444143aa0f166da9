package org.trencadis.layout.view;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.trencadis.format.Value;
import org.trencadis.index.Attachment;
import org.trencadis.index.Catalog;
import org.trencadis.layout.LayoutException;

/**
 * How many attention heads a model has: as declared, else as its training arguments or its configuration say. Never
 * guessed from shapes.
 */
final class Heads implements Arrangement.Proportions {
    private static final List<String> HEADS = List.of("num_attention_heads", "n_head", "n_heads");
    private static final List<String> KEY_HEADS =
            List.of("num_query_groups", "num_key_value_heads", "multi_query_group_num");

    private final Catalog catalog;
    private final Long declaredHeads;
    private final Long declaredKeyHeads;
    /** Whether query heads of the architecture can share key heads. */
    private final boolean canShare;

    private Arrangement.Division known;

    /** What is declared may be null. */
    Heads(Catalog catalog, Long heads, Long keyHeads, boolean canShare) {
        this.canShare = canShare;
        this.catalog = catalog;
        this.declaredHeads = heads;
        this.declaredKeyHeads = keyHeads;
    }

    /** One group for each key head: its query heads, itself, its value head. */
    @Override
    public Arrangement.Division division() throws LayoutException {
        if (known == null) {
            checkVersion();
            long heads = heads();
            long keyHeads = keyHeads(heads);
            if (heads <= 0 || keyHeads <= 0 || heads % keyHeads != 0) {
                throw new LayoutException(
                        "names: " + heads + " attention heads cannot share " + keyHeads + " key and value heads");
            }
            known = new Arrangement.Division(keyHeads, heads / keyHeads, 1, 1);
        }
        return known;
    }

    /** Megatron's first versions had the rows of fused attention in other orders, which its own reader has mended. */
    private void checkVersion() throws LayoutException {
        try {
            if (catalog.facts().find("source") instanceof Value.Text reader
                    && reader.value().equals("megatron")) {
                return;
            }
            for (Attachment attachment : catalog.attachments()) {
                boolean isOld = attachment.name().equals("checkpoint_version")
                        && (attachment.value() instanceof Value.Real real && real.value() < 2
                                || attachment.value() instanceof Value.Int number
                                        && number.value().intValue() < 2);
                if (isOld) {
                    throw new LayoutException("names: Megatron wrote this checkpoint in version "
                            + (attachment.value() instanceof Value.Real real ? real.value() : "0 or 1")
                            + ", whose attention rows are in another order than from version 2 on");
                }
            }
        } catch (LayoutException e) {
            throw e;
        } catch (IOException e) {
            throw unreadable(e);
        }
    }

    private static LayoutException unreadable(IOException e) {
        return new LayoutException("names: the attachments cannot be read: " + e.getMessage(), e);
    }

    private long heads() throws LayoutException {
        Long found = declaredHeads != null ? declaredHeads : find(HEADS);
        if (found == null) {
            throw new LayoutException(
                    "names: the number of attention heads is needed, and nothing that is stored says it;"
                            + " declare it, as in --names llama,heads=32,kv=8");
        }
        return found;
    }

    private long keyHeads(long heads) throws LayoutException {
        if (declaredKeyHeads != null) {
            return declaredKeyHeads;
        }
        // Megatron's number of groups counts only where attention is grouped.
        Long found = isUngrouped() ? null : find(KEY_HEADS);
        if (found == null && canShare && find(HEADS) == null) {
            throw new LayoutException(
                    "names: the number of key and value heads is needed, and nothing that is stored says"
                            + " it; declare it too, as in --names llama,heads=32,kv=8");
        }
        return found == null ? heads : found;
    }

    private boolean isUngrouped() throws LayoutException {
        try {
            for (Attachment attachment : catalog.attachments()) {
                Value.Mapping settings = findSettings(attachment);
                if (settings != null && settings.find("group_query_attention") instanceof Value.Bool grouped) {
                    return !grouped.value();
                }
            }
            return false;
        } catch (IOException e) {
            throw unreadable(e);
        }
    }

    /** The rows of the vocabulary before they were padded, as Megatron's arguments may say, or null. */
    Long findVocabulary() throws LayoutException {
        return find(List.of("vocab_size"));
    }

    /** The number that is stored under any of {@code keys}, or null. */
    private Long find(List<String> keys) throws LayoutException {
        Set<Long> found = new TreeSet<>();
        try {
            for (Attachment attachment : catalog.attachments()) {
                Value.Mapping settings = findSettings(attachment);
                for (String key : settings == null ? List.<String>of() : keys) {
                    if (settings.find(key) instanceof Value.Int number
                            && number.value().bitLength() < 32) {
                        found.add(number.value().longValue());
                        break;
                    }
                }
            }
        } catch (IOException e) {
            throw unreadable(e);
        }
        if (found.size() > 1) {
            throw new LayoutException("names: the attachments disagree on " + keys.getFirst() + ": " + found
                    + "; declare it, as in --names llama,heads=32,kv=8");
        }
        return found.isEmpty() ? null : found.iterator().next();
    }

    /** The settings of an attachment that holds training arguments or a model's configuration, or null. */
    private static Value.Mapping findSettings(Attachment attachment) {
        String name = attachment.name().toLowerCase(Locale.ROOT);
        boolean named = name.equals("args")
                || name.endsWith(".args")
                || name.equals("config")
                || name.endsWith("config.json")
                || name.endsWith("model_config")
                || name.endsWith("hf_config");
        if (!named) {
            return null;
        }
        Value value = attachment.value() instanceof Value.Instance instance ? instance.state() : attachment.value();
        return value instanceof Value.Mapping mapping ? mapping : null;
    }

    /** Reads {@code heads} and {@code kv} of a naming's settings. */
    static Heads of(Catalog catalog, Map<String, String> settings, boolean canShare) throws LayoutException {
        return new Heads(catalog, number(settings, "heads"), number(settings, "kv"), canShare);
    }

    /** A whole number above 0 among settings, or null. */
    static Long number(Map<String, String> settings, String key) throws LayoutException {
        String text = settings.get(key);
        if (text == null) {
            return null;
        }
        if (!text.matches("[1-9][0-9]{0,8}")) {
            throw new LayoutException("names: " + key + "=" + text + " is no number above 0");
        }
        return Long.valueOf(text);
    }
}
