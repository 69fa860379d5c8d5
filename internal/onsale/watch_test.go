package onsale

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// feedOf answers streams of the given numbers, one answer after another, and notes what readers said they had seen.
func feedOf(t *testing.T, answers ...[]int) (url string, seen func() []string) {
	t.Helper()
	var mu sync.Mutex
	var last []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n := len(last)
		last = append(last, r.Header.Get("Last-Event-ID"))
		mu.Unlock()
		if n >= len(answers) {
			<-r.Context().Done()
			return
		}
		for _, number := range answers[n] {
			fmt.Fprintf(w, "id: %d\nevent: entry\ndata: {\"seq\":%d,\"at\":%q,\"facts\":[]}\n\n", number, number,
				time.Now().Add(time.Hour).Format(time.RFC3339Nano))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string{}, last...)
	}
}

func watchFor(t *testing.T, url string) Watched {
	t.Helper()
	ctx, end := context.WithTimeout(t.Context(), 2*time.Second)
	defer end()
	got, err := Watch{Servers: []string{url}, Path: "/feed", Readers: 1, Feed: true}.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestWatch_goes_on_where_it_was_cut_off(t *testing.T) {
	t.Parallel()
	url, seen := feedOf(t, []int{1, 2, 3}, []int{4, 5})
	got := watchFor(t, url)
	if got.Messages != 5 || got.Gaps != 0 || got.Repeats != 0 || got.Most != 5 || got.LateMax > -time.Minute {
		t.Errorf("the reader saw %+v", got)
	}
	if last := strings.Join(seen(), ","); last != ",3,5" {
		t.Errorf("it asked after %q", last)
	}
}

func TestWatch_counts_what_is_missing_and_what_comes_twice(t *testing.T) {
	t.Parallel()
	url, _ := feedOf(t, []int{1, 2, 5, 4, 5})
	if got := watchFor(t, url); got.Gaps != 2 || got.Repeats != 2 {
		t.Errorf("the reader saw %+v", got)
	}
}
