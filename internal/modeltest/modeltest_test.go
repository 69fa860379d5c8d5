package modeltest

import (
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"quantix/internal/payments/simulator"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"
)

var (
	seeds = flag.Uint64("model.seeds", 300, "how many lives the model test lives")
	first = flag.Uint64("model.seed", 1, "the first one")
)

func TestMain(m *testing.M) { testkit.Main(m) }

// TestModel lives many lives, each seed one, on as many databases as there are processors.
func TestModel(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	workers := min(uint64(runtime.GOMAXPROCS(0)), *seeds)
	t.Cleanup(func() {
		t.Logf("%d seeds from %d on, %.1f a second", *seeds, *first, float64(*seeds)/time.Since(begun).Seconds())
	})
	for i := range workers {
		t.Run(fmt.Sprintf("database_%d", i+1), func(t *testing.T) {
			t.Parallel()
			s := shop.New(t)
			w := &world{store: s.Store, inner: simulator.New(s.Store, simulator.Options{}), witness: newWitness()}
			for seed := *first + i; seed < *first+*seeds; seed += workers {
				live(t, s, w, seed)
			}
			w.witness.speaks(t)
		})
	}
}
