// Command quantix sells event tickets: a REST API, its workers and its tools in one binary.
package main

func main() {}
