#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What boxes may say and to whom, on a host of this test's own: a network namespace, whose way out
# leads to a second one with a name server, a public address and the cloud's metadata address.
# One real box asks for everything once. Forging is done by namespaces that stand in for two boxes,
# on the interfaces that the store gave to those, since a box's root may not change its own.

if [ -z "${IN_OWN_HOST-}" ]; then
	exec env IN_OWN_HOST=1 unshare --net --mount sh "$0"
fi
# shellcheck disable=SC2034
no_instance=1
. "$(dirname "$0")/../tap.sh"
probe=$tests/host/probe
AT_ONCE=100		# ms

# /sys shows the namespace's interfaces; the host's control groups stay where they are.
mkdir "$tmp/cgroup" && mount --rbind /sys/fs/cgroup "$tmp/cgroup" && mount -t sysfs none /sys &&
    mount --rbind "$tmp/cgroup" /sys/fs/cgroup && umount -l "$tmp/cgroup" || exit 1
mkdir -p /run/netns && mount -t tmpfs none /run/netns
echo 'nameserver 10.9.9.1' >"$tmp/resolv.conf"
mount --bind "$tmp/resolv.conf" /etc/resolv.conf

CNT_ROOT=$(sh "$tests/instance" make) || exit 1
export CNT_ROOT
on_exit 'sh "$tests/instance" unmake'

ip link set lo up
ip netns add world
ip link add out type veth peer name in netns world
ip addr add 10.9.9.2/24 dev out
ip addr add 203.0.113.9/24 dev out
ip link set out up
ip route add default via 10.9.9.1
for address in 10.9.9.1/24 169.254.169.254/32 198.51.100.7/32; do
	ip -n world addr add "$address" dev in
done
ip -n world link set lo up
ip -n world link set in up

# serve WHERE ADDRESS PORT: a server in a namespace (- is the host), its log in $tmp/log-ADDRESS-PORT
serve() {
	inside=''
	[ "$1" = - ] || inside="ip netns exec $1"
	# shellcheck disable=SC2086
	$inside "$probe" serve "$2" "$3" "$tmp/log-$2-$3" &
	on_exit "kill $! 2>/dev/null; wait $! 2>/dev/null"
	wait_for 5 grep -q ready "$tmp/log-$2-$3" || { diag "$2:$3: no server"; exit 1; }
}
heard() { grep -vc ready "$tmp/log-$1-$2"; }

ok 'one box' cnt create "$me-a" --no-start --json
a=$(printf '%s' "$out" | jq -r .address)
ok 'and another make the network' cnt create "$me-b" --no-start --json
b=$(printf '%s' "$out" | jq -r .address)

elements() { nft list table bridge "$tag" | tr ',' '\n' | sed -n 's/^.*"\(.*-[0-9]*\)" \. \([0-9a-f:]*\) \. \([0-9.]*\).*$/\1 \2 \3/p'; }
tag=$(nft list tables bridge | awk '{ print $3; exit }')
bridge=${tag}0
gateway=$(ip -4 -o addr show dev "$bridge" | awk '{ sub("/.*", "", $4); print $4 }')
a_if=$(elements | awk -v ip="$a" '$3 == ip { print $1 }')
a_mac=$(elements | awk -v ip="$a" '$3 == ip { print $2 }')
b_if=$(elements | awk -v ip="$b" '$3 == ip { print $1 }')
b_mac=$(elements | awk -v ip="$b" '$3 == ip { print $2 }')
bridge_mac=$(cat "/sys/class/net/$bridge/address")
is "$(elements | wc -l)" 2 'the firewall knows both boxes'

# play NAME INTERFACE MAC ADDRESS: what start would do
play() {
	ip netns add "$1"
	ip link add "$2" type veth peer name eth0 netns "$1"
	ip link set "$2" master "$bridge" up
	ip -n "$1" link set eth0 address "$3"
	ip -n "$1" link set lo up
	ip -n "$1" link set eth0 up
	ip -n "$1" addr add "$4/32" dev eth0
	ip -n "$1" route add "$gateway" dev eth0
	ip -n "$1" route add default via "$gateway"
}
play a "$a_if" "$a_mac" "$a"
play b "$b_if" "$b_mac" "$b"

