# Sends a POST of JSON to an etcd member; prints the whole answer, or nothing, with a status other than 0.
# usage: perl post.pl HOST PATH JSON
use strict;
use warnings;
use IO::Socket::IP;

my ($host, $path, $json) = @ARGV;
local $SIG{ALRM} = sub { exit 1 };
alarm 10;
my $socket = IO::Socket::IP->new(PeerHost => $host, PeerPort => 2379, Timeout => 3) or exit 1;
print $socket "POST $path HTTP/1.0\r\nHost: $host\r\nContent-Type: application/json\r\n",
    'Content-Length: ', length $json, "\r\n\r\n", $json;
local $/ = undef;
print scalar <$socket>;
