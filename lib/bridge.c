/* SPDX-License-Identifier: Apache-2.0
 *
 * The bridge, made by ioctl(2): six calls and no program. Its MAC follows from its address, so that
 * boxes that run keep reaching it when ports come and go; its MTU is that of the host's way out, as
 * the boxes' is.
 */
#include "lib/bridge.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>

#include "lib/fault.h"
#include "lib/file.h"

#define MTU_DEFAULT 1500

static const struct {
	const char	*path;		/* %s: the bridge */
	const char	*value;
	const char	*why;
} settings[] = {
	{ "/proc/sys/net/ipv4/ip_forward", "1", "packets of boxes are not forwarded" },
	{ "/proc/sys/net/ipv4/conf/%s/forwarding", "1", "packets of boxes are not forwarded" },
	/* A box learns no other address of the host's by asking for its MAC. */
	{ "/proc/sys/net/ipv4/conf/%s/arp_ignore", "1", "the host's addresses are told by ARP" },
	{ "/proc/sys/net/ipv6/conf/%s/disable_ipv6", "1", "IPv6 is on" },
	/* 01:80:c2:00:00:0e: what is sent there would pass no rule of table `bridge`. */
	{ "/sys/class/net/%s/bridge/group_fwd_mask", "0x4000", "LLDP frames pass no firewall" },
};

static int
ask(unsigned long request, struct ifreq *r, const char *name)
{
	CNT_CLOSE int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(r->ifr_name, sizeof(r->ifr_name), "%s", name);
	return s == -1 ? -1 : ioctl(s, request, r);
}

static struct sockaddr
address_of(uint32_t a)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(a) };
	struct sockaddr sa;

	memcpy(&sa, &in, sizeof(sa));
	return sa;
}

static uint32_t
mask(const struct cnt_bridge *b)
{
	return ~0U << (32 - b->prefix);
}

static bool
has_address(const struct cnt_bridge *b, unsigned long request, uint32_t wanted)
{
	struct ifreq r = { 0 };
	struct sockaddr_in in;

	if (ask(request, &r, b->name) == -1)
		return false;
	memcpy(&in, &r.ifr_addr, sizeof(in));
	return ntohl(in.sin_addr.s_addr) == wanted;
}

static void
mac_of(const struct cnt_bridge *b, struct ifreq *r)
{
	uint32_t a = htonl(b->address);

	r->ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(r->ifr_hwaddr.sa_data, "\x02\x63", 2);	/* locally administered */
	memcpy(r->ifr_hwaddr.sa_data + 2, &a, sizeof(a));
}

static bool
has_mac(const struct cnt_bridge *b)
{
	struct ifreq now = { 0 }, wanted = { 0 };

	mac_of(b, &wanted);
	return ask(SIOCGIFHWADDR, &now, b->name) == 0 &&
	    memcmp(now.ifr_hwaddr.sa_data, wanted.ifr_hwaddr.sa_data, 6) == 0;
}

static int
mtu_now(const char *name)
{
	struct ifreq r = { 0 };

	return ask(SIOCGIFMTU, &r, name) == -1 ? -1 : r.ifr_mtu;
}

/* Of the default route with the smallest metric; proc_net_route(5). */
int
cnt_bridge_mtu(const char *bridge)
{
	CNT_FILE FILE *f = fopen("/proc/net/route", "re");
	unsigned best = UINT_MAX;
	int found = MTU_DEFAULT;
	char line[256];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		unsigned destination, gateway, flags, refs, use, metric, netmask;
		char name[IF_NAMESIZE];
		int mtu;

		if (sscanf(line, "%15s %x %x %x %u %u %u %x", name, &destination, &gateway, &flags,
		    &refs, &use, &metric, &netmask) != 8 || destination != 0 || netmask != 0)
			continue;
		mtu = mtu_now(name);
		if (metric < best && strcmp(name, bridge) != 0 && mtu != -1) {
			best = metric;
			found = mtu;
		}
	}
	return found;
}

/* A setting that this kernel does not have (IPv6 left out) is as good as set. */
static bool
is_set(const char *path, const char *value)
{
	CNT_FILE FILE *f = fopen(path, "re");
	char line[32] = "";

	if (f == NULL)
		return errno == ENOENT;
	if (fgets(line, sizeof(line), f) == NULL)
		return false;
	line[strcspn(line, "\n")] = '\0';
	return strcmp(line, value) == 0;
}

static int
ensure_settings(const struct cnt_bridge *b, struct cnt_err *e)
{
	for (size_t k = 0; k < nitems(settings); k++) {
		char *path CNT_FREE = cnt_format(settings[k].path, b->name);

		if (!is_set(path, settings[k].value) && cnt_file_put(path, settings[k].value) == -1)
			return cnt_fail_sys(e, "%s", path);
	}
	return 0;
}

static bool
is_bridge(const char *name)
{
	char *path CNT_FREE = cnt_format("/sys/class/net/%s/bridge", name);

	return access(path, F_OK) == 0;
}

