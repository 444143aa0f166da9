package org.trencadis.index;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.trencadis.format.Value;

/** What follows the tensors of a catalog to the names of their views: aliases, groups, facts that list names. */
final class ViewedNames {
    private static final Set<String> LISTS = Set.of("buffers", "frozen");
    private static final String DIGEST = "digest.";
    private static final String NAMES = "names";
    private static final String STEPS = "steps";

    /** Attachments that hold patterns of names. */
    private static final Pattern SPEAKS_OF_NAMES = Pattern.compile("(?:universal_checkpoint_info|ds_autoep_layers).*");

    private final Catalog source;
    /** Target by alias. */
    private final Map<String, String> aliases = new TreeMap<>();

    private final Map<String, String> viewedAliases = new TreeMap<>();
    /** The views that a tensor has a part in, and the tensors that a view has parts of, by name. */
    private final Map<String, Set<String>> viewsOf = new HashMap<>();

    private final Map<String, Set<String>> sourcesOf = new HashMap<>();
    private final Map<Integer, Integer> holders = new HashMap<>();

    ViewedNames(Catalog source) throws IOException {
        this.source = source;
        source.aliases().forEach(alias -> aliases.put(alias.name(), alias.target()));
    }

    /** Gives each alias the shape of its target, so that it is named as a tensor would be. */
    void addAliases(Set<String> tensors, Map<String, long[]> shapes) throws CatalogException {
        aliases.forEach((alias, target) -> {
            if (tensors.contains(target)) {
                shapes.putIfAbsent(alias, shapes.get(target));
            }
        });
    }

    /** The views of tensors; those of aliases become aliases. */
    List<View> withoutAliases(List<View> views) throws CatalogException {
        if (aliases.isEmpty()) {
            return views;
        }
        Map<List<View.Piece>, String> byPieces = new HashMap<>();
        List<View> kept = new ArrayList<>();
        List<View> second = new ArrayList<>();
        for (View view : views) {
            long ofAliases = view.pieces().stream()
                    .filter(piece -> aliases.containsKey(piece.source()))
                    .count();
            if (ofAliases == 0) {
                byPieces.put(view.pieces(), view.name());
                kept.add(view);
            } else {
                second.add(view);
            }
        }
        for (View view : second) {
            List<View.Piece> pieces = view.pieces().stream()
                    .map(piece -> new View.Piece(aliases.getOrDefault(piece.source(), piece.source()), piece.map()))
                    .toList();
            String target = byPieces.get(pieces);
            if (target == null) {
                // Tied to something that stands nowhere by itself: a tensor of its own over the same bytes.
                kept.add(new View(view.name(), view.shape(), pieces));
            } else {
                viewedAliases.put(view.name(), target);
            }
        }
        return kept;
    }

    /** Takes note of a view that is in the catalog. */
    void use(View view) {
        for (View.Piece piece : view.pieces()) {
            viewsOf.computeIfAbsent(piece.source(), name -> new LinkedHashSet<>())
                    .add(view.name());
            sourcesOf
                    .computeIfAbsent(view.name(), name -> new LinkedHashSet<>())
                    .add(piece.source());
        }
    }

    /** The number in {@code builder} of a holder set of the source; -1 stays -1. */
    int holders(CatalogBuilder builder, int ordinal) throws IOException {
        if (ordinal < 0) {
            return -1;
        }
        Integer known = holders.get(ordinal);
        if (known == null) {
            known = builder.addHolders(source.holders(ordinal));
            holders.put(ordinal, known);
        }
        return known;
    }

