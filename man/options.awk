# SPDX-License-Identifier: Apache-2.0
#
# Puts what the command `describe` prints in the place of the line @OPTIONS@, in lines as mdoc(7) wants
# them: a new one for each sentence, none much longer than 80 bytes.

function put(line) {
	while (line !~ /^[.]/ && length(line) > 78 && match(substr(line, 1, 78), /.* /)) {
		print substr(line, 1, RLENGTH - 1)
		line = substr(line, RLENGTH + 1)
	}
	print line
}

/^@OPTIONS@$/ {
	while ((got = (describe | getline line)) > 0) {
		while (line !~ /^[.]/ && match(line, /[.!?]\)? +/)) {
			end = RSTART + RLENGTH
			text = substr(line, 1, end - 1)
			sub(/ +$/, "", text)
			put(text)
			line = substr(line, end)
		}
		put(line)
	}
	if (got < 0 || close(describe) != 0)
		exit 1
	next
}

{ print }