ip netns exec world dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --bind-interfaces --keep-in-foreground \
    --pid-file= --listen-address=10.9.9.1 --address=/example.test/198.51.100.7 --log-facility=/dev/null &
on_exit "kill $!; wait $! 2>/dev/null"
serve world 198.51.100.7 80
serve world 169.254.169.254 80
serve - 10.9.9.2 22
serve - 203.0.113.9 22
serve - "$gateway" 22
serve b "$b" 80
serve a "$a" 80
answers() { [ "$("$probe" dns "$1" "$2")" = "$3" ]; }
wait_for 5 answers 10.9.9.1 example.test 198.51.100.7

from_a() { run ip netns exec a "$probe" "$@"; }
# refused tcp|udp ADDRESS PORT NAME: an answer, and at once
refused() {
	from_a "$1" "$2" "$3"
	like "$out" "^(refused|unreachable) " "$4: refused ($1)"
	ms=$(printf '%s' "$out" | awk '{ print $2 }')
	ok "$4: at once ($1, $ms ms)" [ "$ms" -lt $AT_ONCE ]
}

from_a dns "$gateway" example.test
is "$out" 198.51.100.7 'the resolver answers'
from_a tcp "$gateway" 53
like "$out" '^open ' 'by TCP too'
from_a dns "$gateway" "$me-b"
like "$out" '^none' 'names without a dot are not asked about outside'
from_a tcp 198.51.100.7 80
like "$out" '^open [0-9]+ 10\.9\.9\.2$' 'the world is reached, as the host'
from_a udp 198.51.100.7 80
like "$out" '^answer [0-9]+ 10\.9\.9\.2$' 'by UDP too'
run "$probe" tcp "$a" 80
like "$out" "^open [0-9]+ $gateway\$" 'the host reaches a box'

run "$probe" tcp 169.254.169.254 80
like "$out" '^open ' 'the host itself reaches the metadata address'
for proto in tcp udp; do
	refused $proto 169.254.169.254 80 'the metadata address'
	refused $proto 169.254.1.1 80 'any link-local address'
	refused $proto 10.9.9.2 22 'the host'\''s address'
	refused $proto 203.0.113.9 22 'its other address'
	refused $proto "$gateway" 22 'the bridge'\''s address'
	refused $proto "$b" 80 'the neighbour'
done
# A port that the host forwards, as Docker does those that it publishes.
nft add table ip published
nft 'add chain ip published pre { type nat hook prerouting priority -100; }'
nft 'add rule ip published pre tcp dport 8080 fib daddr type local dnat to 198.51.100.7:80'
nft 'add chain ip published post { type nat hook postrouting priority 100; }'
nft 'add rule ip published post ip daddr 198.51.100.7 masquerade'
run ip netns exec world "$probe" tcp 10.9.9.2 8080
like "$out" '^open ' 'a port that the host forwards is open to others'
for address in 10.9.9.2 203.0.113.9 "$gateway"; do
	refused tcp "$address" 8080 "a port of $address that is forwarded"
done
run "$probe" tcp "$a" 80 10.9.9.2
like "$out" '^open [0-9]+ 10\.9\.9\.2$' 'the host reaches a box from any address of its own'
nft delete table ip published
ip addr add 169.254.7.7/32 dev lo
serve - 169.254.7.7 80
refused tcp 169.254.7.7 80 'a link-local address of the host'\''s own'
is "$(heard 169.254.169.254 80) $(heard 10.9.9.2 22) $(heard "$gateway" 22) $(heard "$b" 80)" '1 0 0 0' \
    'none of them heard a box'

