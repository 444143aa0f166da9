/** The on-disk format of Trencadís: records, digests and limits, without any I/O. */
module org.trencadis.format {
    exports org.trencadis.format;
}
