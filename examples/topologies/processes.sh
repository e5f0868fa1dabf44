# Sourced by the start scripts. What they start listens on free loopback ports,
# keeps its files in one temporary directory and ends with the script, by its
# process id. With a command as arguments they run that instead of waiting for
# Ctrl-C, and end with its exit code.
# shellcheck shell=bash
set -euo pipefail

for tool in redis-server redis-cli; do
	command -v "$tool" >/dev/null || { echo "$tool is not installed: apt install redis, or brew install redis" >&2; exit 1; }
done

program=("$@")
dir=$(mktemp -d)
pids=()
ports=" "

finish() {
	trap - EXIT
	trap '' INT TERM
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
	for _ in {1..50}; do
		[ -n "$(jobs -pr)" ] || break
		sleep 0.1
	done
	for pid in $(jobs -pr); do kill -9 "$pid"; done # stopped, or stuck
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port sets port to one that nobody uses, nor the one 10000 above it, on which
# the nodes of a cluster talk. Both are below those that the kernel gives to clients.
free_port() {
	for _ in {1..1000}; do
		port=$((10000 + RANDOM % 12000))
		if [[ $ports != *" $port "* ]] && ! listens "$port" && ! listens $((port + 10000)); then
			ports+="$port "
			return
		fi
	done
	echo "there is no free port" >&2
	exit 1
}

# launch NAME ARGUMENT... starts a redis-server with a directory of its own.
launch() {
	local name=$1
	shift
	mkdir -p "$dir/$name"
	redis-server "$@" --bind 127.0.0.1 --dir "$dir/$name" >"$dir/$name/log" 2>&1 &
	pids+=($!)
}

# await WHAT COMMAND... waits until the command succeeds.
await() {
	local what=$1
	shift
	for _ in {1..300}; do
		if "$@" >/dev/null 2>&1; then return; fi
		sleep 0.1
	done
	echo "after 30 seconds still not so: $what" >&2
	tail -n 5 "$dir"/*/log >&2
	exit 1
}

# ready NAME=VALUE... says what a program needs to connect.
ready() {
	if [ ${#program[@]} -gt 0 ]; then
		env "$@" "${program[@]}"
		exit
	fi
	printf '%s\n' "$@"
	echo "running until Ctrl-C; files in $dir" >&2
	wait
}
