package org.trencadis;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.conditions.ArchPredicates.are;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The walls between packages: who may import whom, and what nobody may touch. */
class ArchitectureTest {
    private static final String ROOT = "org.trencadis";
    private static final Path CLASSES = Path.of("target", "classes");
    private static final JavaClasses ENGINE = new ClassFileImporter().importPath(CLASSES);

    /** Package to the packages of ours that it may import. The root package may import all of them. */
    private static final Map<String, Set<String>> WALLS = Map.ofEntries(
            Map.entry("tensor", Set.of("format")),
            Map.entry("index", Set.of("storage", "tensor", "format")),
            Map.entry("storage", Set.of("format")),
            Map.entry("codec", Set.of("format")),
            Map.entry("torch", Set.of("storage", "tensor", "format")),
            Map.entry("layout", Set.of("index", "tensor", "format")),
            Map.entry("source", Set.of("torch", "codec", "layout", "index", "storage", "tensor", "format")),
            Map.entry("plan", Set.of("layout", "index", "tensor")),
            Map.entry("gather", Set.of("plan", "index", "codec", "storage", "tensor", "format")),
            Map.entry("container", Set.of("gather", "codec", "index", "storage", "tensor", "format")),
            Map.entry("serve", Set.of("gather", "plan", "layout", "torch", "index", "tensor", "format")),
            Map.entry("verify", Set.of("container", "gather", "codec", "index", "storage", "tensor", "format")));

    /** Calls that take a charset, locale, time zone or thread name from the environment, with the reason for each. */
    private static final Map<String, String> BANNED_CALLS = Map.ofEntries(
            Map.entry("java.lang.String.getBytes()", "name the charset"),
            Map.entry("java.lang.String.<init>([B)", "name the charset"),
            Map.entry("java.lang.String.<init>([B, int, int)", "name the charset"),
            Map.entry("java.io.InputStreamReader.<init>(java.io.InputStream)", "name the charset"),
            Map.entry("java.io.OutputStreamWriter.<init>(java.io.OutputStream)", "name the charset"),
            Map.entry("java.nio.charset.Charset.defaultCharset()", "name the charset"),
            Map.entry("java.lang.String.toLowerCase()", "name the locale"),
            Map.entry("java.lang.String.toUpperCase()", "name the locale"),
            Map.entry("java.lang.String.format(java.lang.String, [Ljava.lang.Object;)", "name the locale"),
            Map.entry("java.lang.String.formatted([Ljava.lang.Object;)", "takes the default locale"),
            Map.entry("java.util.Locale.getDefault()", "name the locale"),
            Map.entry("java.time.ZoneId.systemDefault()", "name the time zone"),
            Map.entry("java.util.TimeZone.getDefault()", "name the time zone"),
            Map.entry("java.lang.Thread.<init>(java.lang.Runnable)", "name the thread"),
            Map.entry("java.lang.Thread.<init>()", "name the thread"),
            Map.entry("java.util.concurrent.Executors.newFixedThreadPool(int)", "name the threads"),
            Map.entry("java.util.concurrent.Executors.newCachedThreadPool()", "name the threads"),
            Map.entry("java.util.concurrent.Executors.newSingleThreadExecutor()", "name the thread"),
            Map.entry("java.util.concurrent.Executors.newVirtualThreadPerTaskExecutor()", "name the threads"),
            Map.entry("java.util.concurrent.Executors.newWorkStealingPool()", "name the threads"),
            Map.entry("java.util.concurrent.ForkJoinPool.commonPool()", "its threads are not ours to name or count"),
            Map.entry("java.util.Collection.parallelStream()", "its threads are not ours to name or count"),
            Map.entry("java.util.stream.BaseStream.parallel()", "its threads are not ours to name or count"),
            Map.entry("java.lang.System.exit(int)", "an engine does not end its host"),
            Map.entry("java.lang.System.gc()", "nothing may depend on it"));

    /** What only {@code storage} may do with files: map, sync, rename, link, lock, create, delete. */
    private static final Set<String> STORAGE_CALLS = Set.of(
            "move",
            "copy",
            "delete",
            "deleteIfExists",
            "createFile",
            "createDirectory",
            "createDirectories",
            "createLink",
            "createSymbolicLink",
            "createTempFile",
            "createTempDirectory",
            "newByteChannel",
            "newOutputStream",
            "write",
            "writeString",
            "setLastModifiedTime");

    static Stream<String> packages() {
        return WALLS.keySet().stream().sorted();
    }

    @ParameterizedTest
    @MethodSource("packages")
    void aPackageImportsOnlyWhatIsBelowItsWall(String name) {
        String home = ROOT + "." + name + "..";
        Set<String> allowed = WALLS.get(name).stream()
                .map(other -> ROOT + "." + other + "..")
                .collect(Collectors.toCollection(HashSet::new));
        allowed.add(home);
        classes()
                .that()
                .resideInAPackage(home)
                .should()
                .onlyDependOnClassesThat(are(outsideOurPackages()).or(are(resideInAny(allowed.toArray(String[]::new)))))
                .allowEmptyShould(true)
                .check(ENGINE);
    }

    private static DescribedPredicate<JavaClass> outsideOurPackages() {
        return DescribedPredicate.not(resideInAPackage(ROOT + ".."));
    }

    private static DescribedPredicate<JavaClass> resideInAny(String... packages) {
        return JavaClass.Predicates.resideInAnyPackage(packages);
    }

