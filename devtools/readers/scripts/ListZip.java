import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Collections;
import java.util.HexFormat;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;

/** Prints SHA-256, size and name of every file in an archive, read as a stream or by index. */
public class ListZip {
    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        if (args[0].equals("stream")) {
            try (ZipInputStream in = new ZipInputStream(Files.newInputStream(Path.of(args[1])))) {
                for (ZipEntry entry; (entry = in.getNextEntry()) != null; ) {
                    print(out, entry, in);
                }
            }
        } else {
            try (ZipFile file = new ZipFile(args[1])) {
                for (ZipEntry entry : Collections.list(file.entries())) {
                    try (InputStream in = file.getInputStream(entry)) {
                        print(out, entry, in);
                    }
                }
            }
        }
        out.flush();
    }

    private static void print(PrintStream out, ZipEntry entry, InputStream in) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        byte[] chunk = new byte[65536];
        long size = 0;
        for (int read; (read = in.read(chunk)) >= 0; ) {
            digest.update(chunk, 0, read);
            size += read;
        }
        String sha256 = HexFormat.of().formatHex(digest.digest());
        out.println(sha256 + " " + size + " " + entry.getName());
    }
}
