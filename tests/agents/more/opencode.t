#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# opencode works with boxes: see session.sh. Of its packages that one is installed which any x86_64
# processor runs. At each start it looks for a package of its plugins.
. "$(dirname "$0")/../../tap.sh"

agents=$tests/agents/more name=opencode file=opencode.json wants=registry.npmjs.org:443
. "$tests/agents/session.sh"

opencode() {
	in_home OPENCODE_DISABLE_AUTOUPDATE=1 OPENCODE_DISABLE_MODELS_FETCH=1 OPENCODE_DISABLE_LSP_DOWNLOAD=1 \
		OPENCODE_CONFIG_CONTENT='{
		  "model": "fake/fake", "small_model": "fake/fake",
		  "provider": { "fake": { "npm": "@ai-sdk/openai-compatible", "models": { "fake": { "tool_call": true } },
		    "options": { "baseURL": "http://127.0.0.1:'"$port"'/v1", "apiKey": "x" } } } }' \
		"$modules"/opencode-linux-x64-baseline/bin/opencode "$@"
}
agent() { opencode run "$1"; }
lists() { opencode mcp list; }

session
session_in_box
