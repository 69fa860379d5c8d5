// Command mutants breaks each core rule on purpose, one at a time, and expects a test to fail.
//
// A mutant replaces one passage of one file through the compiler's overlay, so the working tree is never touched. It
// exits 1 when a mutant survives, or when a passage is no longer there: then the tables must follow the code.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	only := flag.String("only", "", "part of the name or the file of the mutants to run")
	shard := flag.String("shard", "1/1", "which part of them, such as 2/3: every third one, beginning with the second")
	jobs := flag.Int("jobs", 1, "how many are tried at once")
	list := flag.Bool("list", false, "name them and run nothing")
	flag.Parse()
	chosen, err := choose(slices.Concat(core, rows, around, hostile, faults, told, read, closed, limited), *only, *shard)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if *list {
		for _, m := range chosen {
			fmt.Printf("%s: %s\n", m.file, m.name)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if !run(ctx, chosen, max(*jobs, 1)) {
		os.Exit(1)
	}
}

// choose returns the mutants that a part of a name or file and a shard leave.
func choose(all []mutant, only, shard string) (chosen []mutant, err error) {
	var part, parts int
	if _, err := fmt.Sscanf(shard, "%d/%d", &part, &parts); err != nil || part < 1 || part > parts {
		return nil, fmt.Errorf("-shard %q: want i/n with 1 <= i <= n", shard)
	}
	left := 0
	for _, m := range all {
		if !strings.Contains(m.name, only) && !strings.Contains(m.file, only) {
			continue
		}
		if left%parts == part-1 {
			chosen = append(chosen, m)
		}
		left++
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no mutant is left by -only %q and -shard %q", only, shard)
	}
	return chosen, nil
}

// run tries mutants, some at once, prints each verdict and then the totals, and reports whether all were caught.
func run(ctx context.Context, chosen []mutant, jobs int) bool {
	begun := time.Now()
	totals := map[verdict]int{}
	var mu sync.Mutex
	var group sync.WaitGroup
	turns := make(chan struct{}, jobs)
	for _, m := range chosen {
		turns <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		group.Go(func() {
			defer func() { <-turns }()
			tried := time.Now()
			v, said := m.try(ctx)
			mu.Lock()
			defer mu.Unlock()
			totals[v]++
			fmt.Printf("%-9s %-76s %6s\n", v, m.name, time.Since(tried).Round(100*time.Millisecond))
			if said != "" {
				fmt.Fprintln(os.Stderr, said)
			}
		})
	}
	group.Wait()
	fmt.Printf("%d mutants in %s: %d caught, %d survived, %d stale, %d broken, %d not tried\n",
		len(chosen), time.Since(begun).Round(time.Second),
		totals[caught], totals[survived], totals[stale], totals[broken],
		len(chosen)-totals[caught]-totals[survived]-totals[stale]-totals[broken])
	return totals[caught] == len(chosen)
}
