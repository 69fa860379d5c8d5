package batch_test

import (
	"fmt"
	"sync"

	"quantix/internal/batch"
)

// Ten writers of a log share its flushes: none of them waits for a timer, and a lone one is flushed at once.
func ExampleBatcher() {
	var written sync.WaitGroup
	lines := 0
	log := batch.Batcher[string]{Run: func(batch []string) {
		lines += len(batch) // one flush for all of them
		for range batch {
			written.Done()
		}
	}}
	for i := range 10 {
		written.Add(1)
		log.Do(fmt.Sprintf("line %d", i))
	}
	written.Wait()
	fmt.Println(lines, "lines")
	// Output: 10 lines
}
