package cli

// version is set by the linker (see the Makefile); a plain go build leaves it.
var version = "dev"
