package org.trencadis.layout.view;

import org.trencadis.layout.LayoutException;

/** One step from the names and cuts of one framework to those of another. */
interface NameRule {
    /**
     * Changes the tensors of a state.
     *
     * @return whether any was changed
     * @throws LayoutException where the rule cannot be followed: a name that is taken, a part that is missing
     */
    boolean apply(ViewSet tensors) throws LayoutException;
}
