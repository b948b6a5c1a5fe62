#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Codex works with boxes: see session.sh.
. "$(dirname "$0")/../tap.sh"

agents=$tests/agents name=codex file=.codex/config.toml
. "$tests/agents/session.sh"

codex() { in_home KEY=x "$modules"/@openai/codex-linux-x64/vendor/*/bin/codex "$@"; }
agent() {
	git init -q "$tmp/home"			# it works in repositories alone
	codex exec --dangerously-bypass-approvals-and-sandbox -c model=fake -c model_provider=fake \
		-c check_for_update_on_startup=false -c analytics.enabled=false -c features.plugins=false -c features.apps=false \
		-c "model_providers.fake={name='fake',base_url='http://127.0.0.1:$port/v1',wire_api='responses',env_key='KEY'}" "$1"
}
lists() { codex mcp list; }

session
session_in_box
