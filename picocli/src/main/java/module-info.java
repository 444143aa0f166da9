/** The command-line parser, whose published module descriptor cannot be compiled with its sources alone. */
module info.picocli {
    exports picocli;
}