    /** Adds everything that is no tensor. */
    void addTo(CatalogBuilder builder, String said) throws IOException {
        viewedAliases.forEach(builder::addAlias);
        Map<String, String> groupOf = new HashMap<>();
        for (Group group : source.groups()) {
            builder.addGroup(viewed(group, groupOf));
        }
        boolean leftOut = false;
        for (Attachment attachment : source.attachments()) {
            if (SPEAKS_OF_NAMES.matcher(attachment.name()).matches()) {
                leftOut = true;
            } else {
                builder.addAttachment(attachment);
            }
        }
        if (leftOut) {
            builder.addFinding(
                    ViewedCatalog.PARALLELISM_LEFT_OUT,
                    "what the training job declared about parallelism speaks of names that the tensors here do not"
                            + " have, and is left out");
        }
        source.findings().forEach(finding -> builder.addFinding(finding.code(), finding.text()));
        for (Value.Entry fact : source.facts().entries()) {
            String name = ((Value.Text) fact.key()).value();
            if (LISTS.contains(name) && fact.value() instanceof Value.Sequence list) {
                builder.addFact(name, viewed(name, list));
            } else if (!name.startsWith(DIGEST) && !name.equals(NAMES)) {
                builder.addFact(name, fact.value());
            }
        }
        String before = source.findFact(NAMES);
        builder.addFact(NAMES, new Value.Text(before == null ? said : before + ", then " + said));
    }

    private Set<String> viewsOf(String name) {
        return viewsOf.getOrDefault(name, Set.of(name));
    }

    private Group viewed(Group group, Map<String, String> groupOf) throws CatalogException {
        Set<String> members = new LinkedHashSet<>();
        for (String parameter : group.parameters()) {
            for (String name : viewsOf(parameter)) {
                String other = groupOf.putIfAbsent(name, group.name());
                if (other != null && !members.contains(name)) {
                    throw new CatalogException("tensor " + name + " would be made of parameters of group " + other
                            + " and of group " + group.name());
                }
                members.add(name);
            }
        }
        return new Group(group.name(), new ArrayList<>(members), group.expert(), viewed(group.settings()));
    }

    /** Steps of single parameters go to their views. */
    private Value.Mapping viewed(Value.Mapping settings) throws CatalogException {
        List<Value.Entry> entries = new ArrayList<>();
        for (Value.Entry entry : settings.entries()) {
            boolean steps = entry.key().equals(new Value.Text(STEPS));
            entries.add(
                    steps && entry.value() instanceof Value.Mapping mapping
                            ? new Value.Entry(entry.key(), viewedSteps(mapping))
                            : entry);
        }
        return new Value.Mapping(entries);
    }

    private Value.Mapping viewedSteps(Value.Mapping steps) throws CatalogException {
        Map<String, Value> viewed = new LinkedHashMap<>();
        for (Value.Entry entry : steps.entries()) {
            String parameter = entry.key() instanceof Value.Text text ? text.value() : null;
            for (String name : parameter == null ? Set.<String>of() : viewsOf(parameter)) {
                Value other = viewed.putIfAbsent(name, entry.value());
                if (other != null && !other.equals(entry.value())) {
                    throw new CatalogException(
                            "tensor " + name + " would be made of parameters that took different numbers of steps");
                }
            }
        }
        return new Value.Mapping(viewed.entrySet().stream()
                .map(entry -> new Value.Entry(new Value.Text(entry.getKey()), entry.getValue()))
                .toList());
    }

    private Value.Sequence viewed(String fact, Value.Sequence list) throws CatalogException {
        Set<String> listed = new LinkedHashSet<>();
        list.items().forEach(item -> listed.add(((Value.Text) item).value()));
        Set<String> viewed = new LinkedHashSet<>();
        for (String name : listed) {
            for (String view : viewsOf(name)) {
                for (String part : sourcesOf.getOrDefault(view, Set.of())) {
                    if (!listed.contains(part)) {
                        throw new CatalogException("tensor " + view + " would be made of " + name + ", which is among "
                                + fact + ", and " + part + ", which is not");
                    }
                }
                viewed.add(view);
            }
        }
        return new Value.Sequence(viewed.stream().<Value>map(Value.Text::new).toList());
    }
}
