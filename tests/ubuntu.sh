# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# ubuntu_keys DIR: the path of the keyring of Ubuntu's archive, fetched into DIR by way of Debian, which
# signs its package.
ubuntu_keys() {
	[ -d "$1" ] || mmdebstrap --quiet --variant=extract --include=ubuntu-keyring trixie "$1" >&2 || return
	echo "$1/usr/share/keyrings/ubuntu-archive-keyring.gpg"
}
