/** The checkpoint engine. */
module org.trencadis.engine {
    requires transitive org.trencadis.format;
    requires chronicle.bytes;
    requires chronicle.core;
    requires jdk.unsupported;
    requires org.slf4j;
    requires com.github.luben.zstd_jni;
    requires org.lz4.java;
    requires org.snakeyaml.engine;
    requires tools.jackson.core;

    exports org.trencadis;
    exports org.trencadis.index;
    exports org.trencadis.layout;
    exports org.trencadis.tensor;
}
