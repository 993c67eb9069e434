# Prints SHA-256, size and name of every file that rubyzip finds.
require "digest"
require "zip"

$stdout.binmode
Zip::File.open(ARGV[0]) do |archive|
  archive.each do |entry|
    digest = Digest::SHA256.new
    size = 0
    entry.get_input_stream do |contents|
      while (chunk = contents.read(65_536)) && !chunk.empty?
        digest << chunk
        size += chunk.bytesize
      end
    end
    $stdout.write("#{digest.hexdigest} #{size} #{entry.name.b}\n")
  end
end