ip -n world route add "$a/32" via 10.9.9.2
run ip netns exec world "$probe" tcp "$a" 80
like "$out" '^timeout ' 'the world does not reach a box'

# forge NAME MAC SOURCE DESTINATION-MAC DESTINATION heard|lost [PORT]: whether the server that could hear it did
heard_more() { [ "$(heard "$2" "$3")" -gt "$1" ]; }
forge() {
	before=$(heard "$5" "${7-80}")
	ip netns exec a "$probe" send eth0 "$2" "$4" "$3" "$5" "${7-80}"
	if wait_for 1 heard_more "$before" "$5" "${7-80}"; then out=heard; else out=lost; fi
	is "$out" "$6" "$1"
}
forge 'a raw frame with the right addresses is heard' "$a_mac" "$a" "$bridge_mac" 198.51.100.7 heard
forge 'with the neighbour'\''s IPv4 address it is not' "$a_mac" "$b" "$bridge_mac" 198.51.100.7 lost
forge 'with an address of no box' "$a_mac" 192.0.2.99 "$bridge_mac" 198.51.100.7 lost
forge 'with the neighbour'\''s MAC' "$b_mac" "$a" "$bridge_mac" 198.51.100.7 lost
forge 'with both of the neighbour'\''s' "$b_mac" "$b" "$bridge_mac" 198.51.100.7 lost
# Where br_netfilter is loaded (Docker does), bridged packets pass the routed ones' chains as well.
for call in 1 0; do
	[ ! -e /proc/sys/net/bridge ] || sysctl -q net.bridge.bridge-nf-call-iptables=$call
	forge "to the world it is heard (bridge-nf $call)" "$a_mac" "$a" "$bridge_mac" 198.51.100.7 heard
	forge "sent to the neighbour directly (bridge-nf $call)" "$a_mac" "$a" "$b_mac" "$b" lost
	forge "sent to everyone (bridge-nf $call)" "$a_mac" "$a" ff:ff:ff:ff:ff:ff "$b" lost
done

# What a bridge keeps for itself (802.1D's reserved group addresses) it hands to the host as its port's.
from_port() { bridge fdb show brport "$1" | grep -c "^$2 "; }
for last in 00 02 03 0e; do
	group=01:80:c2:00:00:$last
	ip netns exec a "$probe" arp eth0 "$a_mac" "$a_mac" "$a" 10.9.9.2 "$group" 1
	forge "nor sent to $group" "$a_mac" "$a" "$group" 10.9.9.2 lost 22
	forge "nor with the neighbour's MAC" "$b_mac" "$b" "$group" 10.9.9.2 lost 22
	is "$(ip neigh show dev "$a_if"; from_port "$a_if" "$b_mac")" 0 "$group: no question is heard, no address learned"
done

neighbour() { ip neigh show dev "$bridge" "$1" | awk '{ print $3 }'; }
ip neigh flush dev "$bridge"
sysctl -q "net.ipv4.conf.$bridge.arp_accept=1"
ip netns exec a "$probe" arp eth0 "$a_mac" "$a_mac" "$b" "$b"
ip netns exec a "$probe" arp eth0 "$b_mac" "$b_mac" "$b" "$b"
ip netns exec a "$probe" arp eth0 "$a_mac" "$b_mac" "$a" "$a"
ip netns exec a "$probe" arp eth0 "$a_mac" "$a_mac" "$a" "$a"
ok 'an ARP announcement of its own is taken' wait_for 3 sh -c "ip neigh show dev $bridge $a | grep -q $a_mac"
is "$(neighbour "$b")" '' 'forged ones are not'
sysctl -q "net.ipv4.conf.$bridge.arp_accept=0"

ip -n a link set eth0 address 02:12:34:56:78:9a
from_a tcp 198.51.100.7 80
unlike "$out" '^open' 'with another MAC a box reaches nothing'
ip -n a link set eth0 address "$a_mac"
from_a tcp 198.51.100.7 80
like "$out" '^open' 'and with its own again everything'
play c "$tag-99" 02:12:34:56:78:9b 192.0.2.5
run ip netns exec c "$probe" dns "$gateway" example.test
unlike "$out" '198' 'an interface that the store does not know says nothing'

