package database

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// sharingViolation is what Windows says of a file that somebody else holds open for writing.
const sharingViolation = syscall.Errno(32)

// lockFile opens a file that others may then only read, until the process ends, and writes the process's id into it.
func lockFile(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, errLocked
	} else if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(handle), path)
	err = file.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintln(file, os.Getpid())
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// unlockFile lets go of the lock.
func unlockFile(file *os.File) error { return file.Close() }
