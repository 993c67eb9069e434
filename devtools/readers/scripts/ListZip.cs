// Prints SHA-256, size and name of every file that .NET's ZipFile finds.
using System;
using System.IO;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

static class ListZip
{
    static void Main(string[] arguments)
    {
        using (var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)))
        using (ZipArchive archive = ZipFile.OpenRead(arguments[0]))
        {
            output.NewLine = "\n";
            foreach (ZipArchiveEntry entry in archive.Entries)
            {
                using (Stream contents = entry.Open())
                using (SHA256 digest = SHA256.Create())
                {
                    var chunk = new byte[65536];
                    long size = 0;
                    for (int read; (read = contents.Read(chunk, 0, chunk.Length)) > 0; size += read)
                    {
                        digest.TransformBlock(chunk, 0, read, null, 0);
                    }
                    digest.TransformFinalBlock(chunk, 0, 0);
                    string sha256 = BitConverter.ToString(digest.Hash).Replace("-", "").ToLower();
                    output.WriteLine("{0} {1} {2}", sha256, size, entry.FullName);
                }
            }
        }
    }
}
