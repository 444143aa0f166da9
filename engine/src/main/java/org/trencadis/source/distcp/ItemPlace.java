package org.trencadis.source.distcp;

import org.trencadis.source.distcp.DataFiles.DataFile;

/**
 * Where an item lies: a whole {@code torch.save} archive inside a data file.
 *
 * @param offsetBytes of its first byte in the file
 * @param lengthBytes as it is stored
 * @param zstd whether what is stored is a zstd stream of the archive
 */
record ItemPlace(DataFile file, long offsetBytes, long lengthBytes, boolean zstd) {}