# A real box. The way to half of the world is not the way out.
ip link add half type bridge
ip link set half mtu 1280 up
ip route add 0.0.0.0/1 dev half
ok 'a box starts' cnt create "$me-web"
is "$(cnt exec "$me-web" -- cat /sys/class/net/eth0/mtu)" "$(cat /sys/class/net/out/mtu)" 'its MTU is that of the way out'
ip link delete half
run cnt exec "$me-web" -- getent hosts example.test
like "$out" '^198\.51\.100\.7 ' 'in it: the resolver answers'
run cnt exec "$me-web" -- bash -c 'cat </dev/tcp/example.test/80'
is "$out" 10.9.9.2 'in it: the world is reached, as the host'
for address in 169.254.169.254 10.9.9.2 203.0.113.9 "$gateway" "$b" fd00:ec2::254 fe80::a9fe:a9fe%eth0; do
	# shellcheck disable=SC2016
	run cnt exec "$me-web" -- bash -c 'begin=${EPOCHREALTIME/.}
		exec 2>/dev/null 3<>"/dev/tcp/$1/80" && echo reached || echo "$(((${EPOCHREALTIME/.} - begin) / 1000))"' - "$address"
	like "$out" '^[0-9]{1,2}$' "in it: $address: refused at once"
done
exits 2 'its root cannot change its address' cnt exec "$me-web" -- sudo ip address add 192.0.2.77/24 dev eth0

# What others take away, the next verb brings back.
flushed() { nft flush ruleset; }
cut() { ip link delete "$bridge"; }
down() { ip link set "$a_if" down; }
resolver() { cat "$CNT_ROOT/run/cnt/dnsmasq.pid"; }
gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.*Z' "/proc/$1/status"; }
dead() { pid=$(resolver); kill -9 "$pid"; wait_for 5 gone "$pid"; }
off() { sysctl -q net.ipv4.ip_forward=0; }
well() {
	from_a dns "$gateway" example.test
	is "$out" 198.51.100.7 "after $1: the resolver"
	from_a tcp 198.51.100.7 80
	like "$out" '^open' "after $1: the world"
	refused tcp 169.254.169.254 80 "after $1: the metadata address"
}
empty() { rm -r "$CNT_ROOT/run/cnt"; }
failing() { cnt doctor --json | jq -r '[.checks[] | select(.state == "fail").name] | join(" ")'; }
while read -r trouble names; do
	$trouble
	is "$(failing)" "$names" "after $trouble: doctor says so"
	ok "after $trouble: repair" cnt doctor --repair
	well "$trouble"
done <<-END
	flushed firewall
	dead resolver
	off bridge
	cut bridge resolver
	down bridge
	empty
END
on_bridge() { ip -o link show master "$bridge" up | grep -c "$tag-"; }
web() { run cnt exec "$me-web" -- bash -c 'cat </dev/tcp/example.test/80'; }
web
is "$out" 10.9.9.2 'a real box that has run all the while reaches the world after repair'
there=$(on_bridge)
cut
ok 'the bridge is gone: the next create makes it' cnt create "$me-e" --no-start
is "$(on_bridge)" "$there" 'with all who were on it'
web
is "$out" 10.9.9.2 'so that the box reaches the world'
ip link set "$a_if" nomaster
forge 'and the host hears nothing from there' "$a_mac" "$a" "$(cat "/sys/class/net/$a_if/address")" 10.9.9.2 lost 22
is "$(failing)" bridge 'one box that is not on it: doctor says so'
like "$(cnt doctor)" "box $me-a is not on it" 'and which'
ip link add other type bridge
ip link set "$a_if" master other
ok 'one that is on another: repair' cnt doctor --repair
well 'another bridge'
ip link delete other
nft flush ruleset
pid=$(resolver)
kill "$pid"
wait_for 5 gone "$pid"
cut
is "$(failing)" 'bridge firewall resolver' 'all is gone while boxes run: doctor says so'
ok 'repair' cnt doctor --repair
web
is "$out" 10.9.9.2 'brings all of it back'
ok 'the box is deleted' cnt delete --force "$me-web"
is "$(elements | wc -l)" 3 'and the firewall forgets it'
pid=$(resolver)
rm "$CNT_ROOT/run/cnt/dnsmasq.pid"
run cnt doctor --repair
well 'its pid file was lost'
wait_for 5 gone "$pid"
ok 'the resolver without a pid file has ended' gone "$pid"

