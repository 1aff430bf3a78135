# Reports over TCP what is on this pod's volume, or asks another pod's witness.  DNS shows which pods there are; only
# their volumes show whether there was a cluster before.
#
#   data    SIGN exists; a MARK beside it is removed, because the first start is over, and there is no second one
#   first   MARK exists: this pod has seen all others empty or marked
#   empty   neither
#
#   perl witness.pl serve MARK SIGN   reports it to every client
#   perl witness.pl look MARK SIGN    prints it; when it is not known: a line on stderr, and a status other than 0
#   perl witness.pl ask HOST          prints what another pod reports; when it is not known: nothing, and status 1
#
# It uses only the Perl that every Debian image has (perl-base).
use strict;
use warnings;
use Errno;
use IO::Handle;
use IO::Socket::IP;

my $port = 4570;
my ($verb, @what) = @ARGV;

# Only "there is no such thing" proves absence; any other error does not.
sub is_there {
    return 1 if lstat $_[0];
    return 0 if $!{ENOENT};
    die "witness: it is not known whether this volume has data: $_[0]: $!; check the volume, nothing starts before\n";
}

# Removed durably, also after a power cut.
sub remove_durably {
    my ($folder) = $_[0] =~ m{^(.+)/};
    unlink $_[0] or $!{ENOENT} or die "witness: $_[0] cannot be removed: $!; check the volume\n";
    my $handle = IO::Handle->new;
    return if open $handle, '<', $folder and $handle->sync;
    die "witness: $folder cannot be synced to disk: $!; check the volume\n";
}

# Look at the mark first: if it vanishes in between, the sign was there before.
sub state_of {
    my ($mark, $sign) = @_;
    my $marked = is_there($mark);
    return $marked ? 'first' : 'empty' unless is_there($sign);
    remove_durably($mark) if $marked;
    return 'data';
}

# The same, for a server that runs forever: an error gives 'unknown', and is logged when it is new.
my $last_error = '';

sub state_or_unknown {
    my $state = eval { state_of(@what) };
    warn $@ if $@ and $@ ne $last_error;
    $last_error = $@;
    return $state // 'unknown';
}

if ($verb eq 'look') {
    print state_of(@what), "\n";
    exit;
}

if ($verb eq 'serve') {
    my $server = IO::Socket::IP->new(LocalPort => $port, Listen => 16, ReuseAddr => 1) or die "port $port: $@\n";
    # One second, so that the mark is removed even when all have started and no pod asks any more.
    $server->timeout(1);
    # The client may have gone when the answer is ready.
    local $SIG{PIPE} = 'IGNORE';
    while (1) {
        my $client = $server->accept;
        die "port $port: $!\n" unless $client or $!{ETIMEDOUT};
        my $state = state_or_unknown();
        print $client "$ENV{POD_NAMESPACE}/$ENV{POD_NAME} $state\n" if $client;
    }
}

my ($host) = @what;
my ($pod) = split /[.]/, $host;
local $SIG{ALRM} = sub { exit 1 };
alarm 3;
my $socket = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port) or exit 1;
# The address may belong to another pod by now: only an answer of the expected pod counts.
exit 1 unless (<$socket> // '') =~ m{^\Q$ENV{POD_NAMESPACE}/$pod\E (data|first|empty)$};
print "$1\n";
