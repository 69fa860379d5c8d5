package services

import "testing"

func TestWork_is_idle_between_its_spells(t *testing.T) {
	t.Parallel()
	var w inFlight
	isIdle := func(idle <-chan struct{}) bool {
		select {
		case <-idle:
			return true
		default:
			return false
		}
	}
	if !isIdle(w.idle()) {
		t.Error("nothing has begun, but it is not idle")
	}
	w.begin()
	w.begin()
	first := w.idle()
	w.end()
	if isIdle(first) {
		t.Error("idle while one is under way")
	}
	w.end()
	w.begin()
	if !isIdle(first) || isIdle(w.idle()) {
		t.Error("the end of the first spell was not told, or the second is not seen")
	}
	w.end()
}
