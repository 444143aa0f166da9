package org.trencadis.torch;

import java.io.IOException;
import java.util.ArrayDeque;

/** The steps from the root of a tree to a node, for messages: long ones are cut in the middle. */
final class NodePath {
    private static final int MOST_STEPS = 64;
    private static final int MOST_CHARACTERS = 200;

    private NodePath() {}

    static String of(Node node) {
        ArrayDeque<String> steps = new ArrayDeque<>();
        for (Node at = node; at.parent() != null; at = at.parent()) {
            if (steps.size() == MOST_STEPS) {
                steps.addFirst("…");
                break;
            }
            steps.addFirst(step(at));
        }
        String path = String.join("", steps);
        if (path.isEmpty()) {
            return "root";
        }
        return path.startsWith(".") ? path.substring(1) : path;
    }

    private static String step(Node node) {
        try {
            String step = node.step();
            return step.length() <= MOST_CHARACTERS ? step : step.substring(0, MOST_CHARACTERS) + "…";
        } catch (IOException e) {
            return ".?";
        }
    }
}
