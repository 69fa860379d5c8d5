# Sourced by findings that need a PostgreSQL: installs Debian 12's 15.20 into the folder $dir and starts it there, on a unix
# socket alone. Sets bin; leaves $dir/data as the socket's directory. Removes everything at exit.
[ "$(id -u)" = 0 ] || { echo "run this as root: it starts PostgreSQL as the user nobody" >&2; exit 2; }
dir=$(mktemp -d)
chmod 755 "$dir"
as_nobody() { setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups -- "$@"; }
remove_postgres() {
	as_nobody "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true
	rm -rf "$dir"
}
trap remove_postgres EXIT
cd "$dir"
apt-get download -q -o APT::Sandbox::User=root postgresql-15=15.20-0+deb12u1 postgresql-client-15=15.20-0+deb12u1 libpq5 libllvm14 >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
bin=$dir/root/usr/lib/postgresql/15/bin
export LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu
mkdir data
chown nobody data
as_nobody "$bin/initdb" -D data -A trust -U postgres -L "$dir/root/usr/share/postgresql/15" >/dev/null
as_nobody "$bin/pg_ctl" -D data -w -l data/log -o "-h '' -k $dir/data" start >/dev/null
