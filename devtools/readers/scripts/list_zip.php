<?php
// Prints SHA-256, size and name of every file that PHP's ZipArchive finds.
$archive = new ZipArchive();
$status = $archive->open($argv[1], ZipArchive::RDONLY);
if ($status !== true) {
    fwrite(STDERR, "ZipArchive::open answers $status\n");
    exit(1);
}
for ($index = 0; $index < $archive->numFiles; $index++) {
    $name = $archive->getNameIndex($index);
    $contents = $archive->getStreamIndex($index);
    if ($contents === false) {
        fwrite(STDERR, "$name: " . $archive->getStatusString() . "\n");
        exit(1);
    }
    $digest = hash_init('sha256');
    $size = 0;
    while (!feof($contents)) {
        $chunk = fread($contents, 65536);
        if ($chunk === false) {
            fwrite(STDERR, "$name cannot be read\n");
            exit(1);
        }
        hash_update($digest, $chunk);
        $size += strlen($chunk);
    }
    fclose($contents);
    echo hash_final($digest), " $size $name\n";
}