    @Test
    void everyPackageHasAWall() {
        Set<String> strangers = ENGINE.stream()
                .map(JavaClass::getPackageName)
                .filter(name -> !name.equals(ROOT) && !WALLS.containsKey(name.split("\\.")[2]))
                .collect(Collectors.toCollection(TreeSet::new));
        assertEquals(Set.of(), strangers);
    }

    @Test
    void wallsAllowNoCycle() {
        slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(ENGINE);
    }

    /** {@code distcp} is no reader: it holds the file format that DCP and Megatron Core share. */
    @Test
    void readersOfSourcesDoNotKnowEachOther() {
        slices().matching(ROOT + ".source.(*)..")
                .should()
                .notDependOnEachOther()
                .ignoreDependency(DescribedPredicate.alwaysTrue(), resideInAPackage(ROOT + ".source.distcp"))
                .check(ENGINE);
    }

    @Test
    void chronicleIsTheBufferOfTheCatalogBuilderAndNothingElse() {
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName(ROOT + ".index.ElasticBuffer")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("net.openhft..")
                .check(ENGINE);
    }

    @Test
    void onlyCodecKnowsCompressors() {
        noClasses()
                .that()
                .resideOutsideOfPackage(ROOT + ".codec..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("net.jpountz..", "com.github.luben..")
                .check(ENGINE);
    }

    @Test
    void onlyStorageOpensMapsAndLocksFiles() {
        noClasses()
                .that()
                .resideOutsideOfPackage(ROOT + ".storage..")
                .should()
                .dependOnClassesThat()
                .haveNameMatching("java\\.nio\\.channels\\..*File.*|java\\.io\\.(RandomAccessFile|File|File.*Stream"
                        + "|FileReader|FileWriter)")
                .check(ENGINE);
    }

    @Test
    void onlyStorageChangesTheFileSystem() {
        noClasses()
                .that()
                .resideOutsideOfPackage(ROOT + ".storage..")
                .should()
                .callMethodWhere(new DescribedPredicate<>("they change the file system") {
                    @Override
                    public boolean test(com.tngtech.archunit.core.domain.JavaMethodCall call) {
                        return call.getTargetOwner().isEquivalentTo(Files.class)
                                && STORAGE_CALLS.contains(call.getTarget().getName());
                    }
                })
                .check(ENGINE);
    }

    @Test
    void nothingIsTakenFromTheEnvironmentUnnamed() {
        noClasses()
                .should()
                .accessTargetWhere(new DescribedPredicate<JavaAccess<?>>("are banned: " + BANNED_CALLS) {
                    @Override
                    public boolean test(JavaAccess<?> access) {
                        return BANNED_CALLS.containsKey(access.getTarget().getFullName());
                    }
                })
                .check(ENGINE);
    }

    @Test
    void theEngineDoesNotPrint() {
        noClasses()
                .should()
                .accessTargetWhere(new DescribedPredicate<JavaAccess<?>>("are standard streams") {
                    @Override
                    public boolean test(JavaAccess<?> access) {
                        return access.getTargetOwner().isEquivalentTo(System.class)
                                && Set.of("out", "err", "in")
                                        .contains(access.getTarget().getName());
                    }
                })
                .check(ENGINE);
    }

    @Test
    void theEngineIsSafe() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .haveNameMatching("sun\\..*|jdk\\.internal\\..*")
                .check(ENGINE);
    }

    /** A module exports the root package and the packages of the types that its signatures name, no more and no less. */
    @Test
    void theModuleExportsItsRootAndWhatTheRootNames() throws IOException {
        Set<String> named = new TreeSet<>();
        for (JavaClass type : ENGINE) {
            if (type.getPackageName().equals(ROOT) && isVisible(type)) {
                named.add(ROOT);
                signatureTypes(type).stream()
                        .filter(next -> ENGINE.contain(next.getName()))
                        .forEach(next -> named.add(next.getPackageName()));
            }
        }
        assertEquals(named, exportedPackages());
    }

    private static boolean isVisible(JavaClass type) {
        return type.getModifiers().contains(JavaModifier.PUBLIC)
                && type.getEnclosingClass().map(ArchitectureTest::isVisible).orElse(true);
    }

    /** Types in the signatures of what another module can call. */
    private static List<JavaClass> signatureTypes(JavaClass type) {
        Stream<JavaClass> members = type.getMembers().stream()
                .filter(member -> member.getModifiers().contains(JavaModifier.PUBLIC)
                        || member.getModifiers().contains(JavaModifier.PROTECTED))
                .flatMap(member -> member.getAllInvolvedRawTypes().stream());
        Stream<JavaClass> parents = Stream.concat(type.getRawSuperclass().stream(), type.getRawInterfaces().stream());
        return Stream.concat(members, parents)
                .map(JavaClass::getBaseComponentType)
                .toList();
    }

    private static Set<String> exportedPackages() throws IOException {
        try (InputStream in = Files.newInputStream(CLASSES.resolve("module-info.class"))) {
            return ModuleDescriptor.read(in).exports().stream()
                    .filter(export -> !export.isQualified())
                    .map(ModuleDescriptor.Exports::source)
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }

    @Test
    void theRulesSeeTheEngine() {
        assertTrue(ENGINE.size() > 50, "classes found: " + ENGINE.size());
    }
}