# Its account owns what is in its pid file.
sleep 600 &
other=$!
on_exit "kill $other; wait $other 2>/dev/null"
groups() { cat "/proc/$(($1))/cgroup"; }
cast_out() {
	for dir in "/sys/fs/cgroup/$tag.dns" /sys/fs/cgroup/*/"$tag.dns"; do
		[ ! -d "$dir" ] || xargs -n 1 <"$dir/cgroup.procs" | while read -r p; do
			echo "$p" >"${dir%/*}/cgroup.procs"
		done 2>/dev/null	# one has ended meanwhile
	done
}
perl -e '$> = getpwnam "dnsmasq";
	my ($path, $other, $own) = @ARGV;
	for (;;) {
		open my $f, "+<", $path or next;
		sysread $f, my $is, 32;
		$own = $is + 0 if $is > 0 && $is != $other;
		for my $pid (($other, $own) x 50) {
			sysseek $f, 0, 0;
			syswrite $f, sprintf "%-8d\n", $pid;
		}
	}' "$CNT_ROOT/run/cnt/dnsmasq.pid" "$other" "$(resolver)" &
liar=$!
groups $other >"$tmp/before"
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
	cast_out
	cnt doctor --repair >/dev/null
	groups $other | diff "$tmp/before" -
done >"$tmp/moved"
is "$(cat "$tmp/moved")" '' 'whatever process its pid file names, none but the resolver is moved'
kill $liar
wait $liar 2>/dev/null
ok 'the lie ends: repair' cnt doctor --repair
well 'a pid file that lied'
cast_out
unlike "$(groups "$(resolver)")" "/$tag.dns\$" 'the resolver is in the group of whoever began it'
ok 'any verb that needs the network' cnt setup
like "$(groups "$(resolver)")" "/$tag.dns\$" 'puts it into its own'

# A firewall of another's.
nft add table ip docker-like
nft add chain ip docker-like FORWARD '{ type filter hook forward priority 0; policy drop; }'
run cnt doctor --json
like "$out" 'docker-like, chain FORWARD' 'doctor names the chain of another that drops'
nft delete table ip docker-like
# firewalld's chains accept by policy, and refuse by their last rule.
nft add table inet firewalld
nft add chain inet firewalld filter_FORWARD '{ type filter hook forward priority 10; policy accept; }'
nft add rule inet firewalld filter_FORWARD iifname other reject
is "$(cnt doctor --json | jq -r '.checks[] | select(.name == "forwarding").state')" ok 'one that refuses others does not'
nft add rule inet firewalld filter_FORWARD counter reject with icmpx type admin-prohibited
run cnt doctor --json
like "$out" 'firewalld, chain filter_FORWARD.*firewall-cmd' 'one that refuses the rest does, and firewalld is told so'
nft delete table inet firewalld

# Port 53 on the bridge's address is another's.
pid=$(resolver)
kill "$pid"
wait_for 5 gone "$pid"
serve - "$gateway" 53
exits 69 'port 53 taken: unavailable' cnt create "$me-d" --no-start
like "$err" 'port 53 is taken' 'which says so'
like "$err" 'hint: .*ss -lnp' 'and how to find out by whom'
