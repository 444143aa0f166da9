package org.trencadis.source.dcp;

import java.util.ArrayList;
import java.util.List;
import org.trencadis.source.distcp.SavedEntry;
import org.trencadis.source.distcp.SavedEntry.Step;

/**
 * What stands behind a keyword in the path of an entry: either more steps, or one text with dots.
 *
 * @param prefix what stands before the keyword
 * @param flat the text, or null where there are steps
 */
record PathPart(String prefix, List<Step> steps, String flat) {
    /** The places at which {@code keyword} stands in the path of an entry, with what follows it. */
    static List<PathPart> find(SavedEntry entry, String keyword) {
        List<Step> path = entry.path() == null ? List.of(Step.key(entry.name())) : entry.path();
        List<PathPart> parts = new ArrayList<>(1);
        for (int at = 0; at < path.size() - 1; at++) {
            Step step = path.get(at);
            if (!step.index() && step.text().equals(keyword)) {
                parts.add(new PathPart(join(path.subList(0, at)), path.subList(at + 1, path.size()), null));
            }
        }
        Step last = path.getLast();
        String head = join(path.subList(0, path.size() - 1));
        for (int at = last.index() ? -1 : 0; at >= 0; at = entry.path() == null ? after(last.text(), at) : -1) {
            if (last.text().startsWith(keyword + '.', at)) {
                String inner = last.text().substring(0, Math.max(0, at - 1));
                parts.add(new PathPart(join(head, inner), List.of(), last.text().substring(at + keyword.length() + 1)));
            }
        }
        return parts;
    }

    private static int after(String text, int at) {
        int dot = text.indexOf('.', at);
        return dot < 0 ? -1 : dot + 1;
    }

    /** The text of steps, with dots between. */
    static String join(List<Step> steps) {
        return String.join(".", steps.stream().map(Step::text).toList());
    }

    /** Two texts with a dot between, where neither is empty. */
    static String join(String head, String tail) {
        return head.isEmpty() ? tail : tail.isEmpty() ? head : head + '.' + tail;
    }
}
