/* SPDX-License-Identifier: Apache-2.0
 *
 * What liblxc is told of a box. Names come checked, addresses and ids from the box's slot: nothing
 * here is quoted.
 */
#include "lib/lxc.h"

#include "lib/apparmor.h"
#include "lib/cgroup.h"
#include "lib/filter.h"

#define IPV6_OFF	"/proc/sys/net/ipv6/conf/all/disable_ipv6"
/* For liblxc's own shell, so that no second one is started: it is told `exec`, which with a
 * redirection alone goes on, then this, then arguments. */
#define HOOK(commands)	"</dev/null; " commands " || exit; :"

static void
add_confinement(const struct cnt_box *b, const struct cnt_slot *p, const struct cnt_lxc_host *h,
    struct cnt_buf *c)
{
	struct cnt_cgroup_key keys[CNT_CGROUP_KEYS];
	size_t n = cnt_cgroup_limits(&b->limits, h->v2, keys);

	cnt_buf_addf(c, "lxc.idmap = u 0 %u %d\nlxc.idmap = g 0 %u %d\n", (unsigned)p->id, CNT_IDS,
	    (unsigned)p->id, CNT_IDS);
	cnt_buf_adds(c, "lxc.cap.keep =");
	for (size_t k = 0; k < cnt_box_caps_n; k++)
		cnt_buf_addf(c, " %s", cnt_box_caps[k].name);
	cnt_buf_addf(c, "\nlxc.seccomp.profile = %s/seccomp\n", h->dir);
	if (h->apparmor)
		cnt_apparmor_config(c);
	for (size_t k = 0; k < n; k++)
		cnt_buf_addf(c, "lxc.cgroup%s.%s = %s\n", h->v2 ? "2" : "", keys[k].file,
		    keys[k].value);
	/* Again, as they are by then: liblxc sets at a reboot what it read at the start. */
	cnt_buf_addf(c, "lxc.hook.start-host = " HOOK(". '%s/limits'") "\n", h->dir);
	cnt_buf_adds(c, "lxc.proc.oom_score_adj = 0\n");	/* not the monitor's */
}

/* The gateway is outside of the /32: every neighbour is reached through the host, which refuses.
 * IPv6 is turned off by a hook, which at every start and reboot runs in the box's namespaces with
 * the host's /proc in sight: liblxc makes its own sysctl settings when the box's is read-only. */
static void
add_network(const struct cnt_slot *p, const struct cnt_lxc_host *h, struct cnt_buf *c)
{
	cnt_buf_addf(c,
	    "lxc.net.0.type = veth\n"
	    "lxc.net.0.link = %s\n"
	    "lxc.net.0.veth.pair = %s\n"
	    "lxc.net.0.name = eth0\n"
	    "lxc.net.0.hwaddr = %s\n"
	    "lxc.net.0.mtu = %u\n"
	    "lxc.net.0.ipv4.address = %s/32\n"
	    "lxc.net.0.ipv4.gateway = %s\n"
	    "lxc.net.0.flags = up\n"
	    "lxc.hook.mount = " HOOK("! test -e " IPV6_OFF " || echo 1 >" IPV6_OFF) "\n",
	    p->bridge, p->veth, p->mac, h->mtu, p->address, p->gateway);
}

/* Who has joined the box's groups when it goes down for a reboot, and is not in it yet, keeps
 * liblxc from removing them; and it starts no box whose groups are there. He leaves at once. */
static void
add_reboot(const struct cnt_box *b, const char *tag, struct cnt_buf *c)
{
	cnt_buf_addf(c, "lxc.hook.post-stop = " HOOK("test \"$LXC_TARGET\" != reboot || "
	    "for d in " CNT_CGROUP_ROOT "/%s/%s " CNT_CGROUP_ROOT "/*/%s/%s; do n=0 PATH=/bin; "
	    "while test -d $d && test $((n=n+1)) -lt 1000; do rmdir $d/box $d || sleep .01; done; "
	    "done 2>/dev/null") "\n", tag, b->name, tag, b->name);
}

void
cnt_lxc_config(const struct cnt_box *b, const char *tag, const struct cnt_slot *p,
    const struct cnt_lxc_host *h, struct cnt_buf *c)
{
	cnt_buf_addf(c,
	    "lxc.uts.name = %s\n"
	    "lxc.rootfs.path = dir:%s/rootfs\n"
	    "lxc.cgroup.dir.monitor = %s/%s.mon\n"
	    "lxc.cgroup.dir.monitor.pivot = %s/%s.pivot\n"
	    "lxc.cgroup.dir.container = %s/%s\n"
	    "lxc.cgroup.dir.container.inner = box\n"
	    "lxc.mount.auto = cgroup:mixed proc:mixed sys:mixed\n"
	    "lxc.tty.max = 0\n"
	    "lxc.pty.max = 1024\n"
	    "lxc.console.logfile = %s/console.log\n"
	    "lxc.console.size = 1MB\n"
	    "lxc.log.file = %s/lxc.log\n"
	    "lxc.log.level = ERROR\n"
	    "lxc.signal.halt = SIGRTMIN+3\n",
	    b->name, h->dir, tag, b->name, tag, b->name, tag, b->name, h->dir, h->dir);
	add_confinement(b, p, h, c);
	add_reboot(b, tag, c);
	add_network(p, h, c);
}
