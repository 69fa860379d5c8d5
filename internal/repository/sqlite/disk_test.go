package sqlite

import (
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// disk stands between SQLite and the file system of all this process's databases, and fails when a test says so.
var disk faultyDisk

type faultyDisk struct {
	mu    sync.Mutex
	fails func(diskWork) bool // asked before each piece of work; nil: nothing fails
	open  func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32
	known map[uintptr]*faultyMethods // by the methods in whose place they are, and by their own place
}

// diskWork is a kind of work of a disk.
type diskWork string

const (
	diskRead  diskWork = "read"
	diskWrite diskWork = "write"
	diskSync  diskWork = "sync"
)

// faultyMethods take the place of a file's methods. SQLite knows them by the address of its own table of them, which is
// in its own memory: in Go's, the race detector's checks of pointers would stop it.
type faultyMethods struct {
	table uintptr
	read  func(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32
	write func(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32
	sync  func(tls *libc.TLS, file uintptr, flags int32) int32
}

// at returns what is at an address of SQLite's own memory.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// function returns SQLite's address of a function, and callable the function at such an address.
func function[F any](f F) uintptr       { return *(*uintptr)(unsafe.Pointer(&f)) }
func callable[F any](address uintptr) F { return *(*F)(unsafe.Pointer(&address)) }

func init() {
	vfs := at[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(libc.NewTLS(), 0))
	disk.open = callable[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](vfs.FxOpen)
	disk.known = map[uintptr]*faultyMethods{}
	vfs.FxOpen = function(openFaulty)
}

func openFaulty(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32 {
	rc := disk.open(tls, vfs, name, file, flags, out)
	if f := at[sqlite3.Tsqlite3_file](file); rc == sqlite3.SQLITE_OK && f.FpMethods != 0 {
		f.FpMethods = disk.methods(tls, f.FpMethods).table
	}
	return rc
}

func (d *faultyDisk) methods(tls *libc.TLS, original uintptr) *faultyMethods {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.known[original]; m != nil {
		return m
	}
	methods := *at[sqlite3.Tsqlite3_io_methods](original)
	m := &faultyMethods{
		table: libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(methods))),
		read:  callable[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](methods.FxRead),
		write: callable[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](methods.FxWrite),
		sync:  callable[func(*libc.TLS, uintptr, int32) int32](methods.FxSync),
	}
	methods.FxRead, methods.FxWrite, methods.FxSync = function(readFaulty), function(writeFaulty), function(syncFaulty)
	*at[sqlite3.Tsqlite3_io_methods](m.table) = methods
	d.known[original], d.known[m.table] = m, m
	return m
}

func methodsOf(file uintptr) *faultyMethods {
	disk.mu.Lock()
	defer disk.mu.Unlock()
	return disk.known[at[sqlite3.Tsqlite3_file](file).FpMethods]
}

func readFaulty(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32 {
	if disk.breaks(diskRead) {
		return sqlite3.SQLITE_IOERR_READ
	}
	return methodsOf(file).read(tls, file, buffer, n, offset)
}

func writeFaulty(tls *libc.TLS, file, buffer uintptr, n int32, offset int64) int32 {
	if disk.breaks(diskWrite) {
		return sqlite3.SQLITE_IOERR_WRITE
	}
	return methodsOf(file).write(tls, file, buffer, n, offset)
}

func syncFaulty(tls *libc.TLS, file uintptr, flags int32) int32 {
	if disk.breaks(diskSync) {
		return sqlite3.SQLITE_IOERR_FSYNC
	}
	return methodsOf(file).sync(tls, file, flags)
}

func (d *faultyDisk) breaks(work diskWork) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fails != nil && d.fails(work)
}

// failAt has the n-th piece of work of a kind fail, counted from 0, and all after it when lasting. The function ends
// that and reports whether it came to it.
func (d *faultyDisk) failAt(work diskWork, n int, lasting bool) (heal func() (came bool)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	done := 0
	d.fails = func(w diskWork) bool {
		if w != work {
			return false
		}
		done++
		return done == n+1 || lasting && done > n
	}
	return func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.fails = nil
		return done > n
	}
}
