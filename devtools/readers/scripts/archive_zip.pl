# Prints SHA-256, size and name of every file that Archive::Zip finds.
use strict;
use warnings;
use Archive::Zip qw(:CONSTANTS :ERROR_CODES);
use Digest::SHA;

binmode STDOUT;
my $archive = Archive::Zip->new();
exit 1 if $archive->read($ARGV[0]) != AZ_OK;
for my $member ($archive->members()) {
    my ($digest, $size) = (Digest::SHA->new(256), 0);
    # Otherwise it gives the compressed bytes out as they are.
    $member->desiredCompressionMethod(COMPRESSION_STORED);
    my $status = $member->rewindData();
    die "rewindData answers $status" if $status != AZ_OK;
    while ($status == AZ_OK) {
        (my $chunk, $status) = $member->readChunk();
        die "readChunk answers $status" if $status != AZ_OK && $status != AZ_STREAM_END;
        $digest->add($$chunk);
        $size += length $$chunk;
    }
    $member->endRead();
    my $name = $member->fileName();
    utf8::encode($name) if utf8::is_utf8($name);
    print $digest->hexdigest(), " $size $name\n";
}
