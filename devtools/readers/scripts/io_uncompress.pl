# Prints SHA-256, size and name of every file that IO::Uncompress::Unzip finds.
use strict;
use warnings;
use Digest::SHA;
use IO::Uncompress::Unzip qw($UnzipError);

binmode STDOUT;
my $archive = IO::Uncompress::Unzip->new($ARGV[0]) or die "$UnzipError\n";
my $more = 1;
while ($more > 0) {
    my ($digest, $size, $chunk) = (Digest::SHA->new(256), 0, "");
    my $read;
    while (($read = $archive->read($chunk)) > 0) {
        $digest->add($chunk);
        $size += length $chunk;
    }
    die "$UnzipError\n" if $read < 0;
    my $name = $archive->getHeaderInfo()->{Name};
    utf8::encode($name) if utf8::is_utf8($name);
    print $digest->hexdigest(), " $size $name\n";
    $more = $archive->nextStream();
}
die "$UnzipError\n" if $more < 0;
