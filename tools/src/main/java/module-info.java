/** The command line. */
module org.trencadis.tools {
    requires org.trencadis.engine;
    requires info.picocli;
    requires tools.jackson.core;

    opens org.trencadis.tools to
            info.picocli;
}
