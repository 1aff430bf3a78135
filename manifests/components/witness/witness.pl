# Tells over TCP what is on this pod's volume, or asks another pod's witness for that.  Read-only.
# DNS says which pods there are; only their volumes say whether there was a cluster before.
#
#   perl witness.pl serve MARK SIGN   "data" when SIGN exists, else "first" when MARK does, else "empty"
#   perl witness.pl ask HOST          prints that word; nothing, and status 1, when it is not known
#
# Of Perl only what every Debian image has (perl-base).
use strict;
use warnings;
use Errno;
use IO::Socket::IP;

my $port = 4570;
my ($verb, @what) = @ARGV;

# Anything but "there is no such thing" is no proof of absence.
sub is_there {
    return 1 if lstat $_[0];
    return 0 if $!{ENOENT};
    die "$_[0]: $!\n";
}

if ($verb eq 'serve') {
    my ($mark, $sign) = @what;
    my $server = IO::Socket::IP->new(LocalPort => $port, Listen => 16, ReuseAddr => 1) or die "port $port: $@\n";
    # Who asks may be gone when the answer comes.
    local $SIG{PIPE} = 'IGNORE';
    while (my $client = $server->accept) {
        my $state = eval { is_there($sign) ? 'data' : is_there($mark) ? 'first' : 'empty' } // 'unknown';
        warn $@ if $@;
        print $client "$ENV{POD_NAMESPACE}/$ENV{POD_NAME} $state\n";
    }
    die "port $port: $!\n";
}

my ($host) = @what;
my ($pod) = split /[.]/, $host;
local $SIG{ALRM} = sub { exit 1 };
alarm 3;
my $socket = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port) or exit 1;
# An address may have gone to another pod meanwhile: only the pod that is meant counts.
exit 1 unless (<$socket> // '') =~ m{^\Q$ENV{POD_NAMESPACE}/$pod\E (data|first|empty)$};
print "$1\n";
