package boxoffice

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRush_is_when_many_wait_for_each_other(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(1000)
		office := New(store, Options{MaxBatch: 40})
		crowd := func(n int) {
			store.entered, store.gate = make(chan struct{}, 100), make(chan struct{})
			var group sync.WaitGroup
			for i := range 1 + n {
				group.Go(func() {
					if _, err := office.Reserve(t.Context(), store.id, buy(1)); err != nil {
						t.Error(err)
					}
				})
				if i == 0 {
					<-store.entered
				}
			}
			synctest.Wait()
			close(store.gate)
			group.Wait()
		}
		if office.Rush() {
			t.Error("an office without buyers is in a rush")
		}
		if crowd(9); office.Rush() {
			t.Error("9 of 40 are a rush")
		}
		if crowd(10); !office.Rush() {
			t.Error("a quarter of a batch waits, and it is no rush")
		}
		time.Sleep(rushLasts)
		if office.Rush() {
			t.Error("a rush outlives its time")
		}
	})
}