int
cnt_bridge_check(const struct cnt_bridge *b, struct cnt_err *e)
{
	struct ifreq r = { 0 };

	if (ask(SIOCGIFFLAGS, &r, b->name) == -1)
		return errno != ENODEV ? cnt_fail_sys(e, "%s", b->name) :
		    cnt_fail(e, CNT_NOTFOUND, "%s: no such interface", b->name);
	if (!is_bridge(b->name))
		return cnt_fail(e, CNT_EXISTS, "%s: an interface that is no bridge", b->name);
	if ((r.ifr_flags & IFF_UP) == 0)
		return cnt_fail(e, CNT_NO, "%s: down", b->name);
	if (!has_address(b, SIOCGIFADDR, b->address) ||
	    !has_address(b, SIOCGIFNETMASK, mask(b)))
		return cnt_fail(e, CNT_NO, "%s: has another address", b->name);
	if (!has_mac(b))
		return cnt_fail(e, CNT_NO, "%s: has another MAC", b->name);
	if (mtu_now(b->name) != cnt_bridge_mtu(b->name))
		return cnt_fail(e, CNT_NO, "%s: its MTU is not that of the default route", b->name);
	for (size_t k = 0; k < nitems(settings); k++) {
		char *path CNT_FREE = cnt_format(settings[k].path, b->name);

		if (!is_set(path, settings[k].value))
			return cnt_fail(e, CNT_NO, "%s: %s", path, settings[k].why);
	}
	return 0;
}

static int
set_flags(const char *name, short on, short off)
{
	struct ifreq r = { 0 };

	if (ask(SIOCGIFFLAGS, &r, name) == -1)
		return -1;
	r.ifr_flags = (short)((r.ifr_flags | on) & ~off);
	return ask(SIOCSIFFLAGS, &r, name);
}

/* Down meanwhile: the first call sets the mask of the address's class, which must route nothing. */
static int
set_address(const struct cnt_bridge *b)
{
	struct ifreq address = { .ifr_addr = address_of(b->address) };
	struct ifreq netmask = { .ifr_netmask = address_of(mask(b)) };

	if (set_flags(b->name, 0, IFF_UP) == -1 || ask(SIOCSIFADDR, &address, b->name) == -1)
		return -1;
	return ask(SIOCSIFNETMASK, &netmask, b->name);
}

int
cnt_bridge_ensure(const struct cnt_bridge *b, struct cnt_err *e)
{
	struct ifreq mac = { 0 }, mtu = { .ifr_mtu = cnt_bridge_mtu(b->name) };
	CNT_CLOSE int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (cnt_bridge_check(b, e) == 0)
		return 0;
	if (e->code == CNT_EXISTS)
		return cnt_hint(e, "rename or remove it: ip link delete %s", b->name);
	if (s == -1 || (ioctl(s, SIOCBRADDBR, b->name) == -1 && errno != EEXIST))
		return cnt_fail_sys(e, "%s: new bridge", b->name);
	if (CNT_STEP("the bridge is there", e) == -1 || ensure_settings(b, e) == -1)
		return -1;
	mac_of(b, &mac);
	if (!has_mac(b) && ask(SIOCSIFHWADDR, &mac, b->name) == -1)
		return cnt_fail_sys(e, "%s: MAC", b->name);
	if (mtu_now(b->name) != mtu.ifr_mtu && ask(SIOCSIFMTU, &mtu, b->name) == -1)
		return cnt_fail_sys(e, "%s: MTU", b->name);
	if ((!has_address(b, SIOCGIFADDR, b->address) ||
	    !has_address(b, SIOCGIFNETMASK, mask(b))) && set_address(b) == -1)
		return cnt_fail_sys(e, "%s: address", b->name);
	if (CNT_STEP("the bridge has its address", e) == -1)
		return -1;
	if (set_flags(b->name, IFF_UP, 0) == -1)
		return cnt_fail_sys(e, "%s: up", b->name);
	return 0;
}

/* The bridge whose port it is; "": of none. */
static void
master_of(const char *port, char name[IF_NAMESIZE])
{
	char *path CNT_FREE = cnt_format("/sys/class/net/%s/master", port);
	char to[PATH_MAX] = "";
	const char *slash = readlink(path, to, sizeof(to) - 1) == -1 ? NULL : strrchr(to, '/');

	snprintf(name, IF_NAMESIZE, "%.15s", slash == NULL ? "" : slash + 1);
}

bool
cnt_bridge_lacks(const char *bridge, const char *port)
{
	struct ifreq r = { 0 };
	char master[IF_NAMESIZE];

	if (ask(SIOCGIFFLAGS, &r, port) == -1)
		return false;
	master_of(port, master);
	return (r.ifr_flags & IFF_UP) == 0 || strcmp(master, bridge) != 0;
}

int
cnt_bridge_join(const char *bridge, const char *port, struct cnt_err *e)
{
	struct ifreq r = { .ifr_ifindex = (int)if_nametoindex(port) };
	char master[IF_NAMESIZE];

	if (r.ifr_ifindex == 0)
		return 0;
	master_of(port, master);
	if (strcmp(master, bridge) != 0) {
		if (*master != '\0')
			(void)ask(SIOCBRDELIF, &r, master);
		if (ask(SIOCBRADDIF, &r, bridge) == -1)
			return cnt_fail_sys(e, "%s: new port %s", bridge, port);
	}
	return set_flags(port, IFF_UP, 0) == -1 ? cnt_fail_sys(e, "%s: up", port) : 0;
}

int
cnt_bridge_remove(const char *name, struct cnt_err *e)
{
	CNT_CLOSE int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!is_bridge(name))
		return 0;
	if (s == -1 || set_flags(name, 0, IFF_UP) == -1 || ioctl(s, SIOCBRDELBR, name) == -1)
		return errno == ENODEV || errno == ENXIO ? 0 : cnt_fail_sys(e, "%s", name);
	return 0;
}
