#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# quickstart's MCP session: it shows what is said, and fails where a program is not what it should be.

. "$(dirname "$0")/../tap.sh"

top=$tests/..
box=$me-demo
cp -r "$BUILD/bin" "$tmp/bin"
session() { env PATH="$tmp/bin:$PATH" "$top/sh/session" "$box"; }

cnt create "$box" --wait ssh >/dev/null
cnt exec "$box" --timeout 60s -- systemctl is-system-running --wait >/dev/null

ok 'the session is held' session
like "$out" '-> tools/list' 'it shows the request'
like "$out" '<- [0-9]+ tools: ' 'and the answer'
like "$out" '<- .*Linux .* \| uid=1000\('"$box"'\).* \| running' 'the command ran in the box'
like "$out" '<- .*written over MCP, read back over MCP' 'the file came back'
is "$(printf '%s\n' "$out" | awk 'length > 320')" '' 'in lines that people can read'
is "$(cnt exec "$box" -- cat hello.txt)" 'written over MCP, read back over MCP' 'and it is there'

printf '#!/bin/sh\nexit 0\n' >"$tmp/ends"
chmod 755 "$tmp/ends"
cp "$tmp/ends" "$tmp/bin/cnt-mcp"
exits 1 'a cnt-mcp that only exits fails the session' session
like "$out" '!! initialize: .*ended' 'at the first request'
cp "$BUILD/bin/cnt-mcp" "$tmp/bin/cnt-mcp"
cp "$tmp/ends" "$tmp/bin/agent-box"
exits 1 'an agent-box that only exits fails the session' session
like "$out" '!! ' 'and says where'
unlike "$out" 'read_file' 'before anything is read'

ok 'quickstart tells what it does' sh "$top/sh/quickstart" --help
exits 2 'and does nothing with an argument' sh "$top/sh/quickstart" demo
exits 77 'quickstart without root' setpriv --reuid 65534 --regid 65534 --clear-groups sh "$top/sh/quickstart"
like "$(printf '%s\n' "$out" | head -n 1)" 'needs root.*sudo ./sh/quickstart' 'says so in its first line'
