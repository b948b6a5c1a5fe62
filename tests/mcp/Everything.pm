# SPDX-License-Identifier: Apache-2.0
#
# The server of everything.c for tests: started, spoken to in both eras, and at the end each line that
# it wrote held against the schema of its revision.
package Everything;

use strict;
use warnings;
use Client;
use Exporter 'import';
use File::Temp;
use FindBin;
use JSON::PP;
use Test::More;

our @EXPORT = qw(start modern legacy fits);
my $record = File::Temp->new;
my $tests = "$FindBin::Bin/..";

# start(REVISION, CAPABILITIES): after the older handshake; start(): nothing said yet.
sub start {
	my ($revision, $capabilities) = @_;
	local $ENV{CNT_RECORD} = $record->filename;
	my $c = Client->start(($ENV{BUILD} // "$tests/../build") . '/tests/mcp/everything');
	if (defined $revision) {
		$c->ask('{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"' . $revision
		    . '","capabilities":' . ($capabilities // '{}') . ',"clientInfo":{"name":"t","version":"1"}}}');
		$c->say('{"jsonrpc":"2.0","method":"notifications/initialized"}');
	}
	return $c;
}

# A line of 2026-07-28. params: what follows _meta; capabilities: of the client; meta: more of _meta.
sub modern {
	my ($id, $method, $params, $capabilities, $meta) = @_;
	my $m = $Client::META;
	$m =~ s/\{\}\}$/($capabilities \/\/ '{}') . '}'/e;
	$m =~ s/\}$/,$meta}/ if defined $meta;
	return qq({"jsonrpc":"2.0","id":$id,"method":"$method","params":{$m) . ($params ? ",$params" : '') . '}}';
}

sub legacy {
	my ($id, $method, $params) = @_;
	return qq({"jsonrpc":"2.0","id":$id,"method":"$method","params":{) . ($params // '') . '}}';
}

# To be called last.
sub fits {
	my $said = qx($tests/clients/install 2>&1);
	local $ENV{PATH} = "$tests/clients/node_modules/.bin:$ENV{PATH}";
	$said .= qx(node $FindBin::Bin/validate.mjs $record 2>&1);
	is($?, 0, 'each line fits the schema of its revision') or diag($said);
	like($said, qr/^[0-9]{2,} lines, 0 wrong/m, 'and there are many');
}

1;
