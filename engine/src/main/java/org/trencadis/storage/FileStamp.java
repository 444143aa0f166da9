package org.trencadis.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * What the file system says about a file: enough to notice that it was replaced, rewritten, truncated or touched.
 *
 * @param device device number, 0 where the system has none
 * @param inode inode number, 0 where the system has none
 * @param mtimeNs modification time in nanoseconds since 1970
 * @param ctimeNs time of the last status change in nanoseconds since 1970, 0 where the system has none
 */
public record FileStamp(long sizeBytes, long device, long inode, long mtimeNs, long ctimeNs) {
    /**
     * The stamp of {@code file}, symbolic links followed.
     *
     * @throws java.nio.file.NoSuchFileException when there is no such file
     */
    public static FileStamp of(Path file) throws IOException {
        if (file.getFileSystem().supportedFileAttributeViews().contains("unix")) {
            Map<String, Object> unix = Files.readAttributes(file, "unix:size,dev,ino,lastModifiedTime,ctime");
            return new FileStamp(
                    (Long) unix.get("size"),
                    (Long) unix.get("dev"),
                    (Long) unix.get("ino"),
                    nanos((FileTime) unix.get("lastModifiedTime")),
                    nanos((FileTime) unix.get("ctime")));
        }
        BasicFileAttributes basic = Files.readAttributes(file, BasicFileAttributes.class);
        return new FileStamp(basic.size(), 0, 0, nanos(basic.lastModifiedTime()), 0);
    }

    /** Written out: the JVM takes a hundredth of a second to make one at the first call, and every command comes here. */
    @Override
    public boolean equals(Object other) {
        return other instanceof FileStamp stamp
                && sizeBytes == stamp.sizeBytes
                && device == stamp.device
                && inode == stamp.inode
                && mtimeNs == stamp.mtimeNs
                && ctimeNs == stamp.ctimeNs;
    }

    @Override
    public int hashCode() {
        return Long.hashCode(sizeBytes ^ inode ^ mtimeNs ^ ctimeNs);
    }

    private static long nanos(FileTime time) {
        return time.to(TimeUnit.NANOSECONDS);
    }
}
