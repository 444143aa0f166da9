package org.trencadis.tools;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The command line stands on the engine's API and leaves files to it. */
class ToolsArchitectureTest {
    private static final JavaClasses TOOLS = new ClassFileImporter().importPath(Path.of("target", "classes"));

    /** Calls that take charset, locale or time zone from the environment. */
    private static final Set<String> BANNED_CALLS = Set.of(
            "java.lang.String.getBytes()",
            "java.lang.String.<init>([B)",
            "java.lang.String.toLowerCase()",
            "java.lang.String.toUpperCase()",
            "java.lang.String.format(java.lang.String, [Ljava.lang.Object;)",
            "java.lang.String.formatted([Ljava.lang.Object;)",
            "java.io.InputStreamReader.<init>(java.io.InputStream)",
            "java.nio.charset.Charset.defaultCharset()",
            "java.util.Locale.getDefault()",
            "java.time.ZoneId.systemDefault()",
            "java.lang.Thread.<init>(java.lang.Runnable)",
            "java.lang.Thread.<init>()");

    @Test
    void commandsKnowOnlyWhatTheEngineExports() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "org.trencadis.container..",
                        "org.trencadis.gather..",
                        "org.trencadis.storage..",
                        "org.trencadis.codec..",
                        "org.trencadis.torch..",
                        "org.trencadis.source..",
                        "org.trencadis.serve..",
                        "org.trencadis.verify..",
                        "org.trencadis.plan..")
                .check(TOOLS);
    }

    @Test
    void nothingIsTakenFromTheEnvironmentUnnamed() {
        noClasses()
                .should()
                .accessTargetWhere(new DescribedPredicate<JavaAccess<?>>("are banned: " + BANNED_CALLS) {
                    @Override
                    public boolean test(JavaAccess<?> access) {
                        return BANNED_CALLS.contains(access.getTarget().getFullName());
                    }
                })
                .check(TOOLS);
    }

    @Test
    void onlyMainEndsTheProcess() {
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName("org.trencadis.tools.Main")
                .should()
                .accessTargetWhere(new DescribedPredicate<JavaAccess<?>>("end the process") {
                    @Override
                    public boolean test(JavaAccess<?> access) {
                        String name = access.getTarget().getName();
                        boolean ends = name.equals("exit") || name.equals("halt");
                        return ends
                                && Set.of("java.lang.System", "java.lang.Runtime")
                                        .contains(access.getTargetOwner().getName());
                    }
                })
                .check(TOOLS);
    }

    @Test
    void theRulesSeeTheCommands() {
        assertTrue(TOOLS.size() > 20, "classes found: " + TOOLS.size());
    }
}
