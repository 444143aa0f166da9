package org.trencadis;

/** How thoroughly a checkpoint is checked; each level includes the one before. */
public enum VerifyLevel {
    /** Headers, indexes, tables, coverage; no tensor bytes are read. */
    STRUCTURE,
    /** Copies that must be equal are compared. */
    COPIES,
    /** Every byte is read and compared with each digest and checksum that is known. */
    DATA
}
