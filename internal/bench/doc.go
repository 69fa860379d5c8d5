// Package bench takes the measures of `quantix bench bars`: each bar against its baseline, on servers, databases and a
// Redis of its own, which are removed after use. The load comes from package onsale.
package bench
